//! Tracing waits: the await points that the frames of a task are in, and what the innermost await
//! point waits for.
//!
//! Nothing is recorded while a run makes progress. To trace the wait of a task, the executor
//! resumes the task once more. The task cannot go on, as every task that can go on is in the ready
//! queue. So the poll goes down to the innermost future and returns pending; meanwhile that future
//! records what the task waits for, and every await point records its line.
//!
//! A hand-written task may poll for something that wakes no task, and can go on when resumed. After
//! a panic no user code may run, so the futures of such tasks are not polled. In a search for a
//! deadlock the futures are polled, and if a task makes progress there is no deadlock.

use super::body::Body;
use super::flag;
use super::id::Id;
use super::state::Executor;
use super::wait_reason::{AwaitPoint, ResumeReason, WaitReason, WaitTrace};

/// Guard that resets the resume reason, also when the traced task panics.
struct ResetReason<'e>(&'e Executor);

impl Drop for ResetReason<'_> {
    fn drop(&mut self) {
        self.0.resume_reason.set(ResumeReason::Continue);
    }
}

impl Executor {
    /// Declares that the running task is about to wait for something that will wake the task.
    /// `reason` is called only if the wait of the task is being traced.
    #[inline]
    pub(crate) fn park_for(&self, reason: impl FnOnce() -> WaitReason) {
        self.park();
        if self.is_traced() {
            self.wait_trace.borrow_mut().reason = Some(reason());
        }
    }

    /// Whether the running task was resumed only to trace its wait.
    #[inline]
    pub(crate) fn is_traced(&self) -> bool {
        self.resume_reason.get() != ResumeReason::Continue
    }

    /// Whether the running task was resumed only to trace its wait after a panic, when no code of
    /// the user's may run.
    pub(crate) fn is_traced_after_panic(&self) -> bool {
        self.resume_reason.get() == ResumeReason::AfterPanic
    }

    /// Says that the task which is being traced can go on: the run is not stuck.
    pub(crate) fn goes_on_after_trace(&self) {
        self.trace_made_progress.set(true);
        self.wake(self.current());
    }

    /// Records an await point of the task that is being traced; the innermost is recorded first.
    #[cold]
    pub(crate) fn record_await_point(&self, point: AwaitPoint) {
        self.wait_trace.borrow_mut().await_points.push(point);
    }

    /// Traces the wait of a task. The trace of a task that is ready, was dropped, has returned, or
    /// runs no user code is empty.
    #[cold]
    pub(super) fn trace_wait(&self, id: Id, resume_reason: ResumeReason) -> WaitTrace {
        let body = match self.tree.borrow().get(id) {
            Some(entry) if !entry.has(flag::RETURNED | flag::DONE) => {
                entry.body.as_ref().map(Body::by_ref).filter(|body| body.vtable().runs_code)
            }
            _ => None,
        };
        let Some(body) = body.filter(|_| !self.ready.borrow().contains(id)) else {
            return WaitTrace::default();
        };
        self.wait_trace.take();
        self.resume_reason.set(resume_reason);
        let reset_reason = ResetReason(self);
        if !self.resume_body(id, body) {
            self.trace_made_progress.set(true);
        }
        drop(reset_reason);
        self.wait_trace.take()
    }
}
