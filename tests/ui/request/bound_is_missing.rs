//! A generic context provides what its bounds say.

struct Db;
struct Cache;

#[corio::dispatcher]
fn fetch_author(_db: &Db, ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::task(impl corio::Provide<Cache>)]
fn card(author: u64) -> String {
    io!(fetch_author(author))
}

#[corio::task(S)]
fn other_card<S: corio::Provide<Cache>>(author: u64) -> String {
    io!(fetch_author(author))
}

fn main() {}
