//! A read-write lock for tasks: a value, and very many permits. A reader takes one, a writer all.

use std::cell::{Ref, RefCell, RefMut};
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::permits::{Acquiring, PermitGuard, Permits, Wording};

/// Many readers or one writer, across whatever they wait for meanwhile; first come first served.
///
/// A writer that waits holds up the readers that come after it: so writers do not starve. Readers
/// that wait next to each other get in together.
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
///     io!(double(*number))                // others may read meanwhile: one batch for all of them
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
/// A task that holds it and waits for it again waits for itself (a reader, if a writer came in
/// between), and the run ends with [`Error::Deadlock`](crate::Error::Deadlock).
pub struct RwLock<T> {
    value: RefCell<T>,
    permits: RefCell<Permits>,
}

/// What a writer wants.
const ALL: usize = usize::MAX;

static WORDING: Wording = Wording {
    in_another_run: "corio: this lock is in use in another run; a lock belongs to one run at a \
                     time",
    awaited: |wants, _| {
        String::from(if wants == ALL {
            "a read-write lock, to write"
        } else {
            "a read-write lock, to read"
        })
    },
};

impl<T> RwLock<T> {
    /// A lock that is free.
    pub fn new(value: T) -> Self {
        RwLock { value: RefCell::new(value), permits: Permits::new(ALL, &WORDING) }
    }

    /// Waits until no writer has the lock and none waits that came before: `let guard =
    /// call!(lock.read());`. It costs no suspension if that is so already.
    ///
    /// # Panics
    /// When called, if the lock is in use in another run, or by a dispatcher when it would have to
    /// wait.
    pub fn read(&self) -> ReadLock<'_, T> {
        ReadLock { lock: self, acquiring: Acquiring::new(&self.permits, 1) }
    }

    /// Waits until nobody has the lock and nobody waits that came before: `let mut guard =
    /// call!(lock.write());`. It costs no suspension if that is so already.
    ///
    /// # Panics
    /// As [`read`](RwLock::read).
    pub fn write(&self) -> WriteLock<'_, T> {
        WriteLock { lock: self, acquiring: Acquiring::new(&self.permits, ALL) }
    }

    /// The guard, if no writer has the lock and nobody waits for it.
    ///
    /// # Panics
    /// If readers of another run have the lock.
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        PermitGuard::take(&self.permits, 1).map(|held| self.read_guard(held))
    }

    /// The guard, if nobody has the lock.
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        PermitGuard::take(&self.permits, ALL).map(|held| self.write_guard(held))
    }

    fn read_guard<'a>(&'a self, held: PermitGuard<'a>) -> RwLockReadGuard<'a, T> {
        RwLockReadGuard { value: self.value.borrow(), _held: held }
    }

    fn write_guard<'a>(&'a self, held: PermitGuard<'a>) -> RwLockWriteGuard<'a, T> {
        RwLockWriteGuard { value: self.value.borrow_mut(), _held: held }
    }

    /// The value, without locking: nobody else has the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// The value.
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

/// What [`RwLock::read`] gives; `call!` it.
#[must_use = "a lock does nothing until it is called: `call!(lock.read())`"]
pub struct ReadLock<'a, T> {
    lock: &'a RwLock<T>,
    acquiring: Acquiring<'a>,
}

impl<'a, T> Future for ReadLock<'a, T> {
    type Output = RwLockReadGuard<'a, T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<RwLockReadGuard<'a, T>> {
        self.acquiring.poll().map(|held| self.lock.read_guard(held))
    }
}

leaf!(<'a, T> ReadLock<'a, T> => RwLockReadGuard<'a, T>);

impl<T> fmt::Debug for ReadLock<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadLock").field("waits", &self.acquiring.waits()).finish()
    }
}

/// What [`RwLock::write`] gives; `call!` it.
#[must_use = "a lock does nothing until it is called: `call!(lock.write())`"]
pub struct WriteLock<'a, T> {
    lock: &'a RwLock<T>,
    acquiring: Acquiring<'a>,
}

impl<'a, T> Future for WriteLock<'a, T> {
    type Output = RwLockWriteGuard<'a, T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<RwLockWriteGuard<'a, T>> {
        self.acquiring.poll().map(|held| self.lock.write_guard(held))
    }
}

leaf!(<'a, T> WriteLock<'a, T> => RwLockWriteGuard<'a, T>);

impl<T> fmt::Debug for WriteLock<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteLock").field("waits", &self.acquiring.waits()).finish()
    }
}

/// Nobody writes as long as this is there.
#[must_use = "the lock is free again as soon as this is dropped"]
pub struct RwLockReadGuard<'a, T> {
    // Dropped in this order: whoever gets the lock finds the value free.
    value: Ref<'a, T>,
    _held: PermitGuard<'a>,
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

/// Nobody else reads or writes as long as this is there.
#[must_use = "the lock is free again as soon as this is dropped"]
pub struct RwLockWriteGuard<'a, T> {
    // Dropped in this order: whoever gets the lock finds the value free.
    value: RefMut<'a, T>,
    _held: PermitGuard<'a>,
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
