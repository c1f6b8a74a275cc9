//! A piece goes to the other thread as a clone.

use std::rc::Rc;

struct Db;

#[corio::dispatcher(blocking)]
fn fetch_book(_: &Db, ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(blocking)]
fn fetch_author(_: &Rc<Db>, ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

fn main() {}
