//! What `io!` gives has the dispatcher's type.

#[corio::dispatcher]
fn fetch_book(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::task]
fn pages() -> u32 {
    let pages: u32 = io!(fetch_book(1));
    pages
}

#[corio::task]
fn title() -> u32 {
    io!(fetch_book(2))
}

fn main() {}
