//! A dispatcher takes keys.

#[corio::dispatcher]
fn fetch_all() -> Vec<u64> {
    Vec::new()
}

#[corio::task]
fn program() {
    io!(fetch_all());
}

fn main() {}
