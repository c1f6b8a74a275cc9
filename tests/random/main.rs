//! What goes by seeds: programs and orders at random, and a panic at every place.
//!
//! All tests share a process, and run at the same time on several threads: whatever one of them
//! counts or sets is its thread's, or its own.

use std::sync::{Mutex, MutexGuard, PoisonError};

mod fuzz;
mod inject;
mod model;
mod properties;
mod queues;
mod shuffle;

/// What tasks share, also after a panic; for as long as it takes to look at it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
