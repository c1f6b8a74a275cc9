//! WaitGroup: a waiter goes on when the count was zero as it came, or has been since.

use std::collections::BTreeMap;

use super::{Rules, Waiter};

#[derive(Default)]
pub(crate) struct WaitGroup {
    left: usize,
    waiting: BTreeMap<Waiter, bool>,
}

impl WaitGroup {
    pub(crate) fn adds(&mut self, things: usize) {
        self.left += things;
    }

    pub(crate) fn done(&mut self) {
        self.left -= 1;
        if self.left == 0 {
            self.waiting.values_mut().for_each(|granted| *granted = true);
        }
    }

    pub(crate) fn asks(&mut self, waiter: Waiter) {
        self.waiting.insert(waiter, self.left == 0);
    }
}

impl Rules for WaitGroup {
    fn granted(&self, waiter: Waiter) -> bool {
        self.waiting.get(&waiter) == Some(&true)
    }

    fn passes(&mut self, waiter: Waiter) {
        self.waiting.remove(&waiter);
    }

    fn leaves(&mut self, waiter: Waiter) {
        self.waiting.remove(&waiter);
    }

    fn at_rest(&self) -> bool {
        self.left == 0 && self.waiting.is_empty()
    }
}
