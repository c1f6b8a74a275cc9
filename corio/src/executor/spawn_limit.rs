//! Waiting for the task limit: a task that spawns waits while too many spawned tasks live.
//!
//! A waiting task is woken only when no other task can run and the number of live tasks is below
//! the limit. So the woken task can spawn up to the limit at once, and the requests of its children
//! leave together.

use super::state::Executor;
use super::wait_cause::WaitCause;
use super::wait_reason::WaitReason;

impl Executor {
    /// Whether one more task can be spawned. If not, parks the running task, which is woken when
    /// this may have changed.
    #[inline]
    pub(crate) fn may_spawn(&self) -> bool {
        // A task whose wait is traced must not go on, even if the limit would allow a spawn by now.
        let may_spawn = self.task_limit.may_spawn() && !self.is_traced();
        if !may_spawn {
            self.wait_for_task_limit();
        }
        may_spawn
    }

    #[cold]
    fn wait_for_task_limit(&self) {
        // A task whose wait is traced is in the wait queue already.
        if !self.is_traced() {
            self.inline_budget.end();
            self.task_limit.enqueue(self.current.get(), |id| self.is_alive(id));
        }
        self.park_for(|| {
            WaitReason::ends(WaitCause::MaxTasks { max: self.task_limit.max }, Vec::new())
        });
    }

    /// Wakes the first task that waits for the task limit, if the limit allows a spawn. Returns
    /// whether a task was woken. A task that reaches the limit again waits behind the other waiting
    /// tasks, so that tasks take turns.
    #[inline]
    pub(crate) fn wake_next_spawner(&self) -> bool {
        self.task_limit.has_waiting() && self.wake_next_spawner_slow()
    }

    #[cold]
    fn wake_next_spawner_slow(&self) -> bool {
        while self.task_limit.may_spawn() {
            let Some(id) = self.task_limit.waiting.borrow_mut().pop_front() else { break };
            if self.is_alive(id) {
                self.wake(id);
                return true;
            }
        }
        false
    }
}
