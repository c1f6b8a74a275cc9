//! A mutex for tasks: a value, and one permit to access it.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::guarded::{AcquiringAll, Guarded, OneAtATime, UniqueGuard};
use super::permits::Wording;
use crate::executor::WaitCause;

/// A mutual exclusion lock for tasks, which serves waiting tasks first come, first served.
///
/// A task may hold the guard while it waits for something else, a request for instance.
///
/// ```
/// use std::sync::Arc;
/// use corio::sync::Mutex;
///
/// #[corio::dispatcher]
/// fn double(numbers: &[u64]) -> Vec<u64> {
///     numbers.iter().map(|n| n * 2).collect()
/// }
///
/// #[corio::task]
/// fn double_it(number: Arc<Mutex<u64>>) {
///     let mut number = call!(number.lock());
///     *number = io!(double(*number));     // no other task changes the number meanwhile
/// }
///
/// #[corio::task]
/// fn program() -> u64 {
///     let number = Arc::new(Mutex::new(1));
///     for _ in 0..10 {
///         spawn!(double_it(number.clone()));
///     }
///     wait!();
///     *call!(number.lock())
/// }
///
/// assert_eq!(corio::Schedule::new(()).run(program())?, 1024);
/// # Ok::<(), corio::Error>(())
/// ```
///
/// A task that locks a mutex which the task itself holds waits forever, and the run ends with
/// [`Error::Deadlock`](crate::Error::Deadlock).
///
/// A mutex is `Send` and `Sync` if its value is `Send`, so tasks that share it may go from thread
/// to thread with their run.
pub struct Mutex<T> {
    guarded: Guarded<T, OneAtATime>,
}

static WORDING: Wording = Wording {
    in_another_run: "corio: this mutex is locked in another run; a lock belongs to one run at a \
                     time",
    awaited: |_, _| WaitCause::MutexHeld,
};

impl<T> Mutex<T> {
    /// Creates an unlocked mutex.
    pub fn new(value: T) -> Self {
        Mutex { guarded: Guarded::new(value, &WORDING) }
    }

    /// Locks the mutex, and waits until it is free: `let mut guard = call!(mutex.lock());`.
    ///
    /// If the mutex is free, the task is not suspended.
    ///
    /// # Panics
    /// When called, if the mutex is in use in another run; in a dispatcher, if the mutex is
    /// locked.
    pub fn lock(&self) -> Lock<'_, T> {
        Lock { acquiring: self.guarded.acquire_all() }
    }

    /// Locks the mutex if it is free; otherwise returns `None`.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.guarded.try_all().map(|guard| MutexGuard { guard })
    }

    /// Returns the value without locking: `&mut self` guarantees that no task holds the mutex.
    pub fn get_mut(&mut self) -> &mut T {
        self.guarded.get_mut()
    }

    /// Consumes the mutex and returns the value.
    pub fn into_inner(self) -> T {
        self.guarded.into_inner()
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.guarded.peek(|value| match value {
            Some(value) => f.debug_tuple("Mutex").field(value).finish(),
            None => f.write_str("Mutex(<locked>)"),
        })
    }
}

/// Future of [`Mutex::lock`], to be awaited by `call!`.
#[must_use = "a lock does nothing until it is called: `call!(mutex.lock())`"]
pub struct Lock<'a, T> {
    acquiring: AcquiringAll<'a, T, OneAtATime>,
}

impl<'a, T> Future for Lock<'a, T> {
    type Output = MutexGuard<'a, T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<MutexGuard<'a, T>> {
        self.acquiring.poll().map(|guard| MutexGuard { guard })
    }
}

leaf!(<'a, T> Lock<'a, T> => MutexGuard<'a, T>);

impl<T> fmt::Debug for Lock<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("waits", &self.acquiring.is_waiting()).finish()
    }
}

/// Guard of a locked [`Mutex`]; gives access to the value, and unlocks the mutex when dropped.
#[must_use = "the mutex is free again as soon as this is dropped"]
pub struct MutexGuard<'a, T> {
    guard: UniqueGuard<'a, T, OneAtATime>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
