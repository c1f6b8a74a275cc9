//! A piece is found by its type.

use std::sync::Arc;

struct Db;

#[derive(corio::Context)]
struct Library {
    primary: Db,
    replica: Db,
}

#[derive(corio::Context)]
struct Shop {
    primary: Db,
    replica: Arc<Db>,
}

fn main() {
    let _ = corio::Schedule::new(Library { primary: Db, replica: Db });
    let _ = corio::Schedule::new(Shop { primary: Db, replica: Arc::new(Db) });
}
