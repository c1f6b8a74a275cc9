//! An async block is no part of the task.

#[corio::dispatcher]
fn fetch_book(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::task]
fn shelf() {
    let _later = async { io!(fetch_book(1)) };
    let _closure = async |id: u64| io!(fetch_book(id));
}

fn main() {}
