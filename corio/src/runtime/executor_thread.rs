//! Whether the calling thread polls futures for an executor. Such a thread must not block: all
//! other tasks of the executor would stand still.
//!
//! No executor tells this to strangers. Known are threads that poll an asynchronous run of corio
//! and, with the feature `tokio`, threads on which tokio polls a task.

use std::cell::Cell;

thread_local! {
    static POLLS_A_RUN: Cell<bool> = const { Cell::new(false) };
}

/// Marks the thread as polling an asynchronous run until the guard is dropped.
pub(crate) struct Polling {
    previous: bool,
}

impl Polling {
    pub(crate) fn begin() -> Self {
        Polling { previous: POLLS_A_RUN.replace(true) }
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        POLLS_A_RUN.set(self.previous);
    }
}

/// Whether the calling thread is known to poll futures for an executor.
pub(super) fn polls_this_thread() -> bool {
    #[cfg(feature = "tokio")]
    if tokio::runtime::Handle::try_current().is_ok() {
        // Tokio decides: within `block_in_place` a thread may block although it polls a run further
        // out.
        return tokio_polls_this_thread();
    }
    POLLS_A_RUN.get()
}

/// Whether tokio polls a task on the calling thread.
///
/// A handle to tokio's runtime proves nothing: threads that may block have one too, as those of
/// `spawn_blocking`, within `block_in_place`, and where the user has entered the runtime. But tasks
/// that tokio polls, and only those, have a budget of steps after which they must yield.
#[cfg(feature = "tokio")]
fn tokio_polls_this_thread() -> bool {
    use std::task::Context;
    use std::task::Poll;
    use std::task::Waker;
    use tokio::task::coop;

    let mut context = Context::from_waker(Waker::noop());
    let mut step = || coop::poll_proceed(&mut context);
    // The guard of the first step restores the whole budget when it is dropped, at the end.
    let Poll::Ready(_restore) = step() else { return true };
    (0..LARGEST_BUDGET).any(|_| step().map(|taken| taken.made_progress()).is_pending())
}

/// The largest budget that tokio can give to a task: tokio counts it in a byte.
#[cfg(feature = "tokio")]
const LARGEST_BUDGET: usize = u8::MAX as usize;
