//! [`OutsideWait`]: a task of a run waits for something from outside, which will wake it.

use std::sync::Arc;

use super::current;
use super::run_wake::RunWake;
use super::state::RunState;

/// Keeps a run from being taken for deadlocked, until it is dropped.
pub(crate) struct OutsideWait {
    run_id: u64,
}

impl OutsideWait {
    pub(crate) fn begin(run: &RunState) -> Self {
        run.outside_waits.set(run.outside_waits.get() + 1);
        OutsideWait { run_id: run.id() }
    }
}

impl Drop for OutsideWait {
    fn drop(&mut self) {
        // It is a part of a task, and so is dropped where its run is being turned.
        current::entered(self.run_id, |run| run.outside_waits.set(run.outside_waits.get() - 1));
    }
}

impl RunState {
    /// The waker of the running task.
    pub(crate) fn wake_of_running_task(&self) -> Arc<RunWake> {
        RunWake::of_task(self.id(), self.executor.current(), self.inbox.clone())
    }
}
