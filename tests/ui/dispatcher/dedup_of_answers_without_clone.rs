//! An answer that goes to several requests is cloned.

use std::collections::HashMap;

struct Book;

#[corio::dispatcher(dedup)]
fn fetch_book(ids: &[u64]) -> Vec<Book> {
    ids.iter().map(|_| Book).collect()
}

#[corio::dispatcher]
fn by_key(ids: &[u64]) -> HashMap<u64, Book> {
    ids.iter().map(|id| (*id, Book)).collect()
}

fn main() {}
