//! The position of a delivery within the answers of one batch.
//!
//! Plain data: `ready.rs` fills it in and follows its pointers, and says why they are valid.

use std::any::TypeId;
use std::ptr;

use super::ids::Waiter;

/// A list of answers with its type erased.
#[derive(Clone, Copy)]
pub(crate) struct ErasedAnswers {
    /// A `Vec<A>` of answers, the last of which is the next one.
    pub(super) list: *mut (),
    /// The type `A` of the answers.
    pub(super) answer_type: TypeId,
}

/// How far the answers of a buffer have been delivered.
///
/// Invariant: while a `ReadyBatch` owns the buffer, all pointers lead into the `BatchBuf` whose
/// first field the cursor is.
pub(crate) struct Cursor {
    /// The number of the queue that the buffer belongs to.
    pub(super) queue: u32,
    /// Whether a delivery of these answers has started; a delivery may be interrupted and resumed.
    pub(super) has_started: bool,
    /// The type of the `BatchBuf`.
    pub(super) buf_type: TypeId,
    /// The answers of the buffer; the last one belongs to the waiter at `next`.
    pub(super) answers: ErasedAnswers,
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

    /// The cursor of a buffer that no `ReadyBatch` owns.
    pub(super) fn none() -> Self {
        let no_type = TypeId::of::<()>();
        Cursor {
            queue: 0,
            has_started: false,
            buf_type: no_type,
            answers: ErasedAnswers { list: ptr::null_mut(), answer_type: no_type },
            next: ptr::null_mut(),
            end: ptr::null_mut(),
        }
    }
}
