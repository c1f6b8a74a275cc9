//! What can go wrong with a batch: told to whoever ran the schedule, or to the task that asked.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::util::plural;

/// Why a request has no answer.
///
/// By default trouble with a batch ends the run, with [`Error::Batch`](crate::Error::Batch) of this
/// (a panic goes on as a panic). With the option `faults = "error"` of the dispatcher it is what
/// `io!` gives to the tasks that asked, beside the errors of the dispatcher itself; the run goes
/// on. `E` need not be `Clone`, as it is shared.
///
/// ```
/// use corio::{Batch, RequestError};
///
/// #[corio::dispatcher(faults = "error")]
/// fn flaky(batch: Batch<u32, u32>) {
///     for slot in batch {
///         if *slot.key() != 2 {
///             slot.answer_with(|key| key * 10);
///         }       // … and the slot of key 2 is dropped
///     }
/// }
///
/// #[corio::task]
/// fn program() -> Result<u32, RequestError> {
///     let (one, two) = io!(flaky(1), flaky(2));
///     assert!(matches!(two, Err(RequestError::Unanswered { position: 1, .. })));
///     one
/// }
///
/// assert_eq!(corio::Schedule::new(()).run(program())?, Ok(10));
/// # Ok::<(), corio::Error>(())
/// ```
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError<E = Infallible> {
    /// The dispatcher said so.
    Failed(Arc<E>),
    /// The dispatcher gave more or fewer answers than it was asked for. No request of the batch got
    /// any of them.
    #[non_exhaustive]
    WrongCount {
        /// The dispatcher.
        dispatcher: &'static str,
        /// How many requests the batch had.
        requests: usize,
        /// How many answers it gave.
        answers: usize,
        /// The first key without an answer, if there are too few and the dispatcher has
        /// `show_keys`.
        key: Option<String>,
    },
    /// A slot of a [`Batch`](crate::Batch) was dropped without an answer, or a dispatcher written
    /// by hand did nothing with its requests.
    #[non_exhaustive]
    Unanswered {
        /// The dispatcher.
        dispatcher: &'static str,
        /// The position of the request in its batch, from 0.
        position: usize,
        /// The size of the batch.
        requests: usize,
        /// The key, if the dispatcher has `show_keys`.
        key: Option<String>,
    },
    /// The answer was not there within the dispatcher's `timeout`.
    #[non_exhaustive]
    TimedOut {
        /// The dispatcher.
        dispatcher: &'static str,
        /// How many requests of the batch were without an answer.
        requests: usize,
        /// The time limit.
        limit: Duration,
    },
    /// The dispatcher asked for one more try when all of them were used up.
    #[non_exhaustive]
    RetriesExhausted {
        /// The dispatcher.
        dispatcher: &'static str,
        /// How often the request was sent.
        attempts: u32,
        /// The key, if the dispatcher has `show_keys`.
        key: Option<String>,
    },
    /// The dispatcher panicked before it had answered; or what runs for it: `group_by`, `when`, and
    /// `Hash`, `Eq` and `Clone` of keys and answers.
    #[non_exhaustive]
    Panicked {
        /// The dispatcher.
        dispatcher: &'static str,
        /// What the panic said.
        message: String,
    },
    /// The request went to a [`Hub`](crate::Hub), which did not send it, or gave up its batch.
    #[non_exhaustive]
    Unavailable {
        /// The dispatcher.
        dispatcher: &'static str,
        /// Why.
        reason: Unavailable,
        /// Whether its batch may have left. What that does may have been done then, in part or
        /// whole.
        was_sent: bool,
    },
}

/// Why a [`Hub`](crate::Hub) did not send a request, or gave up its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unavailable {
    /// The hub is [shut down](crate::Hub::shutdown).
    ShutDown,
    /// What the hub spawned was dropped or not accepted: its executor is gone, or the spawner
    /// panicked.
    SpawnerGone,
    /// A batch function has asked its own dispatcher, and would wait for the place that it has
    /// itself.
    AsksItself,
    /// As many requests were queued as the hub [holds](crate::Hub::max_queued).
    Full,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unavailable::ShutDown => "the hub is shut down",
            Unavailable::SpawnerGone => {
                "the hub's executor has dropped what was spawned there, or did not take it: is the \
                 runtime still there?"
            }
            Unavailable::AsksItself => {
                "its batch function asks itself, and would wait for the place that it has: give \
                 the function what it needs in the keys, or let it ask another dispatcher"
            }
            Unavailable::Full => "the hub holds no more requests: see `Hub::max_queued`",
        })
    }
}

/// Trouble with a batch, before anybody knows who will hear of it.
pub(crate) type Fault = RequestError<Infallible>;

