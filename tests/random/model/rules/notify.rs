//! Notify: `notify_one` is for the one that waits longest, or kept for the next that comes;
//! `notify_waiters` is for all that wait now.

use std::collections::{BTreeMap, VecDeque};

use super::{Rules, Waiter};

#[derive(Default)]
pub(crate) struct Notify {
    kept: bool,
    queue: VecDeque<Waiter>,
    /// With whether it was meant for this one alone: then it is passed on, if it can't be taken.
    granted: BTreeMap<Waiter, bool>,
}

impl Notify {
    pub(crate) fn asks(&mut self, waiter: Waiter) {
        if self.kept {
            self.kept = false;
            self.granted.insert(waiter, true);
        } else {
            self.queue.push_back(waiter);
        }
    }

    pub(crate) fn one(&mut self) {
        match self.queue.pop_front() {
            Some(waiter) => _ = self.granted.insert(waiter, true),
            None => self.kept = true,
        }
    }

    pub(crate) fn all(&mut self) {
        self.granted.extend(self.queue.drain(..).map(|waiter| (waiter, false)));
    }
}

impl Rules for Notify {
    fn granted(&self, waiter: Waiter) -> bool {
        self.granted.contains_key(&waiter)
    }

    fn passes(&mut self, waiter: Waiter) {
        self.granted.remove(&waiter);
    }

    fn leaves(&mut self, waiter: Waiter) {
        self.queue.retain(|other| *other != waiter);
        if self.granted.remove(&waiter) == Some(true) {
            self.one();
        }
    }

    fn at_rest(&self) -> bool {
        self.queue.is_empty() && self.granted.is_empty()
    }
}
