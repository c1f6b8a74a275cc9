//! The one seam through which a run can be watched. Free when nobody does: a test of one `Option`.

use std::fmt;
use std::panic::Location;

/// Names a task within a run: the first one that starts is 1, the next 2. The same program gives
/// the same numbers, also in a schedule that was used before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub(crate) u64);

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.0)
    }
}

/// Something that happened in a run, in the order in which it did.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A task is there, and will run in its turn.
    #[non_exhaustive]
    Started {
        /// Its number.
        task: TaskId,
        /// The name of its function.
        name: &'static str,
        /// The task that it is a child of; the first task of a run has none.
        parent: Option<TaskId>,
    },
    /// A task runs, for the first time or again.
    #[non_exhaustive]
    Resumed {
        /// Which task.
        task: TaskId,
    },
    /// A task waits.
    #[non_exhaustive]
    Suspended {
        /// Which task.
        task: TaskId,
    },
    /// A task has returned, and all its children have ended. Tasks that are dropped do not end.
    #[non_exhaustive]
    Ended {
        /// Which task.
        task: TaskId,
    },
    /// A request was asked.
    #[non_exhaustive]
    Asked {
        /// The task that asked.
        task: TaskId,
        /// The dispatcher that will answer it.
        dispatcher: &'static str,
    },
    /// No task can run: the requests that have gathered leave, as the batches that follow.
    #[non_exhaustive]
    Round {
        /// Counts from 1 in every run.
        round: u64,
    },
    /// Tasks have run for so long that what is queued leaves before they wait: see
    /// [`Config::max_resumes_per_phase`](crate::Config::max_resumes_per_phase).
    #[non_exhaustive]
    LongPhase {
        /// How many tasks were resumed since requests could last leave.
        resumes: usize,
    },
    /// A batch is handed to its dispatcher.
    #[non_exhaustive]
    BatchSent {
        /// The dispatcher.
        dispatcher: &'static str,
        /// Counts the batches of the run, of all dispatchers, from 1.
        batch: u64,
        /// How many keys go out; without the doubles, where the dispatcher dedups.
        len: usize,
        /// The keys; their number alone, unless the dispatcher has the option `show_keys`.
        keys: &'a dyn fmt::Debug,
    },
    /// Answers of a batch have arrived, and the tasks that asked are resumed.
    #[non_exhaustive]
    BatchAnswered {
        /// The dispatcher.
        dispatcher: &'static str,
        /// The batch that was sent. One that is answered in parts is so several times.
        batch: u64,
        /// How many requests are answered; with the doubles, where the dispatcher dedups.
        len: usize,
    },
    /// Requests are answered with what the dispatcher has given before, and was kept; the tasks
    /// that asked are resumed.
    #[non_exhaustive]
    CacheHit {
        /// The dispatcher.
        dispatcher: &'static str,
        /// How many requests.
        len: usize,
    },
    /// Requests of a batch are to be sent again.
    #[non_exhaustive]
    Retried {
        /// The dispatcher.
        dispatcher: &'static str,
        /// The batch that was sent.
        batch: u64,
        /// How many requests.
        len: usize,
    },
    /// A batch was given up: all who waited for it are gone.
    #[non_exhaustive]
    Abandoned {
        /// The dispatcher.
        dispatcher: &'static str,
        /// The batch that was sent.
        batch: u64,
    },
    /// A batch was given up: it was not answered within its time limit.
    #[non_exhaustive]
    TimedOut {
        /// The dispatcher.
        dispatcher: &'static str,
        /// The batch that was sent.
        batch: u64,
        /// How many requests were without an answer.
        len: usize,
    },
    /// A panic ends the run.
    #[non_exhaustive]
    Panicked {
        /// Where: the path of tasks, or the dispatcher.
        place: &'a str,
        /// The tasks above it, the nearest first, each with the line that it waits on.
        above: &'a [(&'static str, &'static Location<'static>)],
        /// What to do about it, where the panic is a known one of others.
        advice: Option<&'static str>,
    },
}
