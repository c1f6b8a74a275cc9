//! `io_all!` and `all!` take an iterator.

#[corio::dispatcher]
fn fetch_book(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::task]
fn requests() {
    io_all!(fetch_book(1));
}

#[corio::task]
fn tasks() {
    all!(fetch_book(1));
}

#[corio::task]
fn until_the_first_error() {
    try_all!(fetch_book(1));
}

fn main() {}
