//! TODO

use std::marker::PhantomData;
use std::ptr::NonNull;

/// The context of a run, with its type erased: a function that takes `&'r S` can be called with it.
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

    /// # Safety
    /// The pointer came from a reference that is valid for `'r`.
    pub(crate) unsafe fn from_raw(pointer: *const ()) -> Self {
        // SAFETY: by the caller it is not null.
        ContextRef {
            pointer: unsafe { NonNull::new_unchecked(pointer.cast_mut()) },
            context: PhantomData,
        }
    }
}
