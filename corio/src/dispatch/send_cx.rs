//! What a run lends to its lanes: its context, with the type erased, and with that what batches are
//! sent with, with the lifetimes erased.
//!
//! # Contract
//!
//! A [`ContextRef`] holds what a reference is made of, and the lifetime of that reference. Only
//! `DispatchFns` turns it back into a reference: see `erased.rs`.
//!
//! A [`LentSendCx`] holds a pointer to a [`SendCx`] while [`lend`](LentSendCx::lend) runs, which
//! borrows the `SendCx` and restores what was there before when it returns or unwinds. The cell is
//! a part of a run, which is touched only by the thread that turns it; so a call that finds the
//! pointer set is made from within `lend`, and returns before `lend` does. The `SendCx` is passed
//! to closures that are generic in its lifetimes, so no reference outlives the call, and nothing of
//! another lifetime gets into the `SendCx`.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::host::Futures;
use crate::util::StopFlag;

/// The context of a run as a type-erased reference. `#[repr(transparent)]`, so that a function that
/// takes `&'r S` can be called with a `ContextRef<'r>` (see `DispatchFns`).
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct ContextRef<'r> {
    pointer: NonNull<()>,
    context: PhantomData<&'r ()>,
}

impl<'r> ContextRef<'r> {
    pub(crate) fn new<S>(context: &'r S) -> Self {
        ContextRef { pointer: NonNull::from(context).cast(), context: PhantomData }
    }

    /// Restores a context from a pointer.
    ///
    /// # Safety
    /// The pointer was made from a reference that is valid for `'r`.
    pub(crate) unsafe fn from_raw(pointer: *const ()) -> Self {
        // SAFETY: the caller guarantees that the pointer was a reference, so it is not null.
        let pointer = unsafe { NonNull::new_unchecked(pointer.cast_mut()) };
        ContextRef { pointer, context: PhantomData }
    }
}

/// What the run passes in whenever batches are sent.
pub(crate) struct SendCx<'q, 'r> {
    /// The context of the run.
    pub(crate) context: ContextRef<'r>,
    /// Where futures of dispatchers are polled.
    pub(crate) futures: &'q dyn Futures<'r>,
    /// Set when no further batch may leave. Checked before each batch, as a dispatcher may set it.
    pub(crate) stopped: &'q [StopFlag],
    /// Whether the thread was already panicking when the run began: a destructor may run a
    /// schedule.
    pub(crate) was_panicking: bool,
}

impl SendCx<'_, '_> {
    /// Whether a batch may leave.
    #[inline]
    pub(super) fn may_send(&self) -> bool {
        self.stopped.is_empty() || !self.is_stopped()
    }

    #[inline(never)]
    fn is_stopped(&self) -> bool {
        self.stopped.iter().any(StopFlag::is_set)
    }
}

/// The `SendCx` that is lent at the moment, if there is one.
#[derive(Default)]
pub(super) struct LentSendCx {
    send_cx: Cell<Option<NonNull<()>>>,
}

/// Restores what a cell held before, when it is dropped.
struct RestoreGuard<'l> {
    lent: &'l LentSendCx,
    before: Option<NonNull<()>>,
}

impl Drop for RestoreGuard<'_> {
    fn drop(&mut self) {
        self.lent.send_cx.set(self.before);
    }
}

impl LentSendCx {
    /// Calls `f`, and lends `send_cx` meanwhile.
    #[inline]
    pub(super) fn lend<T>(&self, send_cx: &SendCx<'_, '_>, f: impl FnOnce() -> T) -> T {
        let before = self.send_cx.replace(Some(NonNull::from(send_cx).cast()));
        let _guard = RestoreGuard { lent: self, before };
        f()
    }

    /// Calls `f` with the `SendCx` that is lent and with `value`. Returns `value` if none is lent.
    #[inline(always)]
    pub(super) fn with<T, V>(
        &self,
        value: V,
        f: impl FnOnce(&SendCx<'_, '_>, V) -> Result<T, V>,
    ) -> Result<T, V> {
        match self.send_cx.get() {
            // SAFETY: the pointer is set, so this runs within a call of `lend`, which borrows the
            // `SendCx` until it returns, and this returns before. `f` takes any lifetimes, those
            // that were erased among them.
            Some(send_cx) => f(unsafe { send_cx.cast::<SendCx<'_, '_>>().as_ref() }, value),
            None => Err(value),
        }
    }
}
