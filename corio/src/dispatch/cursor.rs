//! TODO

use std::any::TypeId;
use std::ptr;

use super::ids::Waiter;

/// How far the answers of a load have been delivered. All its pointers lead into the load.
pub(crate) struct Cursor {
    pub(super) is_begun: bool,
    /// A `Vec<A>` of answers: the last is for the next waiter.
    pub(super) answers: *mut (),
    /// The type of `A`.
    pub(super) of: TypeId,
    /// Those of its waiters that have not got theirs.
    pub(super) next: *mut Waiter,
    pub(super) end: *mut Waiter,
}

impl Cursor {
    /// Whether all its answers have been offered.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.next == self.end
    }

    /// There is no answer yet.
    pub(crate) fn none() -> Self {
        Cursor {
            is_begun: false,
            answers: ptr::null_mut(),
            of: TypeId::of::<()>(),
            next: ptr::null_mut(),
            end: ptr::null_mut(),
        }
    }
}
