//! What `retry(…)` says, and what is missing in it.

use corio::Batch;

#[corio::dispatcher(retry)]
fn unsaid(batch: Batch<u64, u64>) {
    batch.into_iter().for_each(drop);
}

#[corio::dispatcher(retry = 5)]
fn valued(batch: Batch<u64, u64>) {
    batch.into_iter().for_each(drop);
}

#[corio::dispatcher(retry(backoff = "10ms..1s"))]
fn without_attempts(batch: Batch<u64, u64>) {
    batch.into_iter().for_each(drop);
}

#[corio::dispatcher(retry(attempts = 0))]
fn never(batch: Batch<u64, u64>) {
    batch.into_iter().for_each(drop);
}

#[corio::dispatcher(retry(attempts = 1))]
fn once(batch: Batch<u64, u64>) {
    batch.into_iter().for_each(drop);
}

#[corio::dispatcher(retry(attempts = 5, backoff = "ten"))]
fn no_duration(batch: Batch<u64, u64>) {
    batch.into_iter().for_each(drop);
}

#[corio::dispatcher(retry(attempts = 5, backoff = "1s..10ms"))]
fn backwards(batch: Batch<u64, u64>) {
    batch.into_iter().for_each(drop);
}

#[corio::dispatcher(retry(attempts = 5, jitter))]
fn jitter_of_nothing(batch: Batch<u64, u64>) {
    batch.into_iter().for_each(drop);
}

#[corio::dispatcher(retry(attemps = 5))]
fn misspelt(batch: Batch<u64, u64>) {
    batch.into_iter().for_each(drop);
}

#[corio::dispatcher(retry(attempts = 5, attempts = 6))]
fn twice(batch: Batch<u64, u64>) {
    batch.into_iter().for_each(drop);
}

#[corio::dispatcher(retry(attempts = 5))]
fn no_slots(ids: &[u64]) -> Vec<Result<u64, String>> {
    ids.iter().map(|id| Ok(*id)).collect()
}

#[corio::task]
fn program() {
    io!(unsaid(1), valued(1), without_attempts(1), never(1), once(1));
    io!(no_duration(1), backwards(1), jitter_of_nothing(1), misspelt(1), twice(1), no_slots(1));
}

fn main() {}
