//! What crosses threads is made of these. A model checker puts its own in their place: see
//! `models/`, whose tests include the files that use this module.

use std::hint;
use std::ptr;
use std::thread;

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lets a few instructions of another thread pass; more of them after many attempts, as that thread
/// may have been interrupted.
pub(crate) fn pause(attempt: u32) {
    if attempt < 64 { hint::spin_loop() } else { thread::yield_now() }
}

/// A number other than 0 that no other thread has meanwhile.
#[inline]
pub(crate) fn this_thread() -> usize {
    thread_local!(static TOKEN: u8 = const { 0 });
    TOKEN.with(|token| ptr::from_ref(token).addr())
}
