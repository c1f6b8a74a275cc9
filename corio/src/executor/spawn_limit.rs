//! A bound on the number of spawned tasks that live at a time. Whoever spawns one too many waits.
//!
//! Room that has become free is given out when nothing else can run: so the one that spawns fills all of it at once, and what its children ask leaves together.

use super::state::Engine;
use super::wait_reason::Waits;

impl Engine {
    /// Whether one more task can be spawned. If not, the running task is woken when that may have changed.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        // One that is asked where it stands must not go on, though there may be room by now.
        let has_room = self.room.living.get() <= self.room.most && !self.is_asked();
        if !has_room {
            self.wait_for_room();
        }
        has_room
    }

    #[cold]
    fn wait_for_room(&self) {
        // One that is asked stands in the line already.
        if !self.is_asked() {
            self.quiet.end();
            self.room.add(self.current.get(), |id| self.is_alive(id));
        }
        self.park_for(|| Waits::ends(format!("room for one more task: the schedule is limited to {}", self.room.most), Vec::new()));
    }

    /// Wakes the first that waits for room, if there is some. Whoever fills it waits behind the others then, and so they take turns.
    #[inline]
    pub(crate) fn let_spawner_in(&self) -> bool {
        self.room.is_wanted() && self.let_first_spawner_in()
    }

    #[cold]
    fn let_first_spawner_in(&self) -> bool {
        while self.room.living.get() <= self.room.most {
            let Some(id) = self.room.waiting.borrow_mut().pop_front() else { break };
            if self.is_alive(id) {
                self.wake(id);
                return true;
            }
        }
        false
    }
}
