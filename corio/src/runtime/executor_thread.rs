//! Whether this thread polls futures for an executor, so that whoever puts it to sleep holds up all
//! the others.
//!
//! No executor says so to strangers. What is known: a thread that is polling an asynchronous run of
//! corio, and with the feature `tokio` whatever tokio polls.

use std::cell::Cell;

thread_local! {
    static POLLS_A_RUN: Cell<bool> = const { Cell::new(false) };
}

/// This thread polls an asynchronous run, until it is dropped.
pub(crate) struct Polling {
    before: bool,
}

impl Polling {
    pub(crate) fn begin() -> Self {
        Polling { before: POLLS_A_RUN.replace(true) }
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        POLLS_A_RUN.set(self.before);
    }
}

/// Whether it does, as far as that is known.
pub(crate) fn polls_this_thread() -> bool {
    #[cfg(feature = "tokio")]
    if tokio::runtime::Handle::try_current().is_ok() {
        // Its word counts: within `block_in_place` a thread may sleep that polls a run further out.
        return tokio_polls_this_thread();
    }
    POLLS_A_RUN.get()
}

/// A handle is there also on threads that may sleep: those of `spawn_blocking`, within
/// `block_in_place`, and where somebody has entered it. What tokio polls, and only that, has a
/// budget of steps, after which it is to let others in.
#[cfg(feature = "tokio")]
fn tokio_polls_this_thread() -> bool {
    use std::task::Context;
    use std::task::Poll;
    use std::task::Waker;
    use tokio::task::coop;

    let mut context = Context::from_waker(Waker::noop());
    let mut step = || coop::poll_proceed(&mut context);
    // Dropped at the end, it puts the budget back to what it was before.
    let Poll::Ready(_as_before) = step() else { return true };
    (0..LARGEST_BUDGET).any(|_| step().map(|taken| taken.made_progress()).is_pending())
}

/// Tokio counts a budget in a byte.
#[cfg(feature = "tokio")]
const LARGEST_BUDGET: usize = u8::MAX as usize;
