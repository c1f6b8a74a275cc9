//! OnceCell: one at a time tries to initialise it, in the order of asking, until one succeeds; all
//! others get what that one made.

use std::collections::{BTreeMap, VecDeque};

use super::{Rules, Waiter};

#[derive(Default)]
pub(crate) struct Cell {
    value: Option<u64>,
    /// Whose turn it is to make the value, and whether it has begun.
    leads: Option<(Waiter, bool)>,
    queue: VecDeque<Waiter>,
    /// Each with what it has to get; nothing if its own task failed.
    ready: BTreeMap<Waiter, Option<u64>>,
}

impl Cell {
    pub(crate) fn asks(&mut self, waiter: Waiter) {
        match self.value {
            Some(value) => _ = self.ready.insert(waiter, Some(value)),
            None => self.queue.push_back(waiter),
        }
        self.settle();
    }

    /// Its task begins. False if it is not its turn.
    pub(crate) fn leads(&mut self, waiter: Waiter) -> bool {
        let right = self.leads == Some((waiter, false));
        self.leads = Some((waiter, true));
        right
    }

    /// Its task has ended, with a value or not.
    pub(crate) fn led(&mut self, waiter: Waiter, value: Option<u64>) {
        self.leads = None;
        self.ready.insert(waiter, value);
        if value.is_some() {
            self.value = value;
            self.ready.extend(self.queue.drain(..).map(|waiter| (waiter, value)));
        }
        self.settle();
    }

    /// What it has to get.
    pub(crate) fn value_for(&self, waiter: Waiter) -> Option<u64> {
        self.ready.get(&waiter).copied().flatten()
    }

    pub(crate) fn value(&self) -> Option<u64> {
        self.value
    }

    fn settle(&mut self) {
        if self.value.is_none() && self.leads.is_none() {
            self.leads = self.queue.pop_front().map(|waiter| (waiter, false));
        }
    }
}

impl Rules for Cell {
    fn granted(&self, waiter: Waiter) -> bool {
        self.ready.contains_key(&waiter) || self.leads == Some((waiter, false))
    }

    fn passes(&mut self, waiter: Waiter) {
        self.ready.remove(&waiter);
    }

    fn leaves(&mut self, waiter: Waiter) {
        self.queue.retain(|other| *other != waiter);
        self.ready.remove(&waiter);
        if self.leads.is_some_and(|(leads, _)| leads == waiter) {
            self.leads = None;
            self.settle();
        }
    }

    fn at_rest(&self) -> bool {
        self.leads.is_none() && self.queue.is_empty() && self.ready.is_empty()
    }
}