impl<E> RequestError<E> {
    /// The same trouble, beside errors of another kind.
    fn beside<F>(&self, failed: impl FnOnce(&Arc<E>) -> RequestError<F>) -> RequestError<F> {
        match self {
            RequestError::Failed(error) => failed(error),
            RequestError::WrongCount { dispatcher, requests, answers, key } => {
                RequestError::WrongCount {
                    dispatcher,
                    requests: *requests,
                    answers: *answers,
                    key: key.clone(),
                }
            }
            RequestError::Unanswered { dispatcher, position, requests, key } => {
                RequestError::Unanswered {
                    dispatcher,
                    position: *position,
                    requests: *requests,
                    key: key.clone(),
                }
            }
            RequestError::TimedOut { dispatcher, requests, limit } => {
                RequestError::TimedOut { dispatcher, requests: *requests, limit: *limit }
            }
            RequestError::RetriesExhausted { dispatcher, attempts, key } => {
                RequestError::RetriesExhausted { dispatcher, attempts: *attempts, key: key.clone() }
            }
            RequestError::Panicked { dispatcher, message } => {
                RequestError::Panicked { dispatcher, message: message.clone() }
            }
            RequestError::Unavailable { dispatcher, reason, was_sent } => {
                let (reason, was_sent) = (*reason, *was_sent);
                RequestError::Unavailable { dispatcher, reason, was_sent }
            }
        }
    }

    /// The error of the dispatcher itself.
    ///
    /// ```
    /// # use corio::RequestError;
    /// let error = RequestError::of_dispatcher("no such row");
    /// assert_eq!(error.to_string(), "no such row");
    /// ```
    pub fn of_dispatcher(error: E) -> Self {
        RequestError::Failed(Arc::new(error))
    }

    /// The name of the dispatcher, but for what it [said itself](RequestError::Failed).
    pub fn dispatcher(&self) -> Option<&'static str> {
        match self {
            RequestError::Failed(_) => None,
            RequestError::WrongCount { dispatcher, .. }
            | RequestError::Unanswered { dispatcher, .. }
            | RequestError::TimedOut { dispatcher, .. }
            | RequestError::RetriesExhausted { dispatcher, .. }
            | RequestError::Panicked { dispatcher, .. }
            | RequestError::Unavailable { dispatcher, .. } => Some(dispatcher),
        }
    }

    /// Whether the answer was not there within the dispatcher's `timeout`.
    pub fn is_timeout(&self) -> bool {
        matches!(self, RequestError::TimedOut { .. })
    }

    /// What the dispatcher itself said, if it did.
    ///
    /// ```
    /// # use corio::RequestError;
    /// let error = RequestError::of_dispatcher("no such row");
    /// assert_eq!(error.failed(), Some(&"no such row"));
    /// ```
    pub fn failed(&self) -> Option<&E> {
        match self {
            RequestError::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl Fault {
    /// For a task that asked.
    pub(crate) fn for_request<E>(&self) -> RequestError<E> {
        self.beside(|never| match **never {})
    }
}

// Not derived: `E` is shared, and need not be `Clone`.
impl<E> Clone for RequestError<E> {
    fn clone(&self) -> Self {
        self.beside(|error| RequestError::Failed(error.clone()))
    }
}

impl<E: fmt::Display> fmt::Display for RequestError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestError::Failed(error) => error.fmt(f),
            RequestError::WrongCount { dispatcher, requests, answers, key } => {
                let (answer_s, request_s) = (plural(*answers), plural(*requests));
                write!(
                    f,
                    "dispatcher `{dispatcher}` gave {answers} answer{answer_s} to a batch of \
                     {requests} request{request_s}: there must be one for each, in order"
                )?;
                match key {
                    Some(key) => {
                        write!(f, " (the first without one: position {answers}, key {key})")
                    }
                    None => Ok(()),
                }
            }
            RequestError::Unanswered { dispatcher, position, requests, key } => {
                write!(
                    f,
                    "dispatcher `{dispatcher}` dropped the request at position {position} of a \
                     batch of {requests} without an answer"
                )?;
                with_key(f, key)
            }
            RequestError::TimedOut { dispatcher, requests, limit } => {
                write!(
                    f,
                    "dispatcher `{dispatcher}` left {requests} request{} of a batch without an \
                     answer for {limit:?}, its time limit",
                    plural(*requests)
                )
            }
            RequestError::RetriesExhausted { dispatcher, attempts, key } => {
                write!(
                    f,
                    "dispatcher `{dispatcher}` asked for one more try of a request that was sent \
                     {attempts} time{} already",
                    plural(*attempts as usize)
                )?;
                with_key(f, key)
            }
            RequestError::Panicked { dispatcher, message } => {
                write!(f, "dispatcher `{dispatcher}` panicked: {message}")
            }
            RequestError::Unavailable { dispatcher, reason, was_sent: false } => {
                write!(f, "a request of `{dispatcher}` was not sent: {reason}")
            }
            RequestError::Unavailable { dispatcher, reason, was_sent: true } => {
                write!(
                    f,
                    "a request of `{dispatcher}` was given up, and may have been sent: {reason}"
                )
            }
        }
    }
}

fn with_key(f: &mut fmt::Formatter<'_>, key: &Option<String>) -> fmt::Result {
    match key {
        Some(key) => write!(f, " (key {key})"),
        None => Ok(()),
    }
}

impl<E: std::error::Error + 'static> std::error::Error for RequestError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // It speaks for the dispatcher's error, so the source is that error's own.
            RequestError::Failed(error) => error.source(),
            _ => None,
        }
    }
}
