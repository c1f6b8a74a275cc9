//! `CancelToken`: cancels runs from outside, from any thread.
//!
//! The token knows nothing of runs. The token holds a flag, which a run polls, and weak references
//! to the sleepers that have to look at the flag again (see `Nudge`).

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Cancels runs from any thread: a single run whose client has disconnected, or all runs when the
/// server shuts down. [`Schedule::cancel_on`](crate::Schedule::cancel_on) attaches a token to a
/// schedule.
///
/// A cancelled run ends with [`Error::Cancelled`](crate::Error::Cancelled) as soon as all its tasks
/// wait: running code is not interrupted. The tasks of the run are dropped, children first, queued
/// requests are not sent, and late answers are discarded. All clones of a token cancel the same
/// runs. The table at [`Schedule::deadline`](crate::Schedule::deadline) says which outcome wins
/// when a run is cancelled and ends for another reason at the same time.
///
/// ```
/// use std::time::Duration;
///
/// #[corio::dispatcher]
/// async fn never(keys: &[u64]) -> Vec<u64> {
///     std::future::pending().await
/// }
///
/// let token = corio::CancelToken::new();
/// let other_thread_token = token.clone();
/// std::thread::spawn(move || other_thread_token.cancel());
///
/// let mut schedule = corio::Schedule::new(());
/// schedule.cancel_on(&token);
/// assert_eq!(schedule.run(never(1)), Err(corio::Error::Cancelled));
/// ```
#[derive(Clone, Default)]
pub struct CancelToken {
    state: Arc<CancelState>,
}

#[derive(Default)]
struct CancelState {
    is_cancelled: AtomicBool,
    /// The runs that may sleep; each is nudged when the token is cancelled.
    sleepers: Mutex<Vec<Weak<dyn Nudge>>>,
}

/// A sleeper that checks for cancellation when nudged.
pub(crate) trait Nudge: Send + Sync {
    /// Wakes the sleeper. Called from any thread, with no lock of the token held.
    fn nudge(&self);
}

impl CancelToken {
    /// Returns a token that is not cancelled.
    pub fn new() -> Self {
        CancelToken::default()
    }

    /// Cancels the token for good: runs that begin later are cancelled too.
    pub fn cancel(&self) {
        self.state.is_cancelled.store(true, Ordering::Release);
        // The lock is released first, as a nudge runs code of the async executor.
        let sleepers = std::mem::take(
            &mut *self.state.sleepers.lock().unwrap_or_else(PoisonError::into_inner),
        );
        sleepers.iter().filter_map(Weak::upgrade).for_each(|sleeper| sleeper.nudge());
    }

    /// Whether [`cancel`](CancelToken::cancel) was called, on this token or a clone.
    pub fn is_cancelled(&self) -> bool {
        self.state.is_cancelled.load(Ordering::Acquire)
    }

    /// Returns the flag itself, for code that polls the flag often.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.state.is_cancelled
    }

    /// Registers `sleeper`, which is nudged when the token is cancelled. Called once per sleeper.
    ///
    /// A token that was cancelled just before is not missed: the run checks the flag before it
    /// sleeps.
    pub(crate) fn nudge_when_cancelled(&self, sleeper: Weak<dyn Nudge>) {
        let mut sleepers = self.state.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        // Sleepers of dropped schedules are removed only when the list is full: searching at every
        // registration would be quadratic.
        if sleepers.len() == sleepers.capacity() {
            sleepers.retain(|other| other.strong_count() > 0);
        }
        sleepers.push(sleeper);
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken").field("is_cancelled", &self.is_cancelled()).finish()
    }
}
