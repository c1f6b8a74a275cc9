//! Answers that are ready: a batch of answers with its type erased, and the one answer that the
//! running task may take.
//!
//! Together with `delivery.rs`, `cursor.rs` and `buffer.rs` this file erases the type of answers,
//! so that batches of all lanes share one queue and one offer.

use std::any::TypeId;
use std::cell::Cell;
use std::ptr;
use std::ptr::NonNull;

use super::buffer::{BatchBuf, PooledBuf};
use super::cursor::Cursor;
use super::ids::Waiter;

/// The answers of one batch, for the waiters of that batch.
///
/// Invariant: a `ReadyBatch` owns its buffer from `new` until `into_buf`, and nothing else accesses
/// the buffer meanwhile. It has no destructor, as it does not know the types of the buffer:
/// `Dispatchers::clear` returns every remaining batch to its queue when a run is over.
pub(crate) struct ReadyBatch {
    /// The number of the queue that the buffer belongs to, which knows the types of the buffer.
    pub(super) queue: u32,
    /// The first field of a boxed `BatchBuf`.
    pub(super) buf: NonNull<Cursor>,
}

impl ReadyBatch {
    /// Takes over a buffer whose answers are in the reverse order of its waiters.
    #[inline]
    pub(super) fn new<K, A: 'static>(queue: u32, buf: PooledBuf<K, A>) -> Self {
        debug_assert_eq!(buf.waiters.len(), buf.answers.len());
        let buf = Box::into_raw(buf);
        // SAFETY: the pointer came from a box, so it is valid and not null.
        unsafe {
            let waiters = (*buf).waiters.as_mut_ptr_range();
            let answers = (&raw mut (*buf).answers).cast();
            (*buf).cursor = Cursor {
                has_started: false,
                answers,
                answer_type: TypeId::of::<A>(),
                next: waiters.start,
                end: waiters.end,
            };
            ReadyBatch { queue, buf: NonNull::new_unchecked(buf.cast()) }
        }
    }

    /// Returns the buffer.
    ///
    /// # Safety
    /// The batch was made from a buffer of these types.
    #[inline]
    pub(super) unsafe fn into_buf<K, A>(self) -> PooledBuf<K, A> {
        // SAFETY: the caller guarantees the types. `new` made the pointer from one to the whole
        // `BatchBuf`, which is `repr(C)` and has the cursor as its first field, so the pointer has
        // the address and the provenance of the box.
        unsafe { Box::from_raw(self.buf.cast::<BatchBuf<K, A>>().as_ptr()) }
    }

    /// Borrows the buffer.
    ///
    /// # Safety
    /// The batch was made from a buffer of these types. No answer of the buffer is offered.
    pub(super) unsafe fn buf_mut<K, A>(&mut self) -> &mut BatchBuf<K, A> {
        // SAFETY: the caller guarantees the types and that `CurrentAnswer` does not point into the
        // buffer; the pointer leads to the whole buffer, as in `into_buf`.
        unsafe { self.buf.cast::<BatchBuf<K, A>>().as_mut() }
    }

    #[inline(always)]
    pub(super) fn cursor(&self) -> &Cursor {
        // SAFETY: the batch owns the buffer, and nothing else accesses the buffer.
        unsafe { self.buf.as_ref() }
    }

    #[inline(always)]
    pub(super) fn cursor_mut(&mut self) -> &mut Cursor {
        // SAFETY: the batch owns the buffer, and nothing else accesses the buffer.
        unsafe { self.buf.as_mut() }
    }

    /// Number of answers that have not been offered.
    pub(super) fn left(&self) -> usize {
        let Cursor { next, end, .. } = self.cursor();
        (end.addr() - next.addr()) / size_of::<Waiter>()
    }

    /// Swaps the next waiter with the `waiter`-th remaining one. The caller swaps the answers.
    pub(super) fn bring_forward(&mut self, waiter: usize) {
        assert!(waiter < self.left());
        let Cursor { next, .. } = self.cursor();
        // SAFETY: both pointers lead into the list of waiters, before its end.
        unsafe { next.swap(next.add(waiter)) }
    }
}

/// The answer that the running task may take, if there is one.
///
/// Invariant: `answers` is null, or leads to the answers of the current delivery or of a request
/// that was answered inline, and those are of type `answer_type`.
pub(crate) struct CurrentAnswer {
    /// A `Vec<A>` whose last element is offered; null if no answer is.
    pub(super) answers: Cell<*mut ()>,
    /// The type `A` of the answers.
    pub(super) answer_type: Cell<TypeId>,
}

impl Default for CurrentAnswer {
    fn default() -> Self {
        CurrentAnswer {
            answers: Cell::new(ptr::null_mut()),
            answer_type: Cell::new(TypeId::of::<()>()),
        }
    }
}

impl CurrentAnswer {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.answers.get().is_null()
    }

    /// Offers the last of `answers`. Nothing else may access `answers` until the answer is taken.
    #[inline]
    pub(super) fn offer<A: 'static>(&self, answers: *mut Vec<A>) {
        self.answer_type.set(TypeId::of::<A>());
        self.answers.set(answers.cast());
    }

    /// Takes the offered answer, if there is one and it is an `A`.
    #[inline(always)]
    pub(super) fn take<A: 'static>(&self) -> Option<A> {
        let answers = self.answers.get().cast::<Vec<A>>();
        if answers.is_null() || self.answer_type.get() != TypeId::of::<A>() {
            return None;
        }
        self.answers.set(ptr::null_mut());
        // SAFETY: the pointer is not null, so it leads to the answers of the current delivery or of
        // a request that was answered inline, and their type was compared. `pop` runs no code of
        // the user's, so nothing else accesses the answers meanwhile.
        unsafe { (*answers).pop() }
    }
}
