//! `CancellationToken`: cancels runs from outside, from any thread.
//!
//! The token knows nothing of runs. The token holds a flag, which a run polls, and weak references
//! to the sleepers that have to look at the flag again (see `Nudge`).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};

use crate::util::concurrent::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError};

/// Cancels runs from any thread: a single run whose client has disconnected, or all runs when the
/// server shuts down. [`Config::cancel_on`](crate::Config::cancel_on) attaches a token to a
/// schedule.
///
/// A cancelled run ends with [`Error::Cancelled`](crate::Error::Cancelled) as soon as all its tasks
/// wait: running code is not interrupted. The tasks of the run are dropped, children first, queued
/// requests are not sent, and late answers are discarded. All clones of a token cancel the same
/// runs. The table at [`Config::timeout`](crate::Config::timeout) says which outcome wins
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
/// let token = corio::CancellationToken::new();
/// let other_thread_token = token.clone();
/// std::thread::spawn(move || other_thread_token.cancel());
///
/// let mut schedule = corio::Schedule::new(()).cancel_on(&token);
/// assert_eq!(schedule.run(never(1)), Err(corio::Error::Cancelled));
/// ```
#[derive(Clone, Default)]
pub struct CancellationToken {
    state: Arc<CancelState>,
}

#[derive(Default)]
struct CancelState {
    is_cancelled: StopFlag,
    /// The runs that may sleep; each is nudged when the token is cancelled.
    sleepers: Mutex<Sleepers>,
}

/// A sleeper that checks for cancellation when nudged.
pub(crate) trait Nudge: Send + Sync {
    /// Wakes the sleeper. Called from any thread, with no lock of the token held.
    fn nudge(&self);
}

impl CancellationToken {
    /// Returns a token that is not cancelled.
    pub fn new() -> Self {
        CancellationToken::default()
    }

    /// Cancels the token for good: runs that begin later are cancelled too.
    pub fn cancel(&self) {
        self.state.is_cancelled.0.store(true, Ordering::Release);
        // The lock is released first, as a nudge runs code of the async executor.
        let sleepers = std::mem::take(&mut self.state.sleepers().by_number);
        sleepers.values().filter_map(Weak::upgrade).for_each(|sleeper| sleeper.nudge());
    }

    /// Whether [`cancel`](CancellationToken::cancel) was called, on this token or a clone.
    pub fn is_cancelled(&self) -> bool {
        self.state.is_cancelled.is_set()
    }

    /// The flag itself, for what looks at it often.
    pub(crate) fn flag(&self) -> StopFlag {
        self.state.is_cancelled.clone()
    }

    /// Nudges `sleeper` when the token is cancelled, until what this returns is dropped. A token
    /// that is cancelled already is seen by the run when it looks, before it sleeps.
    pub(crate) fn nudge_when_cancelled(&self, sleeper: Weak<dyn Nudge>) -> Nudging {
        let mut sleepers = self.state.sleepers();
        sleepers.last += 1;
        let number = sleepers.last;
        sleepers.by_number.insert(number, sleeper);
        Nudging { state: self.state.clone(), number }
    }
}

/// A flag that is set once, from any thread.
#[derive(Clone, Default)]
pub(crate) struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What is nudged when a token is cancelled.
#[derive(Default)]
struct Sleepers {
    by_number: BTreeMap<u64, Weak<dyn Nudge>>,
    last: u64,
}

impl CancelState {
    fn sleepers(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something is nudged when a token is cancelled, until this is dropped.
pub(crate) struct Nudging {
    state: Arc<CancelState>,
    number: u64,
}

impl Drop for Nudging {
    fn drop(&mut self) {
        let sleeper = self.state.sleepers().by_number.remove(&self.number);
        // Not under the lock: it may be the last pointer to a run.
        drop(sleeper);
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationToken").field("is_cancelled", &self.is_cancelled()).finish()
    }
}
