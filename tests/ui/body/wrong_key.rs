//! A request takes its key.

#[corio::dispatcher]
fn fetch_book(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::task]
fn title() -> String {
    io!(fetch_book("one"))
}

fn main() {}
