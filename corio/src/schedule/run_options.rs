//! What one run is told.

use std::fmt;
use std::time::Duration;

use crate::observe::Observer;
use crate::runtime::RunSettings;
use crate::util::{CancellationToken, limit};

/// What belongs to one run: a time limit, a token that cancels it, observers, a seed. Given to
/// [`Schedule::run_with`](crate::Schedule::run_with) and
/// [`run_async_with`](crate::Schedule::run_async_with); the memory of the schedule and what it has
/// cached stay warm.
///
/// ```
/// use std::time::Duration;
/// use corio::{CancellationToken, Log, RunOptions};
///
/// #[corio::dispatcher(show_keys)]
/// fn double(numbers: &[u64]) -> Vec<u64> {
///     numbers.iter().map(|n| n * 2).collect()
/// }
///
/// let mut schedule = corio::Schedule::new(());
/// let (client_left, log) = (CancellationToken::new(), Log::new());
/// let options = RunOptions::new()
///     .timeout(Duration::from_secs(2))
///     .cancel_on(&client_left)
///     .observe(log.observer());
/// assert_eq!(schedule.run_with(options, double(21))?, 42);
/// assert_eq!(log.to_string(), "round 1: double[21]\n");
/// # Ok::<(), corio::Error>(())
/// ```
#[derive(Default)]
#[must_use = "options do nothing until a run is given them: `schedule.run_with(options, task)`"]
pub struct RunOptions {
    settings: RunSettings,
}

impl RunOptions {
    /// A run as the schedule says.
    pub fn new() -> Self {
        RunOptions::default()
    }

    /// Gives this run so much time, instead of [what the schedule says](crate::Config::timeout).
    /// [`Duration::MAX`] is no limit.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.settings.timeout = Some(limit(time));
        self
    }

    /// Cancels this run by `token`, from any thread: that of a client who may leave. The tokens of
    /// the [schedule](crate::Config::cancel_on) cancel it as well.
    pub fn cancel_on(mut self, token: &CancellationToken) -> Self {
        self.settings.cancel.push(token.clone());
        self
    }

    /// Tells an observer of this run, beside those of the [schedule](crate::Schedule::observe). It
    /// is dropped when the run is over.
    pub fn observe(mut self, observer: impl Observer + Send + 'static) -> Self {
        self.settings.observers.push(Box::new(observer));
        self
    }

    /// Seeds what is random in this run (the jitter of pauses); see
    /// [`Config::seed`](crate::Config::seed).
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = Some(seed);
        self
    }

    /// Runs the tasks of this run in another order; see
    /// [`Config::shuffle`](crate::Config::shuffle).
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.settings.shuffle = Some(seed);
        self.seed(seed)
    }

    pub(super) fn into_settings(self) -> RunSettings {
        self.settings
    }
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RunSettings { timeout, cancel, observers, seed, shuffle } = &self.settings;
        f.debug_struct("RunOptions")
            .field("timeout", timeout)
            .field("cancel_on", cancel)
            .field("observers", &observers.len())
            .field("seed", seed)
            .field("shuffle", shuffle)
            .finish()
    }
}
