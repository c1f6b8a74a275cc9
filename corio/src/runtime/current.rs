//! The current run: a thread-local pointer to the run state that is being turned on this thread.
//!
//! Generated code and the futures of tasks carry no handle to their run, which keeps their frames
//! as small as what the user wrote. They look the run up here instead.
//!
//! Invariants:
//! - The pointer is null, or a reference that an [`EnterGuard`] borrows. Each guard restores the
//!   pointer that it replaced, so runs nest: a task may run another schedule.
//! - The state is passed to closures only, so no reference to it outlives the guard.
//! - The states that are entered on this thread form a chain: each leads to the one that was
//!   current before it.

use std::cell::Cell;
use std::ptr;

use super::state::RunState;

thread_local! {
    static CURRENT: Cell<*const RunState> = const { Cell::new(ptr::null()) };
}

/// Keeps a run state current on this thread until the guard is dropped, which restores the previous
/// one.
pub(super) struct EnterGuard<'s> {
    state: &'s RunState,
}

/// Makes `state` the current run state of this thread. A state is entered once at a time.
pub(super) fn enter(state: &RunState) -> EnterGuard<'_> {
    state.outer.set(CURRENT.replace(state));
    EnterGuard { state }
}

impl Drop for EnterGuard<'_> {
    fn drop(&mut self) {
        CURRENT.set(self.state.outer.replace(ptr::null()));
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

/// Calls `f` with the state of the run with this id, if that run is being turned on this thread: it
/// is the current one, or a nested one is.
#[inline]
pub(crate) fn entered<T>(run_id: u64, f: impl FnOnce(&RunState) -> T) -> Option<T> {
    let state = CURRENT.get();
    // SAFETY: as in `current`.
    let is_current = !state.is_null() && unsafe { &*state }.id() == run_id;
    let state = if is_current { state } else { entered_further_out(run_id, state)? };
    // SAFETY: as in `current`, for this state or one further out, whose guard is on this thread's
    // stack as well.
    Some(f(unsafe { &*state }))
}

#[cold]
fn entered_further_out(run_id: u64, mut state: *const RunState) -> Option<*const RunState> {
    while !state.is_null() {
        // SAFETY: the pointer is the current one, or the one that was current before a state was
        // entered: the guards of both are on this thread's stack.
        let entered = unsafe { &*state };
        if entered.id() == run_id && run_id != 0 {
            return Some(state);
        }
        state = entered.outer.get();
    }
    None
}
