//! Durations are texts, and longer than nothing.

#[corio::dispatcher(timeout)]
async fn unsaid(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(timeout = 2)]
async fn number(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(timeout = "soon")]
async fn word(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(timeout = "2")]
async fn without_unit(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(timeout = "0s")]
async fn nothing(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(timeout = "99999999999999y")]
async fn forever(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(cache = "schedule", by = || (), ttl = "a while")]
async fn lifetime(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::task]
fn program() {
    io!(unsaid(1), number(1), word(1), without_unit(1), nothing(1), forever(1), lifetime(1));
}

fn main() {}
