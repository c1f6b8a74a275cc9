//! The current run: a thread-local pointer to the run state that is being turned on this thread.
//!
//! Generated code and the futures of tasks carry no handle to their run, which keeps their frames
//! as small as what the user wrote. They look the run up here instead.
//!
//! Invariants:
//! - The pointer is null, or a reference that an [`EnterGuard`] borrows. Each guard restores the
//!   pointer that it replaced, so runs nest: a task may run another schedule.
//! - The state is passed to closures only, so no reference to it outlives the guard.

use std::cell::Cell;
use std::ptr;

use super::owed_nudges::owe_nudge;
use super::state::RunState;
use crate::executor::Id;

thread_local! {
    static CURRENT: Cell<*const RunState> = const { Cell::new(ptr::null()) };
}

/// Keeps a run state current on this thread until the guard is dropped, which restores the previous
/// one.
pub(super) struct EnterGuard<'s> {
    previous: *const RunState,
    _state: &'s RunState,
}

/// Makes `state` the current run state of this thread.
pub(super) fn enter(state: &RunState) -> EnterGuard<'_> {
    EnterGuard { previous: CURRENT.replace(state), _state: state }
}

impl Drop for EnterGuard<'_> {
    fn drop(&mut self) {
        CURRENT.set(self.previous);
    }
}

/// Calls `f` with the state of the run that is being turned on this thread; `None` if there is
/// none.
#[inline]
pub(crate) fn current<T>(f: impl FnOnce(&RunState) -> T) -> Option<T> {
    let state = CURRENT.get();
    // SAFETY: `enter` sets the pointer from a reference that outlives the `EnterGuard`, and the
    // guard restores the previous pointer.
    (!state.is_null()).then(|| f(unsafe { &*state }))
}

/// Calls `f` with the state of the run that is being turned on this thread, on behalf of generated
/// code or of a future of a task.
///
/// # Panics
/// Outside a run.
#[inline]
pub(crate) fn with<T>(f: impl FnOnce(&RunState) -> T) -> T {
    current(f).expect("corio: this only works in a task, while its schedule runs it")
}

impl RunState {
    /// Wakes a task of this run. The caller may be in this run, in another one, or outside of all
    /// runs while this one sleeps; in the latter two cases the owner of this run is woken as well,
    /// by [`give_owed_nudges`](super::give_owed_nudges), which the caller must let follow.
    #[inline]
    pub(crate) fn wake(&self, task: Id) {
        self.executor.wake(task);
        if !ptr::eq(CURRENT.get(), self) {
            owe_nudge(&self.inbox);
        }
    }
}
