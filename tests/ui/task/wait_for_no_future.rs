//! `wait!(future)` waits for a future from outside, and for nothing else.

#[corio::dispatcher]
fn fetch(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::task]
fn other() -> u64 {
    1
}

#[corio::task]
fn program() {
    wait!(other());
    wait!(fetch(1));
    let _: String = wait!(String::new());
    let _: String = wait!(async { 1 });
}

fn main() {}
