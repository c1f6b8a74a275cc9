//! `call!`: a task run inside another, to its end.
//!
//! It has a scope of its own for what it spawns, opened only if it does spawn: most calls never
//! touch the tree.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::executor::Id;
use crate::runtime::current;

/// The future of a `call!`.
#[must_use]
pub struct Call<F: Future> {
    stage: CallStage<F>,
    /// Where its children are, or `NONE`.
    scope: Id,
}

enum CallStage<F: Future> {
    Running(F),
    /// It has returned, and its children have not.
    Ending(F::Output),
    Over,
}

impl<F: Future> Call<F> {
    #[inline]
    pub(crate) fn new(future: F) -> Self {
        Call { stage: CallStage::Running(future), scope: Id::NONE }
    }
}

// The output is moved out, and so not pinned.
impl<F: Future + Unpin> Unpin for Call<F> {}

impl<F: Future> Future for Call<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the running future is pinned with the call: it is polled where it is, and dropped
        // where it is by the assignments to `stage`.
        let this = unsafe { self.get_unchecked_mut() };
        current::with(|run| {
            let executor = &run.executor;
            if let CallStage::Running(future) = &mut this.stage {
                let outside = executor.swap_scope(this.scope);
                // SAFETY: as above.
                let poll = unsafe { Pin::new_unchecked(future) }.poll(context);
                this.scope = executor.swap_scope(outside);
                let Poll::Ready(output) = poll else { return Poll::Pending };
                if this.scope == Id::NONE {
                    this.stage = CallStage::Over;
                    return Poll::Ready(output);
                }
                this.stage = CallStage::Ending(output);
            }
            if !executor.await_children(this.scope) {
                return Poll::Pending;
            }
            executor.close_scope(this.scope);
            this.scope = Id::NONE;
            match std::mem::replace(&mut this.stage, CallStage::Over) {
                CallStage::Ending(output) => Poll::Ready(output),
                CallStage::Running(_) | CallStage::Over => unreachable!("polled after it was over"),
            }
        })
    }
}
