//! Tasks that call each other in a circle need a box.

#[corio::task]
fn even(n: u64) -> bool {
    if n == 0 { true } else { call!(odd(n - 1)) }
}

#[corio::task]
fn odd(n: u64) -> bool {
    if n == 0 { false } else { call!(even(n - 1)) }
}

fn main() {}
