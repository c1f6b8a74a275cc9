//! Answers on their way to those who wait: a batch at a time, one answer after the other.
//!
//! The answer for the task that runs is *offered*: there until this task takes it, and no longer. So an answer needs no place with the task, and one that nobody takes reaches nobody
//! else.

use std::{mem, ptr};

use super::any_lane::AnyLane;
use super::ids::Waiter;
use super::progress::Progress;
use super::ready::Answered;
use super::shared::Board;

/// A delivery that is going on.
pub(crate) struct Delivery<'b> {
    answered: Answered,
    queue: &'b dyn AnyLane,
    board: &'b Board,
}

impl<'b> Delivery<'b> {
    #[inline]
    pub(crate) fn new(mut answered: Answered, queue: &'b dyn AnyLane, board: &'b Board) -> Self {
        if board.observers().has_observer() && !answered.progress().is_begun {
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
    fn told(answered: Answered, queue: &'b dyn AnyLane, board: &'b Board) -> Answered {
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
