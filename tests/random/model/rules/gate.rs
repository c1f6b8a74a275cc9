//! Mutex, RwLock and Semaphore: so many permits, strictly first come first served. A mutex has one
//! permit; a reader takes one of many, a writer all.

use std::collections::{BTreeMap, VecDeque};

use super::{Rules, Waiter};

pub(crate) struct Gate {
    all: usize,
    free: usize,
    queue: VecDeque<(Waiter, usize)>,
    granted: BTreeMap<Waiter, usize>,
    held: BTreeMap<Waiter, usize>,
}

impl Gate {
    pub(crate) fn new(all: usize) -> Self {
        Gate {
            all,
            free: all,
            queue: VecDeque::new(),
            granted: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }

    pub(crate) fn asks(&mut self, waiter: Waiter, permits: usize) {
        self.queue.push_back((waiter, permits));
        self.settle();
    }

    /// Whether so many can be had without waiting.
    pub(crate) fn can(&self, permits: usize) -> bool {
        self.queue.is_empty() && permits <= self.free
    }

    /// Takes without waiting.
    pub(crate) fn takes(&mut self, waiter: Waiter, permits: usize) {
        self.free = self.free.saturating_sub(permits);
        self.held.insert(waiter, permits);
    }

    pub(crate) fn gives(&mut self, waiter: Waiter) {
        self.free += self.held.remove(&waiter).unwrap_or(0);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some((waiter, permits)) = self.queue.pop_front() {
            if permits > self.free {
                return self.queue.push_front((waiter, permits));
            }
            self.free -= permits;
            self.granted.insert(waiter, permits);
        }
    }
}

impl Rules for Gate {
    fn granted(&self, waiter: Waiter) -> bool {
        self.granted.contains_key(&waiter)
    }

    fn passes(&mut self, waiter: Waiter) {
        let permits = self.granted.remove(&waiter).unwrap_or(0);
        self.held.insert(waiter, permits);
    }

    fn leaves(&mut self, waiter: Waiter) {
        self.queue.retain(|(other, _)| *other != waiter);
        self.free += self.granted.remove(&waiter).unwrap_or(0);
        self.settle();
    }

    fn at_rest(&self) -> bool {
        self.free == self.all
            && self.queue.is_empty()
            && self.granted.is_empty()
            && self.held.is_empty()
    }
}
