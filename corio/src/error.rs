//! How a run can fail, other than by a panic.

use std::fmt;

/// Why a run ended without a result. Every task was dropped, destructors have run, and the schedule can be used again.
///
/// What a dispatcher returns for single requests (a `Result`, an `Option`) is not an error of the run: it is the answer, and `io!` gives it to the task that asked.
/// So a run of a fallible task gives two layers: `schedule.run(card(id))??`, the run's and the task's own.
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
/// assert_eq!(error.to_string(), "dispatcher `broken` gave 1 answer to a batch of 2 requests: there must be one for each, in order");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A dispatcher gave more or fewer answers than it was asked for. No task got any of them.
    WrongCount {
        /// The dispatcher.
        dispatcher: &'static str,
        /// How many requests the batch had.
        requests: usize,
        /// How many answers it gave.
        answers: usize,
        /// The first key without an answer, if there are too few and the dispatcher has `show_keys`.
        key: Option<String>,
    },
    /// A slot of a [`Batch`](crate::Batch) was dropped without an answer, or a dispatcher written by hand did nothing with its requests.
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
    /// Tasks wait for each other or for something that nobody will do: none can run, nothing is queued and nothing in flight.
    Deadlock {
        /// The tasks that wait, each with the path of tasks that led to it.
        tasks: Vec<String>,
    },
    /// A task waits for something outside corio (a timer, a channel, another runtime's future), and so nobody would wake it.
    ForeignFuture {
        /// The task, with the path of tasks that led to it.
        task: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::WrongCount { dispatcher, requests, answers, key } => {
                let (answer_s, request_s) = (plural(*answers), plural(*requests));
                write!(
                    f,
                    "dispatcher `{dispatcher}` gave {answers} answer{answer_s} to a batch of {requests} request{request_s}: there must be one for each, in order"
                )?;
                match key {
                    Some(key) => write!(f, " (the first without one: position {answers}, key {key})"),
                    None => Ok(()),
                }
            }
            Error::Unanswered { dispatcher, position, requests, key } => {
                write!(f, "dispatcher `{dispatcher}` dropped the request at position {position} of a batch of {requests} without an answer")?;
                match key {
                    Some(key) => write!(f, " (key {key})"),
                    None => Ok(()),
                }
            }
            Error::Deadlock { tasks } => {
                write!(
                    f,
                    "deadlock: no task can run, nothing is queued and nothing in flight, but {} task{} wait{}",
                    tasks.len(),
                    plural(tasks.len()),
                    if tasks.len() == 1 { "s" } else { "" }
                )?;
                for task in tasks.iter().take(20) {
                    write!(f, "\n  {task}")?;
                }
                if tasks.len() > 20 {
                    write!(f, "\n  … and {} more", tasks.len() - 20)?;
                }
                Ok(())
            }
            Error::ForeignFuture { task } => write!(
                f,
                "task `{task}` waits for a future that corio does not know, and so nobody would wake it: a task waits only through corio; do the waiting in an async dispatcher"
            ),
        }
    }
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

impl std::error::Error for Error {}
