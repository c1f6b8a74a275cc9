//! `call!`: runs a task inside another one, to its end.
//!
//! The called task has a scope of its own for the children that it spawns. The scope is opened by
//! the first spawn: most calls never touch the tree.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::executor::Id;
use crate::runtime::current;

/// The future of a `call!`.
#[must_use]
pub struct Call<F: Future> {
    stage: CallStage<F>,
    /// The scope of the called task, or `NONE` while the task has spawned nothing.
    scope: Id,
}

enum CallStage<F: Future> {
    Running(F),
    /// The task has returned, and some of its children have not ended.
    AwaitingChildren(F::Output),
    Done,
}

impl<F: Future> Call<F> {
    #[inline]
    pub(crate) fn new(future: F) -> Self {
        Call { stage: CallStage::Running(future), scope: Id::NONE }
    }
}

// Only the running future is pinned; the output is moved out.
impl<F: Future + Unpin> Unpin for Call<F> {}

impl<F: Future> Future for Call<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the running future is structurally pinned: it is polled in place, and dropped in
        // place by the assignments to `stage`.
        let this = unsafe { self.get_unchecked_mut() };
        current::with(|run| {
            let executor = &run.executor;
            if let CallStage::Running(future) = &mut this.stage {
                let outer_scope = executor.swap_scope(this.scope);
                // SAFETY: the future stays in `self`, which is pinned, until it is dropped there.
                let poll = unsafe { Pin::new_unchecked(future) }.poll(context);
                this.scope = executor.swap_scope(outer_scope);
                let Poll::Ready(output) = poll else { return Poll::Pending };
                if this.scope == Id::NONE {
                    this.stage = CallStage::Done;
                    return Poll::Ready(output);
                }
                this.stage = CallStage::AwaitingChildren(output);
            }
            if !executor.await_children(this.scope) {
                return Poll::Pending;
            }
            executor.close_scope(this.scope);
            this.scope = Id::NONE;
            match std::mem::replace(&mut this.stage, CallStage::Done) {
                CallStage::AwaitingChildren(output) => Poll::Ready(output),
                CallStage::Running(_) | CallStage::Done => unreachable!("polled after it was over"),
            }
        })
    }
}
