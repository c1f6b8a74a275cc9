//! `call!`: runs a task inside another one, to its end.
//!
//! The called task has a scope of its own for the children that it spawns. The scope is opened by
//! the first spawn: most calls never touch the tree.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::executor::Id;
use crate::runtime::current;

pin_project! {
    /// The future of a `call!`.
    #[must_use]
    pub struct Call<F: Future> {
        #[pin]
        stage: CallStage<F>,
        // The scope of the called task, or `NONE` while the task has spawned nothing.
        scope: Id,
    }
}

pin_project! {
    // Only the running future is pinned; the output is moved out.
    #[project = Stage]
    #[project_replace = ReplacedStage]
    enum CallStage<F: Future> {
        Running {
            #[pin]
            future: F,
        },
        // The task has returned, and some of its children have not ended.
        AwaitingChildren {
            output: F::Output,
        },
        Done,
    }
}

impl<F: Future> Call<F> {
    #[inline]
    pub(crate) fn new(future: F) -> Self {
        Call { stage: CallStage::Running { future }, scope: Id::NONE }
    }
}

impl<F: Future> Future for Call<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        current::with(|run| {
            let executor = &run.executor;
            if let Stage::Running { future } = this.stage.as_mut().project() {
                let outer_scope = executor.swap_scope(*this.scope);
                let poll = future.poll(context);
                *this.scope = executor.swap_scope(outer_scope);
                let Poll::Ready(output) = poll else { return Poll::Pending };
                if *this.scope == Id::NONE {
                    this.stage.set(CallStage::Done);
                    return Poll::Ready(output);
                }
                this.stage.set(CallStage::AwaitingChildren { output });
            }
            if !executor.await_children(*this.scope) {
                return Poll::Pending;
            }
            executor.close_scope(*this.scope);
            *this.scope = Id::NONE;
            match this.stage.project_replace(CallStage::Done) {
                ReplacedStage::AwaitingChildren { output } => Poll::Ready(output),
                ReplacedStage::Running { .. } | ReplacedStage::Done => {
                    unreachable!("polled after it was over")
                }
            }
        })
    }
}
