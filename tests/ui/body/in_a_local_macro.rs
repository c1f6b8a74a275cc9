//! Where a local macro is used is not known to the attribute.

#[corio::dispatcher]
fn fetch_book(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::task]
fn shelf() -> String {
    macro_rules! book {
        ($id:expr) => {
            io!(fetch_book($id))
        };
    }

    let first: String = book!(1);
    first
}

fn main() {}
