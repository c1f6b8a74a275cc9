//! A read-write lock for tasks: a value and `usize::MAX` permits. A reader takes one, a writer all.

use std::cell::{Ref, RefCell, RefMut};
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::permits::{Acquiring, PermitGuard, Permits, Wording};
use super::state_cell::StateCell;
use crate::executor::WaitCause;

/// A read-write lock for tasks: many readers or one writer, first come, first served.
///
/// A task may hold a guard while it waits for something else. Readers that arrive after a waiting
/// writer wait for that writer, so writers do not starve. Readers that wait next to each other in
/// the queue get the lock together.
///
/// ```
/// use std::rc::Rc;
/// use corio::sync::RwLock;
///
/// #[corio::dispatcher]
/// fn double(numbers: &[u64]) -> Vec<u64> {
///     numbers.iter().map(|n| n * 2).collect()
/// }
///
/// #[corio::task]
/// fn reads(number: Rc<RwLock<u64>>) -> u64 {
///     let number = call!(number.read());
///     io!(double(*number))                // other tasks read meanwhile: one batch for all
/// }
///
/// #[corio::task]
/// fn program() -> u64 {
///     let number = Rc::new(RwLock::new(1));
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
pub struct RwLock<T> {
    value: RefCell<T>,
    permits: StateCell<Permits>,
}

/// Number of permits that a writer requests.
const ALL: usize = usize::MAX;

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
        RwLock { value: RefCell::new(value), permits: Permits::new(ALL, &WORDING) }
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
        ReadLock { lock: self, acquiring: Acquiring::new(&self.permits, 1) }
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
        WriteLock { lock: self, acquiring: Acquiring::new(&self.permits, ALL) }
    }

    /// Locks for reading if no writer holds the lock and no task waits for it; otherwise returns
    /// `None`.
    ///
    /// # Panics
    /// If readers of another run hold the lock.
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        PermitGuard::try_take(&self.permits, 1).map(|permits| self.read_guard(permits))
    }

    /// Locks for writing if no task holds the lock and none waits for it; otherwise returns `None`.
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        PermitGuard::try_take(&self.permits, ALL).map(|permits| self.write_guard(permits))
    }

    fn read_guard<'a>(&'a self, permits: PermitGuard<'a>) -> RwLockReadGuard<'a, T> {
        RwLockReadGuard { value: self.value.borrow(), _permits: permits }
    }

    fn write_guard<'a>(&'a self, permits: PermitGuard<'a>) -> RwLockWriteGuard<'a, T> {
        RwLockWriteGuard { value: self.value.borrow_mut(), _permits: permits }
    }

    /// Returns the value without locking: `&mut self` guarantees that no task holds the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Consumes the lock and returns the value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value.try_borrow() {
            Ok(value) => f.debug_tuple("RwLock").field(&*value).finish(),
            Err(_) => f.write_str("RwLock(<locked>)"),
        }
    }
}

/// Future of [`RwLock::read`], to be awaited by `call!`.
#[must_use = "a lock does nothing until it is called: `call!(lock.read())`"]
pub struct ReadLock<'a, T> {
    lock: &'a RwLock<T>,
    acquiring: Acquiring<'a>,
}

impl<'a, T> Future for ReadLock<'a, T> {
    type Output = RwLockReadGuard<'a, T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<RwLockReadGuard<'a, T>> {
        self.acquiring.poll().map(|permits| self.lock.read_guard(permits))
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
    lock: &'a RwLock<T>,
    acquiring: Acquiring<'a>,
}

impl<'a, T> Future for WriteLock<'a, T> {
    type Output = RwLockWriteGuard<'a, T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<RwLockWriteGuard<'a, T>> {
        self.acquiring.poll().map(|permits| self.lock.write_guard(permits))
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
    // Fields are dropped in this order: a task that gets the permits must find the value not
    // borrowed.
    value: Ref<'a, T>,
    _permits: PermitGuard<'a>,
}

impl<T> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
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
    // Fields are dropped in this order: a task that gets the permits must find the value not
    // borrowed.
    value: RefMut<'a, T>,
    _permits: PermitGuard<'a>,
}

impl<T> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
