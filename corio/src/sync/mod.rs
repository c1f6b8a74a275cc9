//! Locks and the like for the tasks of one run: first come first served, without atomics, waiting only by suspending the task.
//!
//! They are shared by reference or in an [`Rc`](std::rc::Rc) and may be used run after run, but not by two runs at a time.

mod mutex;
mod wait_group;

pub use mutex::{Lock, Mutex, MutexGuard};
pub use wait_group::{AllDone, WaitGroup};
