//! A bound on the number of spawned tasks that live at a time. Whoever spawns one too many waits.
//!
//! Room that has become free is given out when nothing else can run: so the one that spawns fills all of it at once, and what its children ask leaves together.

use std::cell::Cell;
use std::collections::VecDeque;

use super::{Engine, Id, Waits};
use crate::cell::HotCell;

pub(super) struct Room {
    most: usize,
    /// With the first task of the run, which was not spawned.
    living: Cell<usize>,
    waiting: HotCell<VecDeque<Id>>,
    /// When so many wait, those that are gone are taken out.
    sweep_at: Cell<usize>,
}

/// Fewer are not looked through.
const FEW: usize = 32;

impl Room {
    pub(super) fn new(most: usize) -> Self {
        Room { most, living: Cell::new(0), waiting: HotCell::default(), sweep_at: Cell::new(FEW) }
    }

    #[inline]
    pub(super) fn take(&self) {
        self.living.set(self.living.get() + 1);
    }

    #[inline]
    pub(super) fn give_back(&self) {
        self.living.set(self.living.get() - 1);
    }

    /// Whether somebody waits for it.
    #[inline]
    pub(super) fn is_wanted(&self) -> bool {
        !self.waiting.borrow().is_empty()
    }

    fn add(&self, id: Id, is_alive: impl Fn(Id) -> bool) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() >= self.sweep_at.get() {
            // As many have come since the last time as were left then, so it costs nothing to speak of.
            waiting.retain(|id| is_alive(*id));
            self.sweep_at.set(FEW.max(2 * waiting.len()));
        }
        waiting.push_back(id);
    }

    pub(super) fn clear(&self) {
        self.living.set(0);
        self.waiting.borrow_mut().clear();
        self.sweep_at.set(FEW);
    }
}

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
