//! ErrGroup: so many members at a time, until the first error; whoever waits goes on when no member
//! is left, with that error.

use std::collections::{BTreeMap, BTreeSet};

use super::{Rules, Waiter};

#[derive(Default)]
pub(crate) struct Team {
    limit: Option<usize>,
    /// Members begin in the order in which they joined.
    ordered: bool,
    /// Each with whether it has begun.
    members: BTreeMap<usize, bool>,
    error: Option<u64>,
    waiting: BTreeSet<Waiter>,
}

impl Team {
    pub(crate) fn new(limit: Option<usize>, ordered: bool) -> Self {
        Team { limit, ordered, ..Team::default() }
    }

    pub(crate) fn joins(&mut self, member: usize) {
        self.members.insert(member, false);
    }

    /// Its task begins. False if that is not right.
    pub(crate) fn begins(&mut self, member: usize) -> bool {
        let room = self
            .limit
            .is_none_or(|limit| self.members.values().filter(|begun| **begun).count() < limit);
        let turn = !self.ordered
            || self
                .members
                .iter()
                .find(|(_, begun)| !**begun)
                .is_some_and(|(first, _)| *first == member);
        self.members.insert(member, true);
        room && turn && self.error.is_none()
    }

    /// It has ended, or was dropped.
    pub(crate) fn ends(&mut self, member: usize, error: Option<u64>) {
        self.members.remove(&member);
        self.error = self.error.or(error);
    }

    pub(crate) fn asks(&mut self, waiter: Waiter) {
        self.waiting.insert(waiter);
    }

    pub(crate) fn takes_error(&mut self) -> Option<u64> {
        self.error.take()
    }
}

impl Rules for Team {
    fn granted(&self, waiter: Waiter) -> bool {
        self.waiting.contains(&waiter) && self.members.is_empty()
    }

    fn passes(&mut self, waiter: Waiter) {
        self.waiting.remove(&waiter);
    }

    fn leaves(&mut self, waiter: Waiter) {
        self.waiting.remove(&waiter);
    }

    fn at_rest(&self) -> bool {
        self.members.is_empty() && self.waiting.is_empty()
    }
}
