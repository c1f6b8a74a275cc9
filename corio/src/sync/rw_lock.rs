//! A read-write lock for tasks: a value and `usize::MAX` permits. A reader takes one, a writer all.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::guarded::{
    AcquiringAll, AcquiringOne, Guarded, ManyReaders, SharedGuard, Sharing, UniqueGuard,
};
use super::permits::Wording;
use crate::executor::WaitCause;

/// A read-write lock for tasks: many readers or one writer, first come, first served.
///
/// A task may hold a guard while it waits for something else. Readers that arrive after a waiting
/// writer wait for that writer, so writers do not starve. Readers that wait next to each other in
/// the queue get the lock together.
///
/// ```
/// use std::sync::Arc;
/// use corio::sync::RwLock;
///
/// #[corio::dispatcher]
/// fn double(numbers: &[u64]) -> Vec<u64> {
///     numbers.iter().map(|n| n * 2).collect()
/// }
///
/// #[corio::task]
/// fn reads(number: Arc<RwLock<u64>>) -> u64 {
///     let number = call!(number.read());
///     io!(double(*number))                // other tasks read meanwhile: one batch for all
/// }
///
/// #[corio::task]
/// fn program() -> u64 {
///     let number = Arc::new(RwLock::new(1));
///     *call!(number.write()) += 1;
///     all!((0..10).map(|_| reads(number.clone()))).into_iter().sum()
/// }
///
/// assert_eq!(corio::Schedule::new(()).run(program())?, 40);
/// # Ok::<(), corio::Error>(())
/// ```
///
/// A task that holds the lock and waits for it again waits forever (a reader that reads again does
/// so only if a writer came in between), and the run ends with
/// [`Error::Deadlock`](crate::Error::Deadlock).
///
/// A lock is `Send` if its value is, and `Sync` if its value is `Send` and `Sync`.
pub struct RwLock<T> {
    guarded: Guarded<T, ManyReaders>,
}

/// Number of permits that a writer requests.
const ALL: usize = ManyReaders::PERMITS;

static WORDING: Wording = Wording {
    in_another_run: "corio: this lock is in use in another run; a lock belongs to one run at a \
                     time",
    awaited: |requested, _| {
        if requested == ALL { WaitCause::RwLockToWrite } else { WaitCause::RwLockToRead }
    },
};

impl<T> RwLock<T> {
    /// Creates an unlocked lock.
    pub fn new(value: T) -> Self {
        RwLock { guarded: Guarded::new(value, &WORDING) }
    }

    /// Locks for reading: `let guard = call!(lock.read());`.
    ///
    /// Waits until no writer holds the lock and no task waits that came before. If that is the
    /// case already, the task is not suspended.
    ///
    /// # Panics
    /// When called, if the lock is in use in another run; in a dispatcher, if the dispatcher would
    /// have to wait.
    pub fn read(&self) -> ReadLock<'_, T> {
        ReadLock { acquiring: self.guarded.acquire_one() }
    }

    /// Locks for writing: `let mut guard = call!(lock.write());`.
    ///
    /// Waits until no task holds the lock and no task waits that came before. If that is the case
    /// already, the task is not suspended.
    ///
    /// # Panics
    /// When called, if the lock is in use in another run; in a dispatcher, if the dispatcher would
    /// have to wait.
    pub fn write(&self) -> WriteLock<'_, T> {
        WriteLock { acquiring: self.guarded.acquire_all() }
    }

    /// Locks for reading if no writer holds the lock and no task waits for it; otherwise returns
    /// `None`.
    ///
    /// # Panics
    /// If readers of another run hold the lock.
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.guarded.try_one().map(|guard| RwLockReadGuard { guard })
    }

    /// Locks for writing if no task holds the lock and none waits for it; otherwise returns `None`.
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        self.guarded.try_all().map(|guard| RwLockWriteGuard { guard })
    }

    /// Returns the value without locking: `&mut self` guarantees that no task holds the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.guarded.get_mut()
    }

    /// Consumes the lock and returns the value.
    pub fn into_inner(self) -> T {
        self.guarded.into_inner()
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.guarded.peek(|value| match value {
            Some(value) => f.debug_tuple("RwLock").field(value).finish(),
            None => f.write_str("RwLock(<locked>)"),
        })
    }
}

/// Future of [`RwLock::read`], to be awaited by `call!`.
#[must_use = "a lock does nothing until it is called: `call!(lock.read())`"]
pub struct ReadLock<'a, T> {
    acquiring: AcquiringOne<'a, T>,
}

impl<'a, T> Future for ReadLock<'a, T> {
    type Output = RwLockReadGuard<'a, T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<RwLockReadGuard<'a, T>> {
        self.acquiring.poll().map(|guard| RwLockReadGuard { guard })
    }
}

leaf!(<'a, T> ReadLock<'a, T> => RwLockReadGuard<'a, T>);

impl<T> fmt::Debug for ReadLock<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadLock").field("waits", &self.acquiring.is_waiting()).finish()
    }
}

/// Future of [`RwLock::write`], to be awaited by `call!`.
#[must_use = "a lock does nothing until it is called: `call!(lock.write())`"]
pub struct WriteLock<'a, T> {
    acquiring: AcquiringAll<'a, T, ManyReaders>,
}

impl<'a, T> Future for WriteLock<'a, T> {
    type Output = RwLockWriteGuard<'a, T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<RwLockWriteGuard<'a, T>> {
        self.acquiring.poll().map(|guard| RwLockWriteGuard { guard })
    }
}

leaf!(<'a, T> WriteLock<'a, T> => RwLockWriteGuard<'a, T>);

impl<T> fmt::Debug for WriteLock<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteLock").field("waits", &self.acquiring.is_waiting()).finish()
    }
}

/// Guard of an [`RwLock`] that is locked for reading; no task writes until the guard is dropped.
#[must_use = "the lock is free again as soon as this is dropped"]
pub struct RwLockReadGuard<'a, T> {
    guard: SharedGuard<'a, T>,
}

impl<T> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Guard of an [`RwLock`] that is locked for writing; no other task reads or writes until the guard
/// is dropped.
#[must_use = "the lock is free again as soon as this is dropped"]
pub struct RwLockWriteGuard<'a, T> {
    guard: UniqueGuard<'a, T, ManyReaders>,
}

impl<T> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
