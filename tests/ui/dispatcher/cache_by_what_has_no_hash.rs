//! For whom the answers of a cache are is found by hash.

#[derive(Clone)]
struct Name;

struct Tenant {
    name: Name,
}

#[corio::dispatcher(cache = "schedule", by = |tenant: &Tenant| tenant.name.clone())]
fn fetch_book(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

fn main() {}
