//! Cancelling runs from outside.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::drivers::Bell;

/// Cancels runs, from any thread: one whose client is gone, all when the server shuts down. Given to schedules by [`Schedule::cancel_on`](crate::Schedule::cancel_on).
///
/// A cancelled run ends with [`Error::Cancelled`](crate::Error::Cancelled) as soon as its tasks wait: no code is interrupted. Its tasks are dropped, children first, what was
/// queued is not sent, and late answers are thrown away. Clones cancel the same runs. What counts
/// beside it is in the table at [`Schedule::deadline`](crate::Schedule::deadline).
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
/// let of_another_thread = token.clone();
/// std::thread::spawn(move || of_another_thread.cancel());
///
/// let mut schedule = corio::Schedule::new(());
/// schedule.cancel_on(&token);
/// assert_eq!(schedule.run(never(1)), Err(corio::Error::Cancelled));
/// ```
#[derive(Clone, Default)]
pub struct CancelToken {
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    is_cancelled: AtomicBool,
    /// Of the schedules whose runs may sleep.
    bells: Mutex<Vec<Weak<Bell>>>,
}

impl CancelToken {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        CancelToken::default()
    }

    /// Cancels, for good: also the runs that begin later.
    pub fn cancel(&self) {
        self.state.is_cancelled.store(true, Ordering::Release);
        // Not under the lock: waking runs code of an executor.
        let bells = std::mem::take(&mut *self.state.bells.lock().unwrap_or_else(PoisonError::into_inner));
        bells.iter().filter_map(Weak::upgrade).for_each(|bell| bell.nudge());
    }

    /// Whether `cancel` was called.
    pub fn is_cancelled(&self) -> bool {
        self.state.is_cancelled.load(Ordering::Acquire)
    }

    /// Has the bell rung when it is cancelled. Called once for each bell.
    pub(crate) fn ring(&self, bell: &Arc<Bell>) {
        let mut bells = self.state.bells.lock().unwrap_or_else(PoisonError::into_inner);
        let bell = Arc::downgrade(bell);
        // Those of schedules that are gone are in the way; to look for them each time would be quadratic.
        if bells.len() == bells.capacity() {
            bells.retain(|other| other.strong_count() > 0);
        }
        bells.push(bell);
        // One that has just been cancelled is seen when the run looks, before it sleeps.
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken").field("is_cancelled", &self.is_cancelled()).finish()
    }
}
