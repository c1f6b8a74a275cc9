//! A task is no future: it can only be given to a run.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

#[corio::task]
fn number() -> u64 {
    1
}

fn main() {
    let _ = pin!(number()).poll(&mut Context::from_waker(Waker::noop()));
}
