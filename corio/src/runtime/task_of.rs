//! [`TaskOf`]: a spawned task with the type of its output, so that taking the output is safe.

use std::future::Future;
use std::marker::PhantomData;

use super::state::RunState;
use crate::executor::Id;

/// Names a spawned task of one run, whose output is a `T`. Made by [`RunState::spawn`] only.
pub(crate) struct TaskOf<T> {
    id: Id,
    /// The id of the run in which the task was spawned. Another executor may use the same `id`.
    run_id: u64,
    output: PhantomData<fn() -> T>,
}

impl<T> Clone for TaskOf<T> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for TaskOf<T> {}

impl<T> TaskOf<T> {
    /// The id of the task in the executor of its run.
    #[inline]
    pub(crate) fn id(self) -> Id {
        self.id
    }

    /// The id of its run.
    #[inline]
    pub(crate) fn run_id(self) -> u64 {
        self.run_id
    }

    /// Whether the task was spawned in the current run of `run`.
    #[inline]
    pub(crate) fn is_of(self, run: &RunState) -> bool {
        run.id() == self.run_id
    }
}

impl RunState {
    /// Spawns a child of the running task.
    #[inline]
    pub(crate) fn spawn<F: Future + 'static>(&self, future: F) -> TaskOf<F::Output> {
        // SAFETY: the future is `'static`, so the future and its output borrow nothing.
        let id = unsafe { self.executor.spawn(self.executor.scope(), future) };
        TaskOf { id, run_id: self.id(), output: PhantomData }
    }

    /// Takes the output of a task. Returns `None` if the task has not ended, if the output was
    /// taken or dropped before, or if the task belongs to another run.
    #[inline]
    pub(crate) fn take_output<T>(&self, task: TaskOf<T>) -> Option<T> {
        if !task.is_of(self) {
            return None;
        }
        // SAFETY: `spawn` made `task` in this run, since run ids are unique in the process, and
        // with a future whose output is a `T` (a lifetime in `T` may have become shorter since). No
        // other entry of this executor has the id.
        unsafe { self.executor.take_output::<T>(task.id) }
    }
}
