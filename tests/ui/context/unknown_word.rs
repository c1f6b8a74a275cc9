//! A field is provided, or skipped.

struct Db;
struct Cache;

#[derive(corio::Context)]
struct Library {
    #[provide(skipp)]
    db: Db,
    #[provide = "yes"]
    cache: Cache,
}

fn main() {}
