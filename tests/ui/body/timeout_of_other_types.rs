//! `timeout!` takes a `Duration` and a task, and gives a `Result`.

use std::time::Duration;

#[corio::dispatcher]
fn fetch_book(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::task]
fn title(id: u64) -> String {
    io!(fetch_book(id))
}

#[corio::task]
fn seconds() -> bool {
    timeout!(1, title(1)).is_ok()
}

#[corio::task]
fn no_task() -> bool {
    timeout!(Duration::from_secs(1), 1).is_ok()
}

#[corio::task]
fn result() -> String {
    timeout!(Duration::from_secs(1), title(1))
}

#[corio::task]
fn request() -> Option<String> {
    timeout!(Duration::from_secs(1), fetch_book(1)).ok()
}

fn main() {}
