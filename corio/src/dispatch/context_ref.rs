//! A reference to the context of a run, with the type of the context erased.

use std::marker::PhantomData;
use std::ptr::NonNull;

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
