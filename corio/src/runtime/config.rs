//! How the runs of a schedule go, dispatchers aside, and what one run is told beside that.

use std::sync::Arc;
use std::time::Duration;

use crate::observe::BoxedObserver;
use crate::util::{CancellationToken, Clock};

/// What all runs of a schedule are told.
#[derive(Clone)]
pub(crate) struct RunConfig {
    /// `None` is the system's clock.
    pub(crate) clock: Option<Arc<dyn Clock>>,
    /// The time that a run has, unless it is told another.
    pub(crate) timeout: Option<Duration>,
    /// Each of these tokens cancels the run.
    pub(crate) cancel: Vec<CancellationToken>,
    /// Spawned tasks that may live at a time.
    pub(crate) max_tasks: usize,
    /// Resumes in one CPU phase, after which gathered requests leave although tasks can still run.
    pub(crate) max_resumes: usize,
    /// The seed of what is random; `None` is another in each run.
    pub(crate) seed: Option<u64>,
    /// The seed of another order of tasks; `None` is the order in which they became ready.
    pub(crate) shuffle: Option<u64>,
    /// Resumes in one poll of an asynchronous run.
    pub(crate) yield_every: usize,
    /// Whether a request that nobody can join is answered where it is asked.
    pub(crate) at_once: bool,
}

/// A fraction of a millisecond.
const DEFAULT_YIELD_EVERY: usize = 1024;

/// A fraction of a second; far above what programs need that do wait.
const DEFAULT_MAX_RESUMES: usize = 1 << 24;

impl Default for RunConfig {
    fn default() -> Self {
        RunConfig {
            clock: None,
            timeout: None,
            cancel: Vec::new(),
            max_tasks: usize::MAX,
            max_resumes: DEFAULT_MAX_RESUMES,
            seed: None,
            shuffle: None,
            yield_every: DEFAULT_YIELD_EVERY,
            at_once: true,
        }
    }
}

/// What one run is told, beside or instead of what its schedule says.
#[derive(Default)]
pub(crate) struct RunSettings {
    /// Instead of the schedule's; the inner `None` is no limit.
    pub(crate) timeout: Option<Option<Duration>>,
    /// Beside the schedule's.
    pub(crate) cancel: Vec<CancellationToken>,
    /// Beside the schedule's.
    pub(crate) observers: Vec<BoxedObserver>,
    /// Instead of the schedule's.
    pub(crate) seed: Option<u64>,
    /// Instead of the schedule's.
    pub(crate) shuffle: Option<u64>,
}
