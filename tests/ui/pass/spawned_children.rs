//! Handles that may be dropped: of children that cannot fail, and on purpose.
#![deny(warnings, unused_must_use, let_underscore_drop)]

#[corio::task]
fn fallible() -> Result<u64, String> {
    Ok(1)
}

#[corio::task]
fn infallible() -> u64 {
    1
}

#[corio::task]
fn program() -> Result<u64, String> {
    spawn!(infallible());
    spawn!(task!({}));
    let _handle = spawn!(fallible());
    drop(spawn!(fallible()));
    call!(spawn!(fallible()))?;
    let handle = spawn!(fallible());
    call!(handle)
}

#[corio::task]
fn by_underscore() {
    #![allow(let_underscore_drop)]
    let _ = spawn!(fallible());
}

fn main() {
    assert_eq!(corio::Schedule::new(()).run(program()), Ok(Ok(1)));
    assert_eq!(corio::Schedule::new(()).run(by_underscore()), Ok(()));
}
