//! Dispatchers and functions that a task calls may have spans: nothing waits in them.

#[corio::dispatcher]
#[tracing::instrument]
fn fetch(keys: &[u64]) -> Vec<u64> {
    keys.to_vec()
}

#[corio::dispatcher]
#[tracing::instrument]
async fn fetch_later(keys: &[u64]) -> Vec<u64> {
    keys.to_vec()
}

#[tracing::instrument]
fn add(one: u64, other: u64) -> u64 {
    one + other
}

#[corio::task]
fn sum(id: u64) -> u64 {
    let (one, other) = io!(fetch(id), fetch_later(id));
    add(one, other)
}

fn main() {
    assert_eq!(corio::Schedule::new(()).run(sum(21)), Ok(42));
}
