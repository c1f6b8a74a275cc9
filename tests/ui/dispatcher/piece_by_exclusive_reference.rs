//! Pieces are shared.

struct Db(u64);

#[corio::dispatcher]
fn fetch_book(db: &mut Db, ids: &[u64]) -> Vec<String> {
    db.0 += 1;
    ids.iter().map(u64::to_string).collect()
}

fn main() {}
