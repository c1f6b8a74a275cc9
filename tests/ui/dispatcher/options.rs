//! Each option once, by its name.

#[corio::dispatcher(max_batch = 0)]
fn empty_batches(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(max_batch)]
fn unsaid(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(max_batch = "many")]
fn text(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(dedupe)]
fn misspelt(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(frobnicate = 3)]
fn unknown(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(dedup, max_batch = 5, dedup)]
fn twice(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(dedup = true)]
fn valued(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::task]
fn program() -> u64 {
    io!(empty_batches(1)) + io!(unsaid(1)) + io!(text(1)) + io!(misspelt(1)) + io!(unknown(1)) + io!(twice(1)) + io!(valued(1))
}

fn main() {}
