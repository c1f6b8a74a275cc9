//! Keys come last.

struct Db;

#[corio::dispatcher]
fn fetch_book(ids: &[u64], db: &Db) -> Vec<String> {
    let _ = db;
    ids.iter().map(u64::to_string).collect()
}

fn main() {}
