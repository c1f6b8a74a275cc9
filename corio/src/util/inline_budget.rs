//! How many requests may be answered inline, where they are asked, while a run is idle.

use std::cell::Cell;

/// The number of requests that may still be answered inline; zero unless the run is idle.
///
/// A run is *idle* when nothing but running tasks is going on: no request is queued, in flight,
/// answered or due, no dropped task is left to report, and no task waits for the task limit.
///
/// # Invariants
///
/// - Only the run loop calls `begin`, before a CPU phase and after checking all of the above.
/// - Whatever ends idleness while tasks run calls `end`, and so does the run loop at the end of the
///   CPU phase.
#[derive(Default)]
pub(crate) struct InlineBudget(pub(crate) Cell<u32>);

impl InlineBudget {
    /// Declares the run idle. At most `requests` requests are answered inline before the run loop
    /// reads the clock again.
    #[inline]
    pub(crate) fn begin(&self, requests: u32) {
        self.0.set(requests);
    }

    /// Declares the run not idle: no further request is answered inline in this CPU phase.
    #[inline]
    pub(crate) fn end(&self) {
        self.0.set(0);
    }
}
