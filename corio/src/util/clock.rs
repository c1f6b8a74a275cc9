//! The time of a schedule. Nobody looks at it unless something is to happen at a time.

use std::cell::OnceCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A clock for time limits, pauses and what is kept for a time; for
/// [`Schedule::clock`](crate::Schedule::clock).
///
/// A schedule has the system's unless told otherwise. One of your own may be that of an executor
/// (`tokio::time`, which tests can pause), or one that a test moves:
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
///     fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()>>> {
///         Box::pin(tokio::time::sleep_until(self.0 + time))
///     }
/// }
/// # #[corio::task]
/// # fn program() -> u64 { 42 }
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let mut schedule = corio::Schedule::new(());
/// schedule.clock(Tokio(tokio::time::Instant::now()));
/// assert_eq!(schedule.run_async(program()).await?, 42);
/// # Ok::<(), corio::Error>(()) }).unwrap();
/// ```
pub trait Clock {
    /// The time since a moment of the clock's choice. It never goes back.
    fn now(&self) -> Duration;

    /// Ends when the clock shows this time, or later.
    fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()>>>;

    /// Called when the run has nothing to do until there is news. A clock of tests moves on to the
    /// next time that somebody sleeps until.
    fn idle(&self) {}
}

pub(crate) struct Time {
    /// Absent for the system's.
    clock: Option<Rc<dyn Clock>>,
    /// When the system's clock was first looked at.
    start: OnceCell<Instant>,
}

impl Time {
    pub(crate) fn new(clock: Option<Rc<dyn Clock>>) -> Rc<Self> {
        Rc::new(Time { clock, start: OnceCell::new() })
    }

    pub(crate) fn now(&self) -> Duration {
        match &self.clock {
            Some(clock) => clock.now(),
            None => self.start.get_or_init(Instant::now).elapsed(),
        }
    }

    /// The clock, if it is not the system's.
    pub(crate) fn clock(&self) -> Option<&dyn Clock> {
        self.clock.as_deref()
    }
}

/// A part of a task was not over in time: the error of `timeout!`.
///
/// An answer that is there at that time is first, and so is whatever follows from it; see the table
/// at [`Schedule::deadline`](crate::Schedule::deadline).
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
/// let mut schedule = corio::Schedule::new(());
/// schedule.clock(corio::testing::VirtualClock::new());
/// let error = schedule.run(program())?.unwrap_err();
/// assert_eq!(error.to_string(), "not over within 5s");
/// # Ok::<(), corio::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed {
    limit: Duration,
}

impl Elapsed {
    /// The error of something that was not over within `limit`; to compare with, and for limits of
    /// your own.
    pub fn new(limit: Duration) -> Self {
        Elapsed { limit }
    }

    /// The time that there was.
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
