//! Each form of asking says so once.

struct Db;

#[corio::dispatcher]
fn fetch_author(_db: &Db, ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::dispatcher]
fn fetch_title(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[derive(corio::Context)]
struct Library {
    shelves: u32,
}

#[corio::task(Library)]
fn one() -> String {
    io!(fetch_author(1))
}

#[corio::task(Library)]
fn several() -> String {
    let (title, author) = io!(fetch_title(1), fetch_author(1));
    title + &author
}

#[corio::task(Library)]
fn many() -> usize {
    io_all!([1, 2].map(fetch_author)).len()
}

#[corio::task(Library)]
fn called() -> String {
    call!(fetch_author(1))
}

#[corio::task(Library)]
fn spawned() {
    spawn!(fetch_author(1));
}

#[corio::task(Library)]
fn joined() -> String {
    let (title, author) = join!(fetch_title(1), fetch_author(1));
    title + &author
}

#[corio::task(Library)]
fn all() -> usize {
    all!([1, 2].map(fetch_author)).len()
}

#[corio::task(Library)]
fn raced() -> String {
    race!(fetch_title(1), fetch_author(1))
}

fn main() {
    let _ = corio::Schedule::new(Library { shelves: 1 }).run(fetch_author(1));
}
