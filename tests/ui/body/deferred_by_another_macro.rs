//! Another macro may put its arguments where a task can't wait; then rustc finds it.

macro_rules! later {
    ($future:expr) => {
        async { $future }
    };
}

macro_rules! whenever {
    ($value:expr) => {
        || $value
    };
}

#[corio::dispatcher]
fn fetch_book(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::task]
fn shelf() {
    let _later = later!(io!(fetch_book(1)));
    let _whenever = whenever!(io!(fetch_book(1)));
}

fn main() {}
