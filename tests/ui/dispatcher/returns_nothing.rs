//! A dispatcher answers.

#[corio::dispatcher]
fn store(ids: &[u64]) {
    println!("{ids:?}");
}

#[corio::task]
fn program() {
    io!(store(1));
}

fn main() {}
