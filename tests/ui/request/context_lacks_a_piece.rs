//! A request needs a piece that this context lacks.

struct Db;

#[corio::dispatcher]
fn fetch_author(_db: &Db, ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[derive(corio::Context)]
struct Library {
    shelves: u32,
}

#[corio::task(Library)]
fn card(author: u64) -> String {
    io!(fetch_author(author))
}

fn main() {}
