//! Keys are shown by their `Debug`.

struct Id(u64);

#[corio::dispatcher(show_keys)]
fn fetch_book(ids: &[Id]) -> Vec<u64> {
    ids.iter().map(|id| id.0).collect()
}

fn main() {}
