//! A task that runs over any context has no pieces.

struct Db;

#[corio::dispatcher]
fn fetch_author(_db: &Db, ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::task]
fn card(author: u64) -> String {
    io!(fetch_author(author))
}

fn main() {}
