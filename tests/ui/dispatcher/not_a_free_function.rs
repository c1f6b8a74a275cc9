//! A dispatcher is a free function.

#[corio::dispatcher]
struct Books;

struct Db;

impl Db {
    #[corio::dispatcher]
    fn fetch_book(&self, ids: &[u64]) -> Vec<String> {
        ids.iter().map(u64::to_string).collect()
    }
}

fn main() {
    let _books = Books;
}
