//! TODO

use std::cell::Cell;

/// Whether nothing but tasks that run is going on: nothing is asked, in flight, answered or due, no
/// task was dropped, none waits for room.
///
/// What must hold: the run loop alone says that it is so, before a CPU phase and after looking at
/// all of it; whoever begins any of it while tasks run says that it is over, and so does the end of
/// the phase.
#[derive(Default)]
pub(crate) struct InlineBudget(pub(crate) Cell<u32>);

impl InlineBudget {
    /// It is quiet, and so many requests may be answered at once before the run loop wants to look
    /// at the time.
    #[inline]
    pub(crate) fn begin(&self, requests: u32) {
        self.0.set(requests);
    }

    #[inline]
    pub(crate) fn end(&self) {
        self.0.set(0);
    }
}
