//! `wait!()`: waits until all children that the task (or the enclosing `call!`) has spawned have
//! ended.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::runtime::current;

/// The future of `wait!()`.
#[must_use]
#[derive(Debug)]
pub struct Wait(());

impl Wait {
    pub(super) fn new() -> Self {
        Wait(())
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        current::with(|run| {
            if run.executor.await_children(run.executor.scope_if_open()) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    }
}
