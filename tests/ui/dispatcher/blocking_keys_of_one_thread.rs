//! Keys and answers go to another thread and back.

use std::rc::Rc;

#[corio::dispatcher(blocking)]
fn fetch_book(ids: &[Rc<u64>]) -> Vec<u64> {
    ids.iter().map(|id| **id).collect()
}

#[corio::dispatcher(blocking)]
fn fetch_author(ids: &[u64]) -> Vec<Rc<u64>> {
    ids.iter().map(|id| Rc::new(*id)).collect()
}

fn main() {}
