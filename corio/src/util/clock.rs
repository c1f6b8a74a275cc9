//! The clock of a schedule: the trait that users implement, and the clock that a run reads.
//!
//! No clock is read unless a time limit, a pause or an expiry is in use.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// A clock for time limits, pauses and cached answers that expire; set with
/// [`Config::clock`](crate::Config::clock).
///
/// A schedule uses the system clock by default. A custom clock can be the clock of an async runtime
/// (such as `tokio::time`, which tests can pause) or a clock that the test advances:
/// [`testing::VirtualClock`](crate::testing::VirtualClock).
///
/// ```
/// use std::{future::Future, pin::Pin, time::Duration};
///
/// struct Tokio(tokio::time::Instant);
///
/// impl corio::Clock for Tokio {
///     fn now(&self) -> Duration {
///         self.0.elapsed()
///     }
///
///     fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
///         Box::pin(tokio::time::sleep_until(self.0 + time))
///     }
/// }
/// # #[corio::task]
/// # fn program() -> u64 { 42 }
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let clock = Tokio(tokio::time::Instant::now());
/// let mut schedule = corio::Schedule::new(()).clock(clock);
/// assert_eq!(schedule.run_async(program()).await?, 42);
/// # Ok::<(), corio::Error>(()) }).unwrap();
/// ```
pub trait Clock: Send + Sync {
    /// Returns the time since some fixed moment of the clock's choice. Later calls never return an
    /// earlier time.
    fn now(&self) -> Duration;

    /// Returns a future that is ready once the clock shows `time` or later.
    fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Called when the run has nothing to do until an answer, a wake-up or an alarm arrives. A test
    /// clock advances to the next time that a sleeper waits for; other clocks do nothing.
    #[doc(hidden)]
    fn idle(&self) {}
}

/// The clock that a run reads: the user's clock, or the system clock.
pub(crate) struct Time {
    /// `None` for the system clock.
    clock: Option<Arc<dyn Clock>>,
    /// When the system clock was first read; the origin of all times that `now` returns.
    start: OnceLock<Instant>,
}

impl Time {
    pub(crate) fn new(clock: Option<Arc<dyn Clock>>) -> Arc<Self> {
        Arc::new(Time { clock, start: OnceLock::new() })
    }

    /// Returns the time since some fixed moment. May call user code.
    pub(crate) fn now(&self) -> Duration {
        match &self.clock {
            Some(clock) => clock.now(),
            None => self.start.get_or_init(Instant::now).elapsed(),
        }
    }

    /// Returns the user's clock, or `None` for the system clock.
    pub(crate) fn clock(&self) -> Option<&dyn Clock> {
        self.clock.as_deref()
    }
}

/// The error of `timeout!`: a part of a task did not finish in time.
///
/// An answer that has arrived when the time is up comes first, and so does everything that follows
/// from that answer; see the table at [`Config::timeout`](crate::Config::timeout).
///
/// ```
/// # use std::time::Duration;
/// # #[corio::dispatcher]
/// # async fn slow(keys: &[u64]) -> Vec<u64> { std::future::pending().await }
/// #[corio::task]
/// fn program() -> Result<u64, corio::Elapsed> {
///     timeout!(Duration::from_secs(5), slow(1))
/// }
///
/// let mut schedule = corio::Schedule::new(()).clock(corio::testing::VirtualClock::new());
/// let error = schedule.run(program())?.unwrap_err();
/// assert_eq!(error.to_string(), "not over within 5s");
/// # Ok::<(), corio::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed {
    limit: Duration,
}

impl Elapsed {
    /// Returns the error of a part that did not finish within `limit`; for comparisons, and for
    /// time limits of your own.
    pub fn new(limit: Duration) -> Self {
        Elapsed { limit }
    }

    /// Returns the time limit that was exceeded.
    pub fn limit(&self) -> Duration {
        self.limit
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not over within {:?}", self.limit)
    }
}

impl std::error::Error for Elapsed {}
