//! How a run can fail, other than by a panic.

use std::fmt;
use std::time::Duration;

use crate::dispatch::RequestError;
use crate::executor::Deadlock;

/// Why a run ended without a result. Every task was dropped, destructors have run, and the schedule
/// can be used again.
///
/// What a dispatcher returns for single requests (a `Result`, an `Option`) is not an error of the
/// run: it is the answer, and `io!` gives it to the task that asked. So a run of a fallible task
/// gives two layers: `schedule.run(card(id))??`, the run's and the task's own.
///
/// ```
/// #[corio::dispatcher]
/// fn broken(keys: &[u32]) -> Vec<u32> {
///     keys[1..].to_vec()      // one answer too few
/// }
///
/// #[corio::task]
/// fn program() -> (u32, u32) {
///     io!(broken(1), broken(2))
/// }
///
/// let error = corio::Schedule::new(()).run(program()).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "dispatcher `broken` gave 1 answer to a batch of 2 requests: \
///      there must be one for each, in order"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Trouble with a batch: a wrong number of answers, a slot that was dropped, a time limit. With
    /// `faults = "error"` on the dispatcher, its requests get it instead.
    Batch(RequestError),
    /// Tasks wait for each other or for something that nobody will do: none can run, nothing is
    /// queued and nothing in flight.
    Deadlock(Deadlock),
    /// A task waits for something outside corio (a timer, a channel, another runtime's future), and
    /// so nobody would wake it.
    #[non_exhaustive]
    ForeignFuture {
        /// The task, with the path of tasks that led to it.
        task: String,
    },
    /// The run was cancelled by its [token](crate::CancellationToken).
    Cancelled,
    /// The run was not over by its [time limit](crate::Config::timeout).
    #[non_exhaustive]
    TimedOut {
        /// The time that the run had.
        limit: Duration,
    },
    /// [`run`](crate::Schedule::run) would have put a thread to sleep that polls futures for an
    /// executor; what else the executor has to do would have stood still.
    WouldBlockExecutor,
}

impl Error {
    /// The name of the dispatcher whose batch failed.
    ///
    /// ```
    /// # #[corio::dispatcher]
    /// # fn broken(keys: &[u32]) -> Vec<u32> { Vec::new() }
    /// let error = corio::Schedule::new(()).run(broken(1)).unwrap_err();
    /// assert_eq!(error.dispatcher(), Some("broken"));
    /// assert!(!error.is_timeout() && !error.is_cancelled());
    /// ```
    pub fn dispatcher(&self) -> Option<&'static str> {
        match self {
            Error::Batch(error) => error.dispatcher(),
            _ => None,
        }
    }

    /// Whether the time of the run, or of a batch, was over.
    pub fn is_timeout(&self) -> bool {
        match self {
            Error::Batch(error) => error.is_timeout(),
            Error::TimedOut { .. } => true,
            _ => false,
        }
    }

    /// Whether a [token](crate::CancellationToken) cancelled the run.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Error::Cancelled)
    }
}

impl From<RequestError> for Error {
    fn from(fault: RequestError) -> Self {
        Error::Batch(fault)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Batch(fault) => fault.fmt(f),
            Error::Deadlock(deadlock) => deadlock.fmt(f),
            Error::ForeignFuture { task } => write!(
                f,
                "task `{task}` waits for a future that corio does not know, and so nobody would \
                 wake it: a task waits only through corio; do the waiting in an async dispatcher, \
                 by `wait!(future)`, or by hand in a `corio::future`"
            ),
            Error::Cancelled => f.write_str("the run was cancelled"),
            Error::TimedOut { limit } => {
                write!(f, "the run was not over after {limit:?}, its time limit")
            }
            Error::WouldBlockExecutor => f.write_str(
                "`run` has to wait for answers, and this thread runs an async executor, which \
                 must not sleep: `.await` `run_async`, or call `run` where a thread may block (in \
                 tokio's `spawn_blocking` or `block_in_place`, or on a thread of its own)",
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // The message is that of the error inside, so the source is that error's own.
            Error::Batch(error) => error.source(),
            _ => None,
        }
    }
}
