//! Synchronization primitives for the tasks of one run.
//!
//! | primitive | purpose |
//! |---|---|
//! | [`Mutex`], [`RwLock`] | a value for one task at a time, or for many readers |
//! | [`Semaphore`] | a limit on how many tasks do something at a time |
//! | [`WaitGroup`] | waiting until a number of things are done |
//! | [`Notify`] | notification of one waiting task, or of all |
//! | [`OnceCell`] | a value that is made when it is first needed |
//! | [`channel`](channel()) | values from many senders to one receiver |
//! | [`SingleFlight`] | one task for all tasks that want the same value at the same time |
//! | [`ErrGroup`] | tasks that are all cancelled when one fails, added while others run |
//! | [`RunCell`] | a value that tasks share, as those of one thread share a `Cell` |
//!
//! All primitives serve waiting tasks first come, first served, and wait only by suspending the
//! task. A primitive is shared by reference or in an [`Arc`](std::sync::Arc). It may be used in one
//! run after another, but not in two runs at the same time.
//!
//! Primitives are `Send` and `Sync` as far as their values are, so the tasks that share them can go
//! from thread to thread with their run. Each look at one costs an uncontended compare-and-swap. A
//! guard may be dropped, and whatever else does not wait may be done, anywhere: tasks that wait are
//! woken. But a run does not know what others will do: if all of its tasks wait and nothing is in
//! flight, it ends with [`Error::Deadlock`](crate::Error::Deadlock), although another thread holds
//! the guard and might drop it.
//!
//! A task waits by `call!(…)`, and is not suspended if it does not have to wait. A task that is
//! dropped while it waits leaves the wait queue; if a permit, a value or a notification was granted
//! to the task, and the task has not taken it yet, the next task gets it.

pub use crate::sync::channel::{
    Receiver, Receiving, SendError, Sender, Sending, TryRecvError, TrySendError, channel,
};
pub use crate::sync::err_group::{ErrGroup, GroupEnded};
pub use crate::sync::mutex::{Lock, Mutex, MutexGuard};
pub use crate::sync::notify::{Notified, Notify};
pub use crate::sync::once_cell::OnceCell;
pub use crate::sync::run_cell::RunCell;
pub use crate::sync::rw_lock::{ReadLock, RwLock, RwLockReadGuard, RwLockWriteGuard, WriteLock};
pub use crate::sync::semaphore::{Acquire, Permit, Semaphore};
pub use crate::sync::single_flight::SingleFlight;
pub use crate::sync::wait_group::{AllDone, WaitGroup};

// Files, for maintainers:
//
// | file | contents |
// |---|---|
// | `wait_queue.rs` | `WaitQueue`, `Ticket`: the first-come-first-served queue of all primitives |
// | `state_cell.rs` | `StateCell`: the state of a primitive, borrowed by one thread at a time |
// | `permits.rs` | `Permits`: permits on a wait queue, for the next four |
// | `guarded.rs` | `Guarded`: a value and its permits, for the next two |
// | `mutex.rs`, `rw_lock.rs` | a value for one task at a time, or for many readers |
// | `semaphore.rs`, `once_cell.rs` | permits alone; a value and the permit to make it |
// | `channel.rs`, `notify.rs`, `wait_group.rs` | a wait queue and the state that tasks wait for |
// | `single_flight.rs` | a wait queue for each key in flight |
// | `err_group.rs` | members, a wait queue for their end, permits for their number |
// | `run_cell.rs` | a value for the tasks of one run, without a wait queue |
//
// Terms: a *ticket* is a position in a wait queue. A waiting task is *granted* when the queue lets
// the task continue, and *withdraws* when its future is dropped before. A primitive is *bound* to
// the run whose tasks use it.
//
// Invariants of the folder:
//
// - A future that waits holds a ticket, and withdraws in its destructor. What was granted and not
//   taken goes to the next task.
// - A future binds its primitive to the polling run before the future waits; what tasks of a former
//   run have left is removed then. Two runs that are alive never share a primitive: that panics.
// - Destructors and clones of the user's values, and wakers of the executor, run while the state of
//   the primitive is not borrowed, because they may use it. Only keys of a `SingleFlight` are
//   hashed and compared while its set is borrowed.

/// Implements `Task` over any context for a future of this folder, so that it can be called
/// (`call!`). The future must spawn nothing and hold no children.
macro_rules! leaf {
    (<$($parameter:tt),*> $leaf:ty => $output:ty) => {
        #[diagnostic::do_not_recommend]
        impl<$($parameter),*> crate::task::IsTask for $leaf {
            type Output = $output;
            type Future = Self;
            type Called = Self;

            fn called(future: Self, _: crate::task::Sealed) -> Self {
                future
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($parameter,)* S> crate::task::Task<S> for $leaf {
            fn into_future(self, _: &crate::task::Over<S>) -> Self {
                self
            }
        }
    };
}

mod channel;
mod err_group;
mod guarded;
mod mutex;
mod notify;
mod once_cell;
mod permits;
mod run_cell;
mod rw_lock;
mod semaphore;
mod single_flight;
mod state_cell;
mod wait_group;
mod wait_queue;
