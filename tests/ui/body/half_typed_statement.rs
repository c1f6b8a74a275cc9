//! Code that is being typed gets rustc's own error.

#[corio::dispatcher]
fn fetch_book(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::task]
fn title() -> usize {
    let title = io!(fetch_book(1));
    let length = title.
}

fn main() {
    let _ = corio::Schedule::new(()).run(title());
}
