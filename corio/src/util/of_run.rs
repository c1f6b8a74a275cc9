//! [`OfRun`]: a part of a run, which goes from thread to thread with the run.
//!
//! A run is full of pointers, counters and cells that all lead into the run itself. They go where
//! the run goes, and so say nothing about whether it may go. That is decided by what *users* have
//! put into the run: what their tasks hold while they wait, keys, answers, outputs, the futures of
//! their dispatchers. Those types stand in the types of the futures that the tasks are, and through
//! these in the type of `RunAsync`.
//!
//! # Contract
//!
//! Who wraps something guarantees two things:
//! - **One thread at a time.** It is touched only by the thread that turns the run of which it is a
//!   part, or drops that run or the schedule of it.
//! - **Told elsewhere.** If it holds values of the user, each of their types is `Send`, or stands
//!   in another field or type, so that the futures of the tasks that brought them there are not
//!   `Send` if the values are not.

use std::ops::{Deref, DerefMut};

/// A part of a run. `Send`, whatever it is: see the contract of the module.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OfRun<T>(T);

// SAFETY: by the contract of the module.
unsafe impl<T> Send for OfRun<T> {}

impl<T> OfRun<T> {
    /// # Safety
    /// The contract of the module.
    #[inline(always)]
    pub(crate) const unsafe fn new(part: T) -> Self {
        OfRun(part)
    }
}

impl<T> Deref for OfRun<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for OfRun<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
