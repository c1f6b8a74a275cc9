//! A dispatcher is a plain or an async function.

#[corio::dispatcher]
const fn constant(_ids: &[u64]) -> Vec<u64> {
    Vec::new()
}

#[corio::dispatcher]
unsafe fn without_checks(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher]
extern "C" fn foreign(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::task]
fn program() -> u64 {
    io!(constant(1)) + io!(without_checks(1)) + io!(foreign(1))
}

fn main() {}
