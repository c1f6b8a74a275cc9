//! Without an import only rustc can say what it is.

#[corio::dispatcher]
fn fetch_book(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

fn main() {
    io!(fetch_book(1));
}
