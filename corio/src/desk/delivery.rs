//! Answers on their way to those who wait: a batch at a time, one answer after the other.
//!
//! The answer for the task that runs is *offered*: there until this task takes it, and no longer. So an answer needs no place with the task, and one that nobody takes reaches nobody
//! else.

use std::any::TypeId;
use std::cell::Cell;
use std::mem;
use std::ptr::{self, NonNull};

use super::Waiter;
use super::board::Board;
use super::load::{Boxed, Load};
use super::queue::AnyQueue;

/// The answers of one batch, for those who wait for them.
///
/// What must hold: it owns its load, from when it is made until a queue takes that back, and nobody else touches the load meanwhile. It has no destructor, as it does not know the
/// types of the load: the desk gives back what is left when a run is over.
pub(super) struct Answered {
    /// The number of the queue that it is of.
    pub(super) queue: u32,
    /// The first field of a `Load`, which is in a box.
    load: NonNull<Progress>,
}

/// How far the answers of a load have been delivered. All its pointers lead into the load.
pub(super) struct Progress {
    is_begun: bool,
    /// A `Vec<A>` of answers: the last is for the next waiter.
    answers: *mut (),
    /// The type of `A`.
    of: TypeId,
    /// Those of its waiters that have not got theirs.
    next: *mut Waiter,
    end: *mut Waiter,
}

impl Progress {
    /// Whether all its answers have been offered.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.next == self.end
    }

    /// There is no answer yet.
    pub(super) fn none() -> Self {
        Progress { is_begun: false, answers: ptr::null_mut(), of: TypeId::of::<()>(), next: ptr::null_mut(), end: ptr::null_mut() }
    }
}

impl Answered {
    #[inline]
    pub(super) fn new<K, A: 'static>(queue: u32, load: Boxed<K, A>) -> Self {
        debug_assert_eq!(load.waiters.len(), load.answers.len());
        let load = Box::into_raw(load);
        // SAFETY: it came from a box, and so is not null.
        unsafe {
            let waiters = (*load).waiters.as_mut_ptr_range();
            let answers = (&raw mut (*load).answers).cast();
            (*load).progress = Progress { is_begun: false, answers, of: TypeId::of::<A>(), next: waiters.start, end: waiters.end };
            Answered { queue, load: NonNull::new_unchecked(load.cast()) }
        }
    }

    /// The load, when it is no longer needed here.
    ///
    /// # Safety
    /// It was made from one with these types.
    #[inline]
    pub(super) unsafe fn into_load<K, A>(self) -> Boxed<K, A> {
        // SAFETY: by the caller; the pointer to the load is that to its first field, and was made from one to all of it.
        unsafe { Box::from_raw(self.load.cast::<Load<K, A>>().as_ptr()) }
    }

    /// The load as it is.
    ///
    /// # Safety
    /// It was made from one with these types. No answer is offered.
    pub(super) unsafe fn load_mut<K, A>(&mut self) -> &mut Load<K, A> {
        // SAFETY: by the caller, and as above.
        unsafe { self.load.cast::<Load<K, A>>().as_mut() }
    }

    #[inline(always)]
    fn progress(&self) -> &Progress {
        // SAFETY: the load is there, and nobody else touches it.
        unsafe { self.load.as_ref() }
    }

    #[inline(always)]
    fn progress_mut(&mut self) -> &mut Progress {
        // SAFETY: as above.
        unsafe { self.load.as_mut() }
    }

    /// How many answers are there.
    pub(super) fn left(&self) -> usize {
        let Progress { next, end, .. } = self.progress();
        (end.addr() - next.addr()) / size_of::<Waiter>()
    }

    /// Has another of the waiters be the next.
    pub(super) fn put_forward(&mut self, waiter: usize) {
        assert!(waiter < self.left());
        let Progress { next, .. } = self.progress();
        // SAFETY: both lie in the list of waiters, before its end.
        unsafe { next.swap(next.add(waiter)) }
    }
}

/// The answer for the task that runs, if there is one.
///
/// What must hold: `answers` leads to those of the delivery that is going on, or to that of a request which is answered at once, or nowhere.
pub(super) struct Offered {
    /// A `Vec<A>`, the last of which is offered; null if none is.
    answers: Cell<*mut ()>,
    /// The type of `A`.
    of: Cell<TypeId>,
}

