//! A cell for the tasks of one run, without atomics: only code that the run calls can look into it.
//!
//! # Contract
//!
//! The value is touched by reference only while the run of the cell is being turned on the calling
//! thread. A run is turned by one thread at a time, and what it did on one thread happens before
//! what it does on the next.

use std::cell::RefCell;
use std::fmt;

use crate::runtime::current;

/// A value that the tasks of one run share: what [`Cell`](std::cell::Cell) is for code on one
/// thread.
///
/// A run may go from thread to thread, so tasks that share a `&Cell` keep it from being `Send`. A
/// `RunCell` is `Sync` if its value is `Send`: it knows its run, which is turned by one thread at a
/// time, and lets nobody else in. That costs a comparison, and no atomics.
///
/// ```
/// use corio::sync::RunCell;
///
/// #[corio::dispatcher]
/// fn fetch_price(articles: &[u64]) -> Vec<u64> {
///     articles.iter().map(|article| article * 10).collect()
/// }
///
/// #[corio::task]
/// fn add_price(article: u64, total: &RunCell<u64>) {
///     let price = io!(fetch_price(article));
///     total.set(total.get() + price);
/// }
///
/// #[corio::task]
/// fn program() -> u64 {
///     let total = RunCell::new(0);
///     all!((1..=3).map(|article| add_price(article, &total)));
///     total.get()
/// }
///
/// assert_eq!(corio::Schedule::new(()).run(program())?, 60);
/// # Ok::<(), corio::Error>(())
/// ```
///
/// # Panics
/// A cell belongs to the run in which it was made, for good: `new` panics outside a task, and all
/// methods that take `&self` panic anywhere but in that run.
pub struct RunCell<T> {
    /// The id of the run.
    run_id: u64,
    value: RefCell<T>,
}

// SAFETY: `access` is the only method that touches the value by `&self`. By the contract of the
// module it is used by one thread at a time, so that the value goes from thread to thread, for
// which it is `Send`.
unsafe impl<T: Send> Sync for RunCell<T> {}

impl<T> RunCell<T> {
    /// A cell of the run that the calling task belongs to.
    #[track_caller]
    pub fn new(value: T) -> Self {
        let run_id = current::current(|run| run.id());
        let run_id = run_id.expect("corio: a `RunCell` is made in a task: it belongs to its run");
        RunCell { run_id, value: RefCell::new(value) }
    }

    #[inline]
    #[track_caller]
    fn access<R>(&self, use_it: impl FnOnce(&RefCell<T>) -> R) -> R {
        match current::entered(self.run_id, |_| use_it(&self.value)) {
            Some(result) => result,
            None => panic!("corio: a `RunCell` can only be used in the run that it was made in"),
        }
    }

    /// Returns a copy of the value.
    #[inline]
    #[track_caller]
    pub fn get(&self) -> T
    where
        T: Copy,
    {
        self.access(|value| *value.borrow())
    }

    /// Sets the value.
    #[inline]
    #[track_caller]
    pub fn set(&self, value: T) {
        drop(self.replace(value));
    }

    /// Sets the value, and returns what it was.
    #[inline]
    #[track_caller]
    pub fn replace(&self, value: T) -> T {
        self.access(|cell| cell.replace(value))
    }

    /// Returns the value, and leaves the default.
    #[inline]
    #[track_caller]
    pub fn take(&self) -> T
    where
        T: Default,
    {
        self.replace(T::default())
    }

    /// Lets `change` see and change the value: `rows.with(|rows| rows.push(row))`.
    ///
    /// # Panics
    /// If `change` uses this cell; and in any other run.
    #[inline]
    #[track_caller]
    pub fn with<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        self.access(|value| match value.try_borrow_mut() {
            Ok(mut value) => change(&mut value),
            Err(_) => panic!("corio: `RunCell::with` was given code that uses the same cell"),
        })
    }

    /// Returns the value, which nobody shares; anywhere.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Consumes the cell and returns the value; anywhere.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: fmt::Debug> fmt::Debug for RunCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = current::entered(self.run_id, |_| self.value.fmt(f));
        shown.unwrap_or_else(|| f.write_str("RunCell(<of another run>)"))
    }
}
