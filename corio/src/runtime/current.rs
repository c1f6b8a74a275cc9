//! TODO

use std::cell::Cell;
use std::ptr;

use super::state::RunState;
use crate::executor::Id;
use crate::util::Nudge;

thread_local! {
    static CURRENT: Cell<*const RunState> = const { Cell::new(ptr::null()) };
}

/// Makes a core the current one of this thread until it is dropped; then the one before is again.
pub(crate) struct Entered<'c> {
    before: *const RunState,
    _core: &'c RunState,
}

pub(crate) fn enter(state: &RunState) -> Entered<'_> {
    Entered { before: CURRENT.replace(state), _core: state }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

/// The core of the run that is being turned on this thread, if any.
#[inline]
pub(crate) fn current<T>(use_it: impl FnOnce(&RunState) -> T) -> Option<T> {
    let state = CURRENT.get();
    // SAFETY: the pointer is set by `enter` from a reference that outlives the `Entered`, which
    // puts the one before back.
    (!state.is_null()).then(|| use_it(unsafe { &*state }))
}

/// The same, where generated code or a future of a task runs.
///
/// # Panics
/// Outside a run.
#[inline]
pub(crate) fn with<T>(use_it: impl FnOnce(&RunState) -> T) -> T {
    current(use_it).expect("corio: this only works in a task, while its schedule runs it")
}

impl RunState {
    /// Wakes a task of this run, wherever the code stands: in the run, in another, or outside while
    /// this one sleeps.
    #[inline]
    pub(crate) fn wake(&self, task: Id) {
        self.executor.wake(task);
        if !ptr::eq(CURRENT.get(), self) {
            self.inbox.nudge();
        }
    }
}
