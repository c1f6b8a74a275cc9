//! The cell that holds the state of a primitive, for any thread.
//!
//! A primitive belongs to one run at a time, so two threads hardly ever look at it at once. But the
//! run may go from thread to thread, and a guard may be dropped on yet another one. So a borrow is
//! exclusive: one compare-and-swap when it begins, and a store when it ends. It lasts for a few
//! instructions, in which no code of the user runs, but for the hashing and comparing of keys.
//!
//! Whoever serves waiting tasks from outside of their run also wakes the owner of that run, and a
//! waker is code of the user: an executor may poll the run at once, which then uses the same
//! primitive. So the wakers are called when the borrow has ended.
//!
//! # Contract
//!
//! `borrower` is the token of the thread that has the one borrow, or 0. Only who has put its token
//! there touches `state`, and only that one puts 0 there, when its reference has ended.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::runtime::give_owed_nudges;
use crate::util::concurrent::{AtomicUsize, Ordering, pause, this_thread};

/// A value that one thread borrows at a time. When the borrow ends, the nudges are given that are
/// owed to sleeping runs. At most one such cell is borrowed by a thread at a time.
pub(super) struct StateCell<T> {
    borrower: AtomicUsize,
    state: UnsafeCell<T>,
}

// SAFETY: by the contract one thread at a time has a reference to the state, and what it did
// happens before what the next one does: the store of 0 releases, and the compare-and-swap
// acquires. So the state goes from thread to thread, for which it is `Send`.
unsafe impl<T: Send> Sync for StateCell<T> {}

impl<T> StateCell<T> {
    pub(super) fn new(state: T) -> Self {
        StateCell { borrower: AtomicUsize::new(0), state: UnsafeCell::new(state) }
    }

    /// Borrows the state, when no other thread does.
    ///
    /// # Panics
    /// If this thread has borrowed it: that would wait for itself.
    #[inline]
    pub(super) fn borrow(&self) -> StateMut<'_, T> {
        let thread = this_thread();
        if !self.try_take(thread) {
            self.take_slow(thread);
        }
        StateMut { cell: self, thread: PhantomData }
    }

    #[inline]
    fn try_take(&self, thread: usize) -> bool {
        self.borrower.compare_exchange(0, thread, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Waits for another thread, which is done in a few instructions, unless it was interrupted.
    #[cold]
    fn take_slow(&self, thread: usize) {
        assert!(
            self.borrower.load(Ordering::Relaxed) != thread,
            "corio: a primitive was used by the code that hashes or compares its keys"
        );
        for attempt in 0_u32.. {
            if self.try_take(thread) {
                return;
            }
            pause(attempt);
        }
    }
}

impl<T: Default> Default for StateCell<T> {
    fn default() -> Self {
        StateCell::new(T::default())
    }
}

// Without the state: what is written to may be code of the user.
impl<T> fmt::Debug for StateCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StateCell")
    }
}

/// The state, borrowed. Stays on its thread: the token is that of the thread.
pub(super) struct StateMut<'a, T> {
    cell: &'a StateCell<T>,
    /// Neither `Send` nor `Sync`.
    thread: PhantomData<*mut T>,
}

impl<T> Drop for StateMut<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.cell.borrower.store(0, Ordering::Release);
        give_owed_nudges();
    }
}

impl<T> Deref for StateMut<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this thread has put its token there when this was made, and has not taken it
        // back. The reference ends before this is dropped or borrowed mutably.
        unsafe { &*self.cell.state.get() }
    }
}

impl<T> DerefMut for StateMut<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this thread has put its token there when this was made, and has not taken it
        // back. The reference ends before this is dropped or borrowed again.
        unsafe { &mut *self.cell.state.get() }
    }
}
