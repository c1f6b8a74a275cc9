//! What many tests need: something that counts its destructors, and a task that shows that a schedule still works.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::cell::Cell;
use std::rc::Rc;

#[corio::dispatcher(show_keys)]
pub(crate) fn double(keys: &[u64]) -> Vec<u64> {
    keys.iter().map(|key| key * 2).collect()
}

/// Asks, spawns and waits in several ways; gives 10.
#[corio::task]
pub(crate) fn healthy() -> u64 {
    let twice = io!(double(1));
    let more: Vec<u64> = io_all!((0..3).map(double));
    let handle = spawn!(double(twice));
    call!(handle) + more.iter().sum::<u64>()
}

/// How often something was built and dropped.
#[derive(Clone, Default)]
pub(crate) struct Counts {
    built: Rc<Cell<usize>>,
    dropped: Rc<Cell<usize>>,
}

/// Is counted.
pub(crate) struct Counted(Counts);

impl Counts {
    pub(crate) fn one(&self) -> Counted {
        self.built.set(self.built.get() + 1);
        Counted(self.clone())
    }

    pub(crate) fn built(&self) -> usize {
        self.built.get()
    }

    pub(crate) fn alive(&self) -> usize {
        self.built.get() - self.dropped.get()
    }

    /// Something was built, and all of it dropped.
    #[track_caller]
    pub(crate) fn check(&self) {
        assert!(self.built.get() > 0);
        self.check_built(self.built.get());
    }

    /// So many were built, and all of them dropped.
    #[track_caller]
    pub(crate) fn check_built(&self, built: usize) {
        assert_eq!((self.built.get(), self.dropped.get()), (built, built), "built, dropped");
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dropped.set(self.0.dropped.get() + 1);
    }
}
