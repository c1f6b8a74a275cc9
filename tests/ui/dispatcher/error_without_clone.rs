//! The error of a batch goes to each of its requests.

struct DbError;

#[corio::dispatcher]
fn fetch_book(ids: &[u64]) -> Result<Vec<String>, DbError> {
    Ok(ids.iter().map(u64::to_string).collect())
}

#[corio::task]
fn title() -> Result<String, DbError> {
    io!(fetch_book(1))
}

fn main() {}
