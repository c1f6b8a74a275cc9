//! A closure can't be suspended.

#[corio::dispatcher]
fn fetch_book(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::task]
fn shelf(ids: Vec<u64>) -> Vec<String> {
    ids.iter().map(|id| io!(fetch_book(*id))).collect()
}

fn main() {}
