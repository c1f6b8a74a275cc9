//! A request that is not asked, a task that is not run.

#![deny(unused_must_use)]

#[corio::dispatcher]
fn fetch_book(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::task]
fn plain() {}

#[corio::task(())]
fn bound() {}

#[corio::task]
fn program() {
    fetch_book(1);
    plain();
    bound();
}

fn main() {
    program();
}
