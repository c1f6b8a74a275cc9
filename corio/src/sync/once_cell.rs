//! A cell that tasks fill once: a value, and one permit to make it. Once the value is there, there
//! is a permit for everybody.

use std::cell::{OnceCell as Value, RefCell};
use std::fmt;
use std::future::poll_fn;

use super::permits::{Acquiring, PermitGuard, Permits, Wording};
use crate::task::{Call, Sealed, Task, task};

/// A value that is made when it is first needed, by a task; others that need it meanwhile wait for
/// it.
///
/// If that task fails or is dropped, the next in line runs its own.
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
/// A task that needs the value which it is to make waits for itself, and the run ends with
/// [`Error::Deadlock`](crate::Error::Deadlock).
pub struct OnceCell<T> {
    value: Value<T>,
    permits: RefCell<Permits>,
}

static WORDING: Wording = Wording {
    in_another_run: "corio: the value of this once-cell is being made in another run; a once-cell \
                     without a value belongs to one run at a time",
    awaited: |_, _| String::from("the value of a once-cell"),
};

impl<T> OnceCell<T> {
    /// An empty cell.
    pub fn new() -> Self {
        OnceCell { value: Value::new(), permits: Permits::new(1, &WORDING) }
    }

    /// The value, if it is there.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// Gives the cell its value, and lets those go on that wait for it. A task that is making one
    /// meanwhile has made it in vain.
    ///
    /// # Errors
    /// Gives it back if there is a value already.
    pub fn set(&self, value: T) -> Result<(), T> {
        self.value.set(value)?;
        // No less than anybody can ask for.
        self.permits.borrow_mut().give(usize::MAX / 2);
        Ok(())
    }

    /// The value, made by this task if it is not there and nobody else makes it: `let config =
    /// call!(cell.get_or_init(load(name)));`.
    ///
    /// # Panics
    /// When called, if the value is not there, and another run makes it.
    pub fn get_or_init<'a, S, N>(
        &'a self,
        maker: N,
    ) -> impl Task<S, Output = &'a T> + use<'a, T, S, N>
    where
        N: Task<S, Output = T>,
    {
        task::<S, _>(async move {
            let Some(_lead) = self.lead().await else { return self.made() };
            let value = Call::new(maker.into_future(Sealed)).await;
            self.keep(value)
        })
    }

    /// The same with a task that can fail: an error goes to whoever brought the task, and the next
    /// in line runs its own.
    ///
    /// # Errors
    /// That of the task.
    ///
    /// # Panics
    /// As [`get_or_init`](OnceCell::get_or_init).
    pub fn get_or_try_init<'a, S, E, N>(
        &'a self,
        maker: N,
    ) -> impl Task<S, Output = Result<&'a T, E>> + use<'a, T, S, E, N>
    where
        N: Task<S, Output = Result<T, E>>,
    {
        task::<S, _>(async move {
            let Some(_lead) = self.lead().await else { return Ok(self.made()) };
            let value = Call::new(maker.into_future(Sealed)).await?;
            Ok(self.keep(value))
        })
    }

    /// The value.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Waits for the right to make the value; `None` if it is there.
    async fn lead(&self) -> Option<PermitGuard<'_>> {
        if self.value.get().is_some() {
            return None;
        }
        let mut acquiring = Acquiring::new(&self.permits, 1);
        let lead = poll_fn(|_| acquiring.poll()).await;
        self.value.get().is_none().then_some(lead)
    }

    fn keep(&self, value: T) -> &T {
        // One that was set meanwhile stays.
        drop(self.set(value));
        self.made()
    }

    fn made(&self) -> &T {
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
