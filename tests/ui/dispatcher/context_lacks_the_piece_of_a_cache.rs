//! What `by` looks at is a piece like any other.

struct Tenant {
    id: u64,
}

struct Library;

#[corio::dispatcher(cache = "schedule", by = |tenant: &Tenant| tenant.id)]
fn fetch_book(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::task(Library)]
fn title() -> u64 {
    io!(fetch_book(1))
}

fn main() {}
