//! Options that exclude each other, and options that this kind of function can't have.

use corio::Batch;

#[corio::dispatcher(ordered, dedup)]
fn ordered_and_dedup(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(cache, ordered)]
fn cache_and_ordered(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(write, read)]
fn write_and_read(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(write, max_in_flight = 4)]
fn many_writes(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(read, dedup)]
fn dedup_twice(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(write, ordered)]
fn ordered_twice(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(blocking)]
async fn blocking_and_async(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(timeout = "2s")]
fn in_place(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(timeout = "2s")]
fn later(batch: Batch<u64, u64>) {
    batch.into_iter().for_each(drop);
}

#[corio::task]
fn program() {
    io!(ordered_and_dedup(1), cache_and_ordered(1), write_and_read(1), many_writes(1));
    io!(dedup_twice(1), ordered_twice(1), blocking_and_async(1), in_place(1), later(1));
}

fn main() {}
