//! A task returns what it says it returns.

#[corio::dispatcher]
fn fetch_book(ids: &[u64]) -> Vec<Result<String, String>> {
    ids.iter().map(|id| Ok(id.to_string())).collect()
}

#[corio::task]
fn print() {
    println!("{}", io!(fetch_book(1))?);
}

fn main() {}
