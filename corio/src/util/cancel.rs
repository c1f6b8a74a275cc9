//! Cancelling runs from outside.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Cancels runs, from any thread: one whose client is gone, all when the server shuts down. Given
/// to schedules by [`Schedule::cancel_on`](crate::Schedule::cancel_on).
///
/// A cancelled run ends with [`Error::Cancelled`](crate::Error::Cancelled) as soon as its tasks
/// wait: no code is interrupted. Its tasks are dropped, children first, what was queued is not
/// sent, and late answers are thrown away. Clones cancel the same runs. What counts beside it is in
/// the table at [`Schedule::deadline`](crate::Schedule::deadline).
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
    state: Arc<CancelState>,
}

#[derive(Default)]
struct CancelState {
    is_cancelled: AtomicBool,
    /// The runs that may sleep; woken when it is cancelled.
    sleepers: Mutex<Vec<Weak<dyn Nudge>>>,
}

/// What sleeps, and looks around when it is nudged.
pub(crate) trait Nudge: Send + Sync {
    fn nudge(&self);
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
        let sleepers = std::mem::take(
            &mut *self.state.sleepers.lock().unwrap_or_else(PoisonError::into_inner),
        );
        sleepers.iter().filter_map(Weak::upgrade).for_each(|sleeper| sleeper.nudge());
    }

    /// Whether `cancel` was called.
    pub fn is_cancelled(&self) -> bool {
        self.state.is_cancelled.load(Ordering::Acquire)
    }

    /// The flag itself, for those who look at it often.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.state.is_cancelled
    }

    /// Nudges `sleeper` when it is cancelled. Called once for each sleeper.
    pub(crate) fn nudge_when_cancelled(&self, sleeper: Weak<dyn Nudge>) {
        let mut sleepers = self.state.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        // Those of schedules that are gone are in the way; to look for them each time would be
        // quadratic.
        if sleepers.len() == sleepers.capacity() {
            sleepers.retain(|other| other.strong_count() > 0);
        }
        sleepers.push(sleeper);
        // One that has just been cancelled is seen when the run looks, before it sleeps.
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken").field("is_cancelled", &self.is_cancelled()).finish()
    }
}
