//! What many tests need: something that counts its destructors, and a task that shows that a schedule still works.

#![allow(dead_code, reason = "each test takes what it needs")]

pub(crate) mod story;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

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

thread_local! {
    /// What `gated` waits for, and who is to be woken then.
    static OPEN: Cell<bool> = const { Cell::new(false) };
    static WAKERS: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
}

/// Answers once the test opens.
#[corio::dispatcher(show_keys)]
pub(crate) async fn gated(keys: &[u64]) -> Vec<u64> {
    poll_fn(|context| {
        if OPEN.get() {
            return Poll::Ready(());
        }
        WAKERS.with_borrow_mut(|wakers| wakers.push(context.waker().clone()));
        Poll::Pending
    })
    .await;
    keys.to_vec()
}

pub(crate) fn set_open(open: bool) {
    OPEN.set(open);
    take_wakers().into_iter().for_each(Waker::wake);
}

/// The wakers of those that wait, for a test that wakes them late.
pub(crate) fn take_wakers() -> Vec<Waker> {
    WAKERS.take()
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
