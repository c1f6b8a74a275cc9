//! The terms on which the runs of a schedule run, dispatchers aside.

use std::rc::Rc;
use std::time::Duration;

use crate::util::{CancelToken, Clock};

#[derive(Clone)]
pub(crate) struct RunConfig {
    /// Absent for the system's.
    pub(crate) clock: Option<Rc<dyn Clock>>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) cancel: Option<CancelToken>,
    /// At most so many spawned tasks live at a time.
    pub(crate) max_tasks: usize,
    /// After so many resumes what is queued leaves, although tasks can still run.
    pub(crate) fairness: usize,
    /// The seed, where the order of tasks is to be another.
    pub(crate) shuffle: Option<u64>,
    /// So many resumes a poll, for asynchronous runs.
    pub(crate) budget: usize,
    /// Requests that nobody can join are answered where they are asked.
    pub(crate) at_once: bool,
}

/// A fraction of a millisecond.
const DEFAULT_BUDGET: usize = 1024;

/// A fraction of a second; far above what programs need that do wait.
const DEFAULT_FAIRNESS: usize = 1 << 24;

impl Default for RunConfig {
    fn default() -> Self {
        RunConfig {
            clock: None,
            deadline: None,
            cancel: None,
            max_tasks: usize::MAX,
            fairness: DEFAULT_FAIRNESS,
            shuffle: None,
            budget: DEFAULT_BUDGET,
            at_once: true,
        }
    }
}
