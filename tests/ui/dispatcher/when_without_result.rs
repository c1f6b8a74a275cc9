//! `when` looks at the error of an answer: it has to be a `Result`, and the closure one over its error.

struct Busy;

#[corio::dispatcher(retry(attempts = 5, when = |_| true))]
fn fetch_title(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::dispatcher(retry(attempts = 5, when = |error: &String| error == "busy"))]
fn fetch_pages(ids: &[u64]) -> Vec<Result<u64, Busy>> {
    ids.iter().map(|id| Ok(*id)).collect()
}

#[corio::task]
fn title() -> String {
    io!(fetch_title(1))
}

fn main() {}
