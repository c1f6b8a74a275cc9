//! The error of a group goes to all who wait for it.

use corio::sync::ErrGroup;

struct NotFound;

#[corio::task]
fn finds() -> Result<(), NotFound> {
    Err(NotFound)
}

#[corio::task]
fn program() -> Result<(), NotFound> {
    let group = ErrGroup::new();
    spawn!(group.run(finds()));
    call!(group.wait())
}

fn main() {}
