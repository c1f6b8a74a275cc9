//! TODO

use std::any::TypeId;
use std::cell::Cell;
use std::ptr;
use std::ptr::NonNull;

use super::buffer::{BatchBuf, PooledBuf};
use super::cursor::Cursor;
use super::ids::Waiter;

/// The answers of one batch, for those who wait for them.
///
/// What must hold: it owns its load, from when it is made until a queue takes that back, and nobody
/// else touches the load meanwhile. It has no destructor, as it does not know the types of the
/// load: the desk gives back what is left when a run is over.
pub(crate) struct ReadyBatch {
    /// The number of the queue that it is of.
    pub(crate) queue: u32,
    /// The first field of a `BatchBuf`, which is in a box.
    pub(super) buf: NonNull<Cursor>,
}

impl ReadyBatch {
    #[inline]
    pub(crate) fn new<K, A: 'static>(queue: u32, buf: PooledBuf<K, A>) -> Self {
        debug_assert_eq!(buf.waiters.len(), buf.answers.len());
        let buf = Box::into_raw(buf);
        // SAFETY: it came from a box, and so is not null.
        unsafe {
            let waiters = (*buf).waiters.as_mut_ptr_range();
            let answers = (&raw mut (*buf).answers).cast();
            (*buf).cursor = Cursor {
                is_begun: false,
                answers,
                of: TypeId::of::<A>(),
                next: waiters.start,
                end: waiters.end,
            };
            ReadyBatch { queue, buf: NonNull::new_unchecked(buf.cast()) }
        }
    }

    /// The load, when it is no longer needed here.
    ///
    /// # Safety
    /// It was made from one with these types.
    #[inline]
    pub(crate) unsafe fn into_buf<K, A>(self) -> PooledBuf<K, A> {
        // SAFETY: by the caller; the pointer to the load is that to its first field, and was made
        // from one to all of it.
        unsafe { Box::from_raw(self.buf.cast::<BatchBuf<K, A>>().as_ptr()) }
    }

    /// The load as it is.
    ///
    /// # Safety
    /// It was made from one with these types. No answer is offered.
    pub(crate) unsafe fn buf_mut<K, A>(&mut self) -> &mut BatchBuf<K, A> {
        // SAFETY: by the caller, and as above.
        unsafe { self.buf.cast::<BatchBuf<K, A>>().as_mut() }
    }

    #[inline(always)]
    pub(super) fn cursor(&self) -> &Cursor {
        // SAFETY: the load is there, and nobody else touches it.
        unsafe { self.buf.as_ref() }
    }

    #[inline(always)]
    pub(super) fn progress_mut(&mut self) -> &mut Cursor {
        // SAFETY: as above.
        unsafe { self.buf.as_mut() }
    }

    /// How many answers are there.
    pub(crate) fn left(&self) -> usize {
        let Cursor { next, end, .. } = self.cursor();
        (end.addr() - next.addr()) / size_of::<Waiter>()
    }

    /// Has another of the waiters be the next.
    pub(crate) fn bring_forward(&mut self, waiter: usize) {
        assert!(waiter < self.left());
        let Cursor { next, .. } = self.cursor();
        // SAFETY: both lie in the list of waiters, before its end.
        unsafe { next.swap(next.add(waiter)) }
    }
}

/// The answer for the task that runs, if there is one.
///
/// What must hold: `answers` leads to those of the delivery that is going on, or to that of a
/// request which is answered at once, or nowhere.
pub(crate) struct CurrentAnswer {
    /// A `Vec<A>`, the last of which is offered; null if none is.
    pub(super) answers: Cell<*mut ()>,
    /// The type of `A`.
    pub(super) of: Cell<TypeId>,
}

impl Default for CurrentAnswer {
    fn default() -> Self {
        CurrentAnswer { answers: Cell::new(ptr::null_mut()), of: Cell::new(TypeId::of::<()>()) }
    }
}

impl CurrentAnswer {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.answers.get().is_null()
    }

    /// Offers the last of these, which nobody else uses until it is taken.
    #[inline]
    pub(crate) fn offer<A: 'static>(&self, answers: *mut Vec<A>) {
        self.of.set(TypeId::of::<A>());
        self.answers.set(answers.cast());
    }

    /// The answer, if it is an `A`.
    #[inline(always)]
    pub(crate) fn take<A: 'static>(&self) -> Option<A> {
        let answers = self.answers.get().cast::<Vec<A>>();
        if answers.is_null() || self.of.get() != TypeId::of::<A>() {
            return None;
        }
        self.answers.set(ptr::null_mut());
        // SAFETY: not null, so these are the answers of a delivery that is going on, or that of a
        // request which is answered at once, of this type. `pop` runs no code of the user's, and so
        // nobody else uses them meanwhile.
        unsafe { (*answers).pop() }
    }
}
