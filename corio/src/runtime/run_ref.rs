//! [`RunRef`]: refers to one run from outside, on any thread; for owners that may outlive the run.
//!
//! What a run consists of is touched only by the thread that turns the run. So a reference leads to
//! the inbox of the run alone. If the run is being turned on the calling thread, perhaps outside of
//! a nested run, its state is found through the thread-local in `current`.

use std::sync::Arc;

use super::current;
use super::inbox::Inbox;
use super::owed_nudges::owe_nudge;
use super::state::RunState;
use crate::executor::Id;

/// Refers to one run; the default to one that is over.
#[derive(Clone, Default, Debug)]
pub(crate) struct RunRef {
    inbox: Option<Arc<Inbox>>,
    run_id: u64,
}

impl RunRef {
    /// Refers to the current run of `state`.
    pub(crate) fn to(state: &RunState) -> Self {
        RunRef { inbox: Some(state.inbox.clone()), run_id: state.id() }
    }

    /// Whether this refers to the current run of `state`.
    #[inline]
    pub(crate) fn is(&self, state: &RunState) -> bool {
        self.run_id == state.id()
    }

    /// Whether the run is over.
    pub(crate) fn is_over(&self) -> bool {
        self.inbox.as_ref().is_none_or(|inbox| inbox.run_id() != self.run_id)
    }

    /// The id of the run.
    #[inline]
    pub(crate) fn id(&self) -> u64 {
        self.run_id
    }

    /// Wakes tasks of the run, unless the run is over. If it is not being turned on this thread,
    /// its owner is woken as well, by [`give_owed_nudges`](super::give_owed_nudges), which the
    /// caller must let follow.
    #[inline]
    pub(crate) fn wake(&self, tasks: impl Iterator<Item = Id>) {
        let mut tasks = Some(tasks);
        current::entered(self.run_id, |run| {
            tasks.take().into_iter().flatten().for_each(|task| run.executor.wake(task));
        });
        if let Some(tasks) = tasks {
            self.wake_from_outside(tasks);
        }
    }

    #[cold]
    fn wake_from_outside(&self, tasks: impl Iterator<Item = Id>) {
        let Some(inbox) = &self.inbox else { return };
        if inbox.wake_tasks(self.run_id, tasks) {
            owe_nudge(inbox);
        }
    }
}
