//! `all!(limit = n, iter)`: one option, one iterator, and a limit that lets a child run.

#[corio::dispatcher]
fn fetch(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::task]
fn checked(id: u64) -> Result<u64, ()> {
    Ok(io!(fetch(id)))
}

#[corio::task]
fn limit_of_none(ids: Vec<u64>) {
    all!(limit = 0, ids.into_iter().map(fetch));
}

#[corio::task]
fn unknown_option(ids: Vec<u64>) {
    let _ = try_all!(at_most = 3, ids.into_iter().map(checked));
}

#[corio::task]
fn of_requests(ids: Vec<u64>) {
    io_all!(limit = 2, ids.into_iter().map(fetch));
}

#[corio::task]
fn without_an_iterator() {
    let _ = try_all!(limit = 2);
}

#[corio::task]
fn with_two_iterators(ids: Vec<u64>) {
    all!(limit = 2, ids.iter().copied().map(fetch), ids.iter().copied().map(fetch));
}

#[corio::task]
fn limit_of_another_type(ids: Vec<u64>) {
    all!(limit = 2u64, ids.into_iter().map(fetch));
}

fn main() {}
