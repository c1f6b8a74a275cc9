//! All at once, each once.

struct Db;

#[corio::dispatcher]
fn fetch_book(_db: &Db, ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[derive(corio::Context)]
struct Library {
    shelves: u32,
}

#[corio::task(Library)]
fn shelf(ids: Vec<u64>) -> Vec<String> {
    let first = io!(fetch_book(1));
    let second: u32 = "two";
    wait!(first);
    std::future::ready(second).await;
    ids.iter().map(|id| io!(fetch_book(*id))).collect()
}

fn main() {}
