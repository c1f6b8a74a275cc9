//! Where a task stands: the waiting points that its frames are in, and what the innermost one waits
//! for.
//!
//! Nothing of it is kept while all goes well. A task that is to say where it stands is resumed once
//! more. It cannot go on, as whatever can go on is in the ready queue, so the poll goes down to the
//! future that it waits in and comes back pending; on the way that future says what it waits for,
//! and every waiting point says its line.
//!
//! Tasks written by hand may look at something that nobody wakes them for, and do go on then. After
//! a panic, where no code of the user's is to run, their futures are not polled; where a deadlock
//! is looked for, there is none if one of them has moved.

use super::body::Body;
use super::id::Id;
use super::state::Executor;
use super::tree::flag;
use super::wait_reason::{AwaitPoint, ResumeReason, WaitReason, WaitTrace};

/// Whatever comes, the next task is resumed to go on.
struct ResetReason<'e>(&'e Executor);

impl Drop for ResetReason<'_> {
    fn drop(&mut self) {
        self.0.resume_reason.set(ResumeReason::Continue);
    }
}

impl Executor {
    /// The running task is about to wait, for something that will wake it. `what` is asked for only
    /// if the task is to say where it stands.
    #[inline]
    pub(crate) fn park_for(&self, what: impl FnOnce() -> WaitReason) {
        self.park();
        if self.is_traced() {
            self.wait_trace.borrow_mut().waits = Some(what());
        }
    }

    /// Whether the running task is resumed only to say where it stands.
    #[inline]
    pub(crate) fn is_traced(&self) -> bool {
        self.resume_reason.get() != ResumeReason::Continue
    }

    /// Whether no code of the user's is to run although a task is resumed.
    pub(crate) fn is_traced_after_panic(&self) -> bool {
        self.resume_reason.get() == ResumeReason::AfterAPanic
    }

    #[cold]
    pub(crate) fn record_await_point(&self, waypoint: AwaitPoint) {
        self.wait_trace.borrow_mut().way.push(waypoint);
    }

    /// Asks a task where it stands. One that has returned, or can go on, does not.
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
        let asking = ResetReason(self);
        if !self.resume_body(id, body) {
            self.trace_went_on.set(true);
        }
        drop(asking);
        self.wait_trace.take()
    }
}
