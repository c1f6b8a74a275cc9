//! A semaphore for tasks: permits without a value.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::permits::{Acquiring, PermitGuard, Permits, Wording};
use super::state_cell::StateCell;
use crate::executor::WaitCause;

/// A counting semaphore for tasks, which limits how many do something at a time.
///
/// A task may hold permits while it waits for something else. Waiting tasks are served strictly
/// first come, first served: a task that requests many permits is not overtaken by tasks that
/// request few.
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
    permits: StateCell<Permits>,
}

static WORDING: Wording = Wording {
    in_another_run: "corio: this semaphore is in use in another run; a semaphore belongs to one \
                     run at a time",
    awaited: |requested, free| WaitCause::Permits { requested, free },
};

impl Semaphore {
    /// Creates a semaphore with this number of permits, all free.
    pub fn new(permits: usize) -> Self {
        Semaphore { permits: Permits::new(permits, &WORDING) }
    }

    /// Acquires one permit, and waits for it: `let permit = call!(semaphore.acquire());`.
    ///
    /// If a permit is free and no task waits, the task is not suspended.
    ///
    /// # Panics
    /// When called, if the semaphore is in use in another run; in a dispatcher, if the dispatcher
    /// would have to wait.
    pub fn acquire(&self) -> Acquire<'_> {
        self.acquire_many(1)
    }

    /// Acquires several permits, all at once: `let permits = call!(semaphore.acquire_many(3));`.
    ///
    /// A task that requests more permits than the semaphore has waits until permits are
    /// [added](Semaphore::add_permits).
    ///
    /// # Panics
    /// When called, if the semaphore is in use in another run; in a dispatcher, if the dispatcher
    /// would have to wait.
    pub fn acquire_many(&self, permits: usize) -> Acquire<'_> {
        Acquire { acquiring: Acquiring::new(&self.permits, permits) }
    }

    /// Acquires one permit if one is free and no task waits; otherwise returns `None`.
    ///
    /// # Panics
    /// If a permit is free, and tasks of another run hold permits.
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.try_acquire_many(1)
    }

    /// Acquires several permits if they are free and no task waits; otherwise returns `None`.
    ///
    /// # Panics
    /// If the permits are free, and tasks of another run hold permits.
    pub fn try_acquire_many(&self, permits: usize) -> Option<Permit<'_>> {
        PermitGuard::try_take(&self.permits, permits).map(|guard| Permit { guard })
    }

    /// Returns the number of free permits.
    pub fn available_permits(&self) -> usize {
        self.permits.borrow().free
    }

    /// Adds permits to the semaphore, permanently.
    ///
    /// # Panics
    /// If more permits would be free than fit in a `usize`.
    pub fn add_permits(&self, permits: usize) {
        let mut state = self.permits.borrow();
        assert!(
            state.free.checked_add(permits).is_some(),
            "corio: more permits than fit in a usize"
        );
        state.release(permits);
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permits = self.permits.borrow();
        let (available, waiting) = (permits.free, permits.queue.len());
        drop(permits);
        f.debug_struct("Semaphore")
            .field("available", &available)
            .field("waiting", &waiting)
            .finish()
    }
}

/// Future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`], to be awaited by `call!`.
#[must_use = "this does nothing until it is called: `call!(semaphore.acquire())`"]
pub struct Acquire<'a> {
    acquiring: Acquiring<'a>,
}

impl<'a> Future for Acquire<'a> {
    type Output = Permit<'a>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Permit<'a>> {
        self.acquiring.poll().map(|guard| Permit { guard })
    }
}

leaf!(<'a> Acquire<'a> => Permit<'a>);

impl fmt::Debug for Acquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("waits", &self.acquiring.is_waiting()).finish()
    }
}

/// One or several permits of a [`Semaphore`]; dropping the `Permit` releases them.
#[must_use = "the permit is given back as soon as this is dropped"]
pub struct Permit<'a> {
    guard: PermitGuard<'a>,
}

impl Permit<'_> {
    /// Drops the `Permit` without releasing the permits: the semaphore loses them permanently.
    pub fn forget(self) {
        self.guard.forget();
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(&self.guard.count()).finish()
    }
}
