//! Constants are checked when they are computed, where they are written.

use corio::Batch;

const NONE: usize = 0;
const ONCE: u32 = 1;

#[corio::dispatcher(max_in_flight = NONE)]
fn never_leaves(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(retry(attempts = ONCE))]
fn once(batch: Batch<u64, u64>) {
    batch.into_iter().for_each(drop);
}

#[corio::dispatcher(cache = "schedule", by = || (), capacity = NONE)]
fn keeps_nothing(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::task]
fn program() -> u64 {
    io!(never_leaves(1)) + io!(once(1)) + io!(keeps_nothing(1))
}

fn main() {
    let _ = corio::Schedule::new(()).run(program());
}
