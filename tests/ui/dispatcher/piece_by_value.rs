//! Pieces are shared.

#[derive(Clone)]
struct Db;

#[corio::dispatcher]
fn fetch_book(db: Db, ids: &[u64]) -> Vec<String> {
    drop(db);
    ids.iter().map(u64::to_string).collect()
}

#[corio::task]
fn title() -> String {
    io!(fetch_book(1))
}

fn main() {}
