//! A crate as strict as can be: the macros raise no warning in it.
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, missing_debug_implementations, single_use_lifetimes, elided_lifetimes_in_paths)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery)]
#![deny(unused_unsafe, unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]
// The expansions hold an `unsafe` of corio's own, which is none of this crate.
#![forbid(unsafe_code)]

use std::collections::HashMap;

struct Db(u64);

#[derive(corio::Context)]
struct App {
    db: Db,
}

#[corio::dispatcher]
fn fetch(db: &Db, keys: &[u64]) -> HashMap<u64, u64> {
    keys.iter().map(|key| (*key, key * db.0)).collect()
}

#[corio::task(App)]
fn with_a_context(depth: u64) -> u64 {
    let fetched = io!(fetch(depth)).unwrap_or_default();
    if depth == 0 { context!().db.0 } else { fetched + call!(with_a_context(depth - 1)) }
}

#[corio::task(impl corio::Provide<Db>)]
fn with_a_piece() -> Vec<u64> {
    all!((0..3).map(|key| task!(move -> u64 { io!(fetch(key)).unwrap_or_default() })))
}

#[corio::task]
fn without() -> u64 {
    call!(spawn!(task!(-> u64 { 1 })))
}

macro_rules! written_by_a_macro {
    ($name:ident, $context:ty) => {
        #[corio::task($context)]
        fn $name() -> u64 {
            context!().db.0
        }
    };
}

written_by_a_macro!(by_a_macro, App);

fn main() {
    let mut schedule = corio::Schedule::new(App { db: Db(10) });
    assert_eq!(schedule.run(with_a_context(2)), Ok(40));
    assert_eq!(schedule.run(with_a_piece()), Ok(vec![0, 10, 20]));
    assert_eq!(schedule.run(without()), Ok(1));
    assert_eq!(schedule.run(by_a_macro()), Ok(10));
}
