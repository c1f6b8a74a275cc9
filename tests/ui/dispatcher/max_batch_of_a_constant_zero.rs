//! A constant is checked when it is computed.

const MOST: usize = 0;

#[corio::dispatcher(max_batch = MOST)]
fn fetch_book(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::task]
fn title() -> u64 {
    io!(fetch_book(1))
}

fn main() {
    let _ = corio::Schedule::new(()).run(title());
}
