//! What a cache takes, and what each of its options needs.

struct Tenant {
    id: u64,
}

#[corio::dispatcher(cache = "forever")]
fn unknown(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(cache = true)]
fn valued(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(cache = "schedule")]
fn for_whom(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(cache, capacity = 100, ttl = "1min", by = |tenant: &Tenant| tenant.id)]
fn of_a_run(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(cache_errors)]
fn no_cache(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(cache = "schedule", by = || (), capacity = 0, ttl = "0s")]
fn keeps_nothing(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(cache = "schedule", by = id_of)]
fn no_closure(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(cache = "schedule", by = |tenant| tenant.id)]
fn no_type(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(cache = "schedule", by = |tenant: Tenant| tenant.id)]
fn by_value(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::task]
fn program() {
    io!(unknown(1), valued(1), for_whom(1), of_a_run(1), no_cache(1), keeps_nothing(1));
    io!(no_closure(1), no_type(1), by_value(1));
}

fn main() {
    let _ = Tenant { id: 1 }.id;
}
