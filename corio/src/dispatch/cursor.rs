//! The position of a delivery within the answers of one batch.

use std::any::TypeId;
use std::ptr;

use super::ids::Waiter;

/// How far the answers of a buffer have been delivered.
///
/// Invariant: all pointers lead into the `BatchBuf` whose first field the cursor is, or are null
/// while the buffer has no answers.
pub(crate) struct Cursor {
    /// Whether a delivery of these answers has started; a delivery may be interrupted and resumed.
    pub(super) has_started: bool,
    /// A `Vec<A>` of answers; the last one belongs to the waiter at `next`.
    pub(super) answers: *mut (),
    /// The type `A` of the answers.
    pub(super) answer_type: TypeId,
    /// The first waiter whose answer has not been offered.
    pub(super) next: *mut Waiter,
    /// One past the last waiter.
    pub(super) end: *mut Waiter,
}

impl Cursor {
    /// Whether every answer has been offered.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.next == self.end
    }

    /// The cursor of a buffer without answers.
    pub(super) fn none() -> Self {
        Cursor {
            has_started: false,
            answers: ptr::null_mut(),
            answer_type: TypeId::of::<()>(),
            next: ptr::null_mut(),
            end: ptr::null_mut(),
        }
    }
}