impl Default for Offered {
    fn default() -> Self {
        Offered { answers: Cell::new(ptr::null_mut()), of: Cell::new(TypeId::of::<()>()) }
    }
}

impl Offered {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.answers.get().is_null()
    }

    /// Offers the last of these, which nobody else uses until it is taken.
    #[inline]
    pub(super) fn offer<A: 'static>(&self, answers: *mut Vec<A>) {
        self.of.set(TypeId::of::<A>());
        self.answers.set(answers.cast());
    }

    /// The answer, if it is an `A`.
    #[inline(always)]
    pub(super) fn take<A: 'static>(&self) -> Option<A> {
        let answers = self.answers.get().cast::<Vec<A>>();
        if answers.is_null() || self.of.get() != TypeId::of::<A>() {
            return None;
        }
        self.answers.set(ptr::null_mut());
        // SAFETY: not null, so these are the answers of a delivery that is going on, or that of a request which is answered at once, of this type. `pop` runs no code of the user's, and so nobody else uses them meanwhile.
        unsafe { (*answers).pop() }
    }
}

/// A delivery that is going on.
pub(crate) struct Delivery<'b> {
    answered: Answered,
    queue: &'b dyn AnyQueue,
    board: &'b Board,
}

impl<'b> Delivery<'b> {
    #[inline]
    pub(super) fn new(mut answered: Answered, queue: &'b dyn AnyQueue, board: &'b Board) -> Self {
        if board.watch().has_observer() && !answered.progress().is_begun {
            answered = Self::told(answered, queue, board);
        }
        let Progress { is_begun, of, .. } = answered.progress_mut();
        *is_begun = true;
        board.offered.of.set(*of);
        board.delivering.set(answered.load.as_ptr());
        Delivery { answered, queue, board }
    }

    /// Should an observer panic, the answers are put back.
    #[cold]
    fn told(answered: Answered, queue: &'b dyn AnyQueue, board: &'b Board) -> Answered {
        let mut delivery = Delivery { answered, queue, board };
        queue.tell_answered(&mut delivery.answered);
        delivery.into_answered()
    }

    fn into_answered(self) -> Answered {
        let answered = Answered { ..self.answered };
        mem::forget(self);
        answered
    }

    /// Offers the next answer; for whom. One that was offered before and not taken is dropped: who asked for it is gone.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<Waiter> {
        self.hide();
        let Progress { answers, next, end, .. } = self.answered.progress_mut();
        if *next == *end {
            return None;
        }
        self.board.offered.answers.set(*answers);
        // SAFETY: `next` lies in the list of waiters, before its end.
        unsafe {
            let waiter = **next;
            *next = next.add(1);
            Some(waiter)
        }
    }

    #[inline(always)]
    fn hide(&mut self) {
        if !self.board.offered.answers.get().is_null() {
            self.drop_offered();
        }
    }

    #[cold]
    fn drop_offered(&mut self) {
        // One that was answered at once lies elsewhere, and goes with the next.
        let is_of_this = self.board.offered.answers.get() == self.answered.progress().answers;
        self.board.offered.answers.set(ptr::null_mut());
        if is_of_this {
            self.queue.drop_next_answer(&mut self.answered);
        }
    }

    /// Gives the load back to its queue. If not all have got their answers, these are delivered next.
    #[inline]
    pub(crate) fn end(mut self) {
        self.hide();
        let Delivery { queue, board, .. } = self;
        board.delivering.set(ptr::null_mut());
        let answered = self.into_answered();
        if answered.progress().is_over() {
            queue.take_back(answered);
        } else {
            board.answered.borrow_mut().push_front(answered);
        }
    }
}

impl Drop for Delivery<'_> {
    /// A task has panicked. What is left is dropped with all else.
    fn drop(&mut self) {
        self.board.offered.answers.set(ptr::null_mut());
        self.board.delivering.set(ptr::null_mut());
        let answered = Answered { ..self.answered };
        self.board.answered.borrow_mut().push_front(answered);
    }
}
