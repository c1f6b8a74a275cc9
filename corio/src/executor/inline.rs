//! A running task that steps aside while its request is answered inline.
//!
//! When the running task is the last that can run and nothing else is going on in the run, a
//! request is answered where the task asks (see `crate::runtime::answer_now`). The task steps aside
//! meanwhile, so that the dispatcher does not run as part of a task, and steps back afterwards.
//! Then either the task goes on at once, which counts as one resume, or the CPU phase is paused and
//! the task waits.
//!
//! The run loop counts resumes since the last batch was sent. A request that is answered inline is
//! such a batch, so `went_on_at` records how many resumes were left then, and `paused_at` how many
//! were left when the phase was paused.

use super::id::Id;
use super::state::Executor;

impl Executor {
    /// Whether no other task can run, and one more task may be resumed in this CPU phase.
    #[inline]
    pub(crate) fn is_last(&self) -> bool {
        self.resumes_left.get() > 0 && !self.has_ready()
    }

    /// Suspends being part of a task, until `step_back` is called with the returned task and scope.
    #[inline]
    pub(crate) fn step_aside(&self) -> (Id, Id) {
        self.went_on_at.set(Some(self.resumes_left.get()));
        (self.current.replace(Id::NONE), self.scope.replace(Id::NONE))
    }

    /// Continues as a part of the task that stepped aside.
    #[inline]
    pub(crate) fn step_back(&self, (task, scope): (Id, Id)) {
        self.current.set(task);
        self.scope.set(scope);
    }

    /// Lets the running task go on without waiting, which counts as one resume.
    #[inline]
    pub(crate) fn go_on(&self) {
        self.resumes_left.set(self.resumes_left.get() - 1);
        self.parked.set(false);
    }

    /// Pauses the CPU phase: no further task is resumed before the run loop has run.
    #[cold]
    pub(crate) fn pause(&self) {
        self.paused_at.set(Some(self.resumes_left.replace(0)));
    }

    /// Number of resumes that were left when the CPU phase was paused, or `None` if the phase was
    /// not paused. Resets the number.
    #[inline]
    pub(crate) fn take_paused_at(&self) -> Option<usize> {
        self.paused_at.take()
    }

    /// Number of resumes that were left when a task last stepped aside, or `None` if no task has
    /// done so since the last call. Resets the number.
    #[inline]
    pub(crate) fn take_went_on_at(&self) -> Option<usize> {
        self.went_on_at.take()
    }
}
