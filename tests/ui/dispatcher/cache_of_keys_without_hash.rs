//! Answers are found by their keys' hash.

struct Isbn(u64);

#[corio::dispatcher(cache)]
fn fetch_title(isbns: &[Isbn]) -> Vec<String> {
    isbns.iter().map(|isbn| isbn.0.to_string()).collect()
}

#[corio::dispatcher(read)]
fn fetch_pages(isbns: &[Isbn]) -> Vec<u64> {
    isbns.iter().map(|isbn| isbn.0).collect()
}

#[corio::task]
fn title() -> String {
    io!(fetch_title(Isbn(1)))
}

fn main() {}
