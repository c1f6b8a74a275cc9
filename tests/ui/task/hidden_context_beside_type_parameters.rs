//! `impl Provide<Db>` would add a type parameter that nobody can name.

use corio::Provide;

struct Db;

#[corio::task(impl Provide<Db>)]
fn card<T: ToString>(id: T) -> String {
    id.to_string()
}

#[corio::task(impl Provide<Db>)]
fn program() -> String {
    call!(card(1))
}

fn main() {}
