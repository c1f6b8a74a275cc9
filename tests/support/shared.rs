//! What schedules are handed must be able to go to other threads, also where it never does.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::thread::{self, ThreadId};

/// Something that stays on the thread that it was made on: for clocks and observers of schedules
/// that run there. It panics on every other one.
pub struct OfThisThread<T> {
    thread: ThreadId,
    value: ManuallyDrop<T>,
}

// SAFETY: the value is looked at, and dropped, only after a check that this is the thread that it
// was made on.
unsafe impl<T> Send for OfThisThread<T> {}

// SAFETY: the same.
unsafe impl<T> Sync for OfThisThread<T> {}

impl<T> OfThisThread<T> {
    /// It is bound to this thread from now on.
    pub fn new(value: T) -> Self {
        OfThisThread { thread: thread::current().id(), value: ManuallyDrop::new(value) }
    }

    fn check(&self) {
        assert_eq!(self.thread, thread::current().id(), "it belongs to another thread");
    }
}

impl<T> Deref for OfThisThread<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.check();
        &self.value
    }
}

impl<T> Drop for OfThisThread<T> {
    fn drop(&mut self) {
        self.check();
        // SAFETY: it is dropped once, and not used afterwards.
        unsafe { ManuallyDrop::drop(&mut self.value) };
    }
}
