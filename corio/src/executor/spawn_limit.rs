//! A bound on the number of spawned tasks that live at a time. Whoever spawns one too many waits.
//!
//! Room that has become free is given out when nothing else can run: so the one that spawns fills
//! all of it at once, and what its children ask leaves together.

use super::state::Executor;
use super::wait_reason::WaitReason;

impl Executor {
    /// Whether one more task can be spawned. If not, the running task is woken when that may have
    /// changed.
    #[inline]
    pub(crate) fn may_spawn(&self) -> bool {
        // One that is asked where it stands must not go on, though there may be room by now.
        let may_spawn = self.task_limit.live.get() <= self.task_limit.most && !self.is_traced();
        if !may_spawn {
            self.wait_for_task_limit();
        }
        may_spawn
    }

    #[cold]
    fn wait_for_task_limit(&self) {
        // One that is asked stands in the line already.
        if !self.is_traced() {
            self.inline_budget.end();
            self.task_limit.add(self.current.get(), |id| self.is_alive(id));
        }
        self.park_for(|| {
            WaitReason::ends(
                format!(
                    "room for one more task: the schedule is limited to {}",
                    self.task_limit.most
                ),
                Vec::new(),
            )
        });
    }

    /// Wakes the first that waits for room, if there is some. Whoever fills it waits behind the
    /// others then, and so they take turns.
    #[inline]
    pub(crate) fn wake_next_spawner(&self) -> bool {
        self.task_limit.has_waiting() && self.wake_first_spawner()
    }

    #[cold]
    fn wake_first_spawner(&self) -> bool {
        while self.task_limit.live.get() <= self.task_limit.most {
            let Some(id) = self.task_limit.waiting.borrow_mut().pop_front() else { break };
            if self.is_alive(id) {
                self.wake(id);
                return true;
            }
        }
        false
    }
}
