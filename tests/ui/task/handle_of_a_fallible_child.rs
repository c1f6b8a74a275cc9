//! A child that can fail is not to be spawned and forgotten: nobody would hear of its error.
#![deny(unused_must_use)]

#[corio::task]
fn fallible() -> Result<u64, String> {
    Ok(1)
}

#[corio::task]
fn program() {
    spawn!(fallible());
}

#[corio::task]
fn in_a_loop() {
    for _ in 0..3 {
        spawn!(task!(-> Result<(), String> { Ok(()) }));
    }
}

fn main() {}
