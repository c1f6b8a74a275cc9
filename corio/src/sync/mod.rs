//! Locks and the like for the tasks of one run: first come first served, without atomics, waiting
//! only by suspending the task.
//!
//! | | |
//! |---|---|
//! | [`Mutex`], [`RwLock`] | a value that one uses at a time, or many read |
//! | [`Semaphore`] | so many at a time |
//! | [`WaitGroup`] | until so many things are done |
//! | [`Notify`] | something has happened |
//! | [`OnceCell`] | a value that is made when it is first needed |
//! | [`channel`] | values from many to one |
//! | [`SingleFlight`] | one task for all that want the same thing meanwhile |
//! | [`ErrGroup`] | tasks that stand or fall together, added while others run |
//!
//! They are shared by reference or in an [`Rc`](std::rc::Rc) and may be used run after run, but not
//! by two runs at a time. Waiting is always `call!(…)`, and costs no suspension where nothing has
//! to be waited for. Whoever is dropped while it waits leaves the line; what it was given and has
//! not taken yet goes to the next.

pub use crate::sync::channel::{
    Receiver, Receiving, SendError, Sender, Sending, TryRecvError, TrySendError, channel,
};
pub use crate::sync::err_group::{ErrGroup, GroupEnded};
pub use crate::sync::mutex::{Lock, Mutex, MutexGuard};
pub use crate::sync::notify::{Notified, Notify};
pub use crate::sync::once_cell::OnceCell;
pub use crate::sync::rw_lock::{ReadLock, RwLock, RwLockReadGuard, RwLockWriteGuard, WriteLock};
pub use crate::sync::semaphore::{Acquire, Permit, Semaphore};
pub use crate::sync::single_flight::SingleFlight;
pub use crate::sync::wait_group::{AllDone, WaitGroup};

/// Makes a future of ours something to `call!`, over any context. Only for those that spawn nothing
/// and hold no children.
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
            fn into_future(self, _: crate::task::Sealed) -> Self {
                self
            }
        }
    };
}

mod channel;
mod err_group;
mod mutex;
mod notify;
mod once_cell;
mod permits;
mod rw_lock;
mod semaphore;
mod single_flight;
mod wait_group;
mod wait_queue;
