//! A cell that tasks initialize once: a value, and one permit to make it.
//!
//! The task that holds the permit makes the value, and the others wait for the permit. When the
//! value is set, enough permits are released for every task that can wait.

use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::OnceLock;

use super::permits::{Acquiring, PermitGuard, Permits, Wording};
use super::state_cell::StateCell;
use crate::executor::WaitCause;
use crate::task::{Call, Task, TaskOver, task_with};

/// A cell whose value is made by a task, when the value is first needed.
///
/// Tasks that need the value meanwhile wait for it. If the task that makes the value fails or is
/// dropped, the task that has waited longest runs its own.
///
/// ```
/// use corio::sync::OnceCell;
///
/// #[corio::dispatcher]
/// fn load(names: &[String]) -> Vec<String> {
///     assert_eq!(names.len(), 1, "asked once");
///     names.iter().map(|name| format!("the {name}")).collect()
/// }
///
/// #[corio::task]
/// fn needs(config: &OnceCell<String>) -> usize {
///     call!(config.get_or_init(load("config".to_string()))).len()
/// }
///
/// #[corio::task]
/// fn program() -> Vec<usize> {
///     let config = OnceCell::new();
///     all!((0..3).map(|_| needs(&config)))
/// }
///
/// assert_eq!(corio::Schedule::new(()).run(program())?, [10, 10, 10]);
/// # Ok::<(), corio::Error>(())
/// ```
///
/// A task that needs the value which the task itself is making waits forever, and the run ends with
/// [`Error::Deadlock`](crate::Error::Deadlock).
pub struct OnceCell<T> {
    value: OnceLock<T>,
    permits: StateCell<Permits>,
}

static WORDING: Wording = Wording {
    in_another_run: "corio: the value of this once-cell is being made in another run; a once-cell \
                     without a value belongs to one run at a time",
    awaited: |_, _| WaitCause::OnceCellValue,
};

impl<T> OnceCell<T> {
    /// Creates an empty cell.
    pub fn new() -> Self {
        OnceCell { value: OnceLock::new(), permits: Permits::new(1, &WORDING) }
    }

    /// Returns the value; `None` if the cell is empty.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// Sets the value, and lets the tasks that wait for it continue.
    ///
    /// A task that is making a value meanwhile makes it in vain: it gets the value that was set.
    ///
    /// # Errors
    /// Returns `value` if the cell has a value already.
    pub fn set(&self, value: T) -> Result<(), T> {
        self.value.set(value)?;
        // More permits than tasks can ask for.
        self.permits.borrow().release(usize::MAX / 2);
        Ok(())
    }

    /// Returns the value, or makes it: `let config = call!(cell.get_or_init(load(name)));`.
    ///
    /// If the cell is empty, the task `maker` runs, unless another task is making the value: then
    /// the calling task waits for that one. If the cell has a value, the task is not suspended.
    ///
    /// # Panics
    /// When called, if the cell is empty, and a task of another run is making the value.
    pub fn get_or_init<'a, S, N>(
        &'a self,
        maker: N,
    ) -> TaskOver<S, impl Future<Output = &'a T> + use<'a, T, S, N>>
    where
        N: Task<S, Output = T>,
    {
        task_with::<S, _>(|over| {
            let maker = maker.into_future(over);
            async move {
                let Some(_permit) = self.acquire().await else { return self.expect_value() };
                let value = Call::new(maker).await;
                self.set_or_get(value)
            }
        })
    }

    /// Returns the value, or makes it by a task that can fail:
    /// `let config = call!(cell.get_or_try_init(load(name)))?;`.
    ///
    /// If `maker` fails, only the calling task gets the error, and the task that has waited longest
    /// runs its own. Otherwise this is [`get_or_init`](OnceCell::get_or_init).
    ///
    /// # Errors
    /// The error of `maker`.
    ///
    /// # Panics
    /// When called, if the cell is empty, and a task of another run is making the value.
    pub fn get_or_try_init<'a, S, E, N>(
        &'a self,
        maker: N,
    ) -> TaskOver<S, impl Future<Output = Result<&'a T, E>> + use<'a, T, S, E, N>>
    where
        N: Task<S, Output = Result<T, E>>,
    {
        task_with::<S, _>(|over| {
            let maker = maker.into_future(over);
            async move {
                let Some(_permit) = self.acquire().await else { return Ok(self.expect_value()) };
                let value = Call::new(maker).await?;
                Ok(self.set_or_get(value))
            }
        })
    }

    /// Consumes the cell and returns the value; `None` if the cell is empty.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Waits for the permit to make the value; `None` if the cell has a value.
    async fn acquire(&self) -> Option<PermitGuard<'_>> {
        if self.value.get().is_some() {
            return None;
        }
        let mut acquiring = Acquiring::new(&self.permits, 1);
        let permit = poll_fn(|_| acquiring.poll()).await;
        self.value.get().is_none().then_some(permit)
    }

    /// Sets the value, unless `OnceCell::set` was called meanwhile, and returns the value of the
    /// cell.
    fn set_or_get(&self, value: T) -> &T {
        drop(self.set(value));
        self.expect_value()
    }

    fn expect_value(&self) -> &T {
        self.value.get().expect("it was made")
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        OnceCell::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Some(value) => f.debug_tuple("OnceCell").field(value).finish(),
            None => f.write_str("OnceCell(<empty>)"),
        }
    }
}
