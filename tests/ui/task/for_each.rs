//! What `for_each!` and `try_for_each!` do not take.

#[corio::dispatcher]
fn fetch(keys: &[u64]) -> Vec<u64> {
    keys.to_vec()
}

#[corio::task]
fn uses(n: u64) {
    io!(fetch(n));
}

#[corio::task]
fn number(n: u64) -> u64 {
    io!(fetch(n))
}

#[corio::task]
fn can_fail(n: u64) -> Result<(), String> {
    io!(fetch(n));
    Ok(())
}

#[corio::task]
fn forms() {
    for_each!(0..3, uses);
    for_each!(limit = 0, 0..3, uses);
    for_each!(limit = 3, (0..3).map(uses));
    for_each!(at_once = 3, 0..3, uses);
    for_each!();
}

#[corio::task]
fn types() -> Result<(), String> {
    for_each!(limit = 3, 7_u64, uses);
    for_each!(limit = 3, 0..3, number);
    for_each!(limit = 3, 0..3, fetch);
    for_each!(limit = 3, 0..3, can_fail);
    for_each!(limit = 3, ["a"], uses);
    for_each!(limit = 3, 0..3, |n: u64| n);
    try_for_each!(limit = 3, 0..3, uses)
}

fn main() {}
