//! A semaphore for tasks.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::permits::{Acquiring, PermitGuard, Permits, Wording};

/// So many at a time, across whatever they wait for meanwhile; strictly first come first served, so
/// that one that wants many permits is not overtaken by those that want few.
///
/// ```
/// use corio::sync::Semaphore;
///
/// #[corio::dispatcher]
/// fn fetch(pages: &[u64]) -> Vec<String> {
///     assert!(pages.len() <= 3);
///     pages.iter().map(|page| format!("page {page}")).collect()
/// }
///
/// #[corio::task]
/// fn visits(few: &Semaphore, page: u64) -> String {
///     let _permit = call!(few.acquire());
///     io!(fetch(page))
/// }
///
/// #[corio::task]
/// fn program() -> Vec<String> {
///     let few = Semaphore::new(3);
///     all!((0..10).map(|page| visits(&few, page)))
/// }
///
/// assert_eq!(corio::Schedule::new(()).run(program())?.len(), 10);
/// # Ok::<(), corio::Error>(())
/// ```
pub struct Semaphore {
    permits: RefCell<Permits>,
}

static WORDING: Wording = Wording {
    in_another_run: "corio: this semaphore is in use in another run; a semaphore belongs to one \
                     run at a time",
    awaited: |wants, free| {
        let wanted = if wants == 1 { String::from("a permit") } else { format!("{wants} permits") };
        format!("{wanted} of a semaphore, {free} {} free", if free == 1 { "is" } else { "are" })
    },
};

impl Semaphore {
    /// A semaphore with so many permits, all free.
    pub fn new(permits: usize) -> Self {
        Semaphore { permits: Permits::new(permits, &WORDING) }
    }

    /// Waits for a permit: `let permit = call!(semaphore.acquire());`. If one is free and nobody
    /// waits, it costs no suspension.
    ///
    /// # Panics
    /// When called, if the semaphore is in use in another run, or by a dispatcher when it would
    /// have to wait.
    pub fn acquire(&self) -> Acquire<'_> {
        self.acquire_many(1)
    }

    /// Waits for so many permits, which it gets all at once: `let permits =
    /// call!(semaphore.acquire_many(3));`. More than there are just waits: they may be
    /// [added](Semaphore::add).
    ///
    /// # Panics
    /// As [`acquire`](Semaphore::acquire).
    pub fn acquire_many(&self, permits: usize) -> Acquire<'_> {
        Acquire { acquiring: Acquiring::new(&self.permits, permits) }
    }

    /// A permit, if one is free and nobody waits.
    ///
    /// # Panics
    /// If one is free, and tasks of another run have permits.
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.try_acquire_many(1)
    }

    /// So many permits, if they are free and nobody waits.
    ///
    /// # Panics
    /// As [`try_acquire`](Semaphore::try_acquire).
    pub fn try_acquire_many(&self, permits: usize) -> Option<Permit<'_>> {
        PermitGuard::take(&self.permits, permits).map(|held| Permit { held })
    }

    /// How many permits are free.
    pub fn available(&self) -> usize {
        self.permits.borrow().free
    }

    /// Adds permits for good.
    ///
    /// # Panics
    /// If more are free than fit in a `usize`.
    pub fn add(&self, permits: usize) {
        let mut all = self.permits.borrow_mut();
        assert!(all.free.checked_add(permits).is_some(), "corio: more permits than fit in a usize");
        all.give(permits);
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permits = self.permits.borrow();
        f.debug_struct("Semaphore")
            .field("available", &permits.free)
            .field("waiting", &permits.queue.len())
            .finish()
    }
}

/// What [`Semaphore::acquire`] gives; `call!` it.
#[must_use = "this does nothing until it is called: `call!(semaphore.acquire())`"]
pub struct Acquire<'a> {
    acquiring: Acquiring<'a>,
}

impl<'a> Future for Acquire<'a> {
    type Output = Permit<'a>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Permit<'a>> {
        self.acquiring.poll().map(|held| Permit { held })
    }
}

leaf!(<'a> Acquire<'a> => Permit<'a>);

impl fmt::Debug for Acquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("waits", &self.acquiring.waits()).finish()
    }
}

/// One or several permits of a [`Semaphore`], which get them back when this is dropped.
#[must_use = "the permit is given back as soon as this is dropped"]
pub struct Permit<'a> {
    held: PermitGuard<'a>,
}

impl Permit<'_> {
    /// Takes the permits away for good: the semaphore has so many less.
    pub fn forget(self) {
        self.held.forget();
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(&self.held.count()).finish()
    }
}
