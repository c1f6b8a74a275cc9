//! A constant is computed when compiled.

#[corio::dispatcher]
fn fetch_book(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::task]
fn shelf() {
    const FIRST: usize = io!(fetch_book(1)).len();
    let _second = const { io!(fetch_book(2)).len() };
    let _room = [0; FIRST];
}

fn main() {}
