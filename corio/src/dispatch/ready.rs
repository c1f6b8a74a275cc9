//! Answers that are ready, with their type erased: the batches to be delivered, and the one answer
//! that the running task may take. So batches of all lanes share one queue and one offer.
//!
//! # Contract
//!
//! A [`ReadyBatch`] owns the boxed `BatchBuf` that it was made from. Its pointer leads to the
//! cursor, the first field of the `repr(C)` buffer, and was made from one to the whole buffer. The
//! cursor knows the types of the buffer, and every cast compares types first. The pointers of the
//! cursor lead to the waiters and to the list of answers: the waiters cannot change while the batch
//! owns the buffer, and the list of answers stays where it is.
//!
//! A [`CurrentAnswer`] owns the batch that is being delivered, and shares the [`HeldBuf`] from
//! which an answer was offered last. Its pointers lead into one of these, or are null. No reference
//! to either is handed out: a batch has to be taken out first, which ends the offer, and a
//! `HeldBuf` gives and takes its buffer whole. References are made here, for single expressions
//! that run no code of the user's. So there is never a second one.

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell, UnsafeCell};
use std::marker::PhantomData;
use std::mem::{self, offset_of};
use std::ptr;
use std::ptr::NonNull;
use std::rc::Rc;

use super::buffer::{BatchBuf, PooledBuf};
use super::cursor::{Cursor, ErasedAnswers};
use super::ids::Waiter;

/// The answers of one batch, for the waiters of that batch.
///
/// A `ReadyBatch` has no destructor, as it does not know the types of its buffer:
/// `Dispatchers::clear` returns every remaining batch to its queue when a run is over.
pub(crate) struct ReadyBatch {
    /// The first field of a boxed `BatchBuf`.
    buf: NonNull<Cursor>,
}

impl ReadyBatch {
    /// Takes over a buffer whose answers are in the reverse order of its waiters. `queue` is the
    /// number of the queue that the buffer belongs to.
    #[inline]
    pub(super) fn new<K: 'static, A: 'static>(queue: u32, buf: PooledBuf<K, A>) -> Self {
        debug_assert_eq!(buf.waiters.len(), buf.answers.len());
        let buf = Box::into_raw(buf);
        // SAFETY: the pointer came from a box, so it is valid and not null, and nothing else leads
        // to the buffer.
        unsafe {
            let waiters = (*buf).waiters.as_mut_ptr_range();
            let list = (&raw mut (*buf).answers).cast();
            (*buf).cursor = Cursor {
                queue,
                has_started: false,
                buf_type: TypeId::of::<BatchBuf<K, A>>(),
                answers: ErasedAnswers { list, answer_type: TypeId::of::<A>() },
                next: waiters.start,
                end: waiters.end,
            };
            ReadyBatch { buf: NonNull::new_unchecked(buf.cast()) }
        }
    }

    /// Returns the buffer.
    ///
    /// # Panics
    /// If the buffer is of other types.
    #[inline]
    pub(super) fn into_buf<K: 'static, A: 'static>(self) -> PooledBuf<K, A> {
        let buf = self.typed::<K, A>();
        // SAFETY: the types were compared, `new` made the pointer from that of the box, and the
        // batch, which owned the buffer, is gone.
        unsafe { Box::from_raw(buf.as_ptr()) }
    }

    /// Borrows the buffer.
    ///
    /// # Panics
    /// If the buffer is of other types.
    pub(super) fn buf<K: 'static, A: 'static>(&self) -> &BatchBuf<K, A> {
        // SAFETY: the types were compared. The batch owns the buffer, and is borrowed.
        unsafe { self.typed::<K, A>().as_ref() }
    }

    /// Borrows the answers.
    ///
    /// # Panics
    /// If the answers are of another type.
    pub(super) fn answers_mut<A: 'static>(&mut self) -> &mut Vec<A> {
        let ErasedAnswers { list, answer_type } = self.cursor().answers;
        assert!(answer_type == TypeId::of::<A>(), "a batch of other answers");
        // SAFETY: the type was compared. The batch owns the buffer with the list, and is borrowed.
        unsafe { &mut *list.cast::<Vec<A>>() }
    }

    #[inline(always)]
    fn typed<K: 'static, A: 'static>(&self) -> NonNull<BatchBuf<K, A>> {
        let is_typed = self.cursor().buf_type == TypeId::of::<BatchBuf<K, A>>();
        assert!(is_typed, "a batch of another queue");
        self.buf.cast()
    }

    #[inline(always)]
    fn cursor(&self) -> &Cursor {
        // SAFETY: the batch owns the buffer, and is borrowed.
        unsafe { self.buf.as_ref() }
    }

    /// The number of the queue that the buffer belongs to.
    #[inline]
    pub(super) fn queue(&self) -> u32 {
        self.cursor().queue
    }

    /// Marks the delivery as started. Returns whether it had started before.
    #[inline]
    pub(super) fn start(&mut self) -> bool {
        // SAFETY: the batch owns the buffer, and is borrowed.
        mem::replace(unsafe { &mut self.buf.as_mut().has_started }, true)
    }

    /// Whether every answer has been offered.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.cursor().is_over()
    }

    /// Number of answers that have not been offered.
    pub(super) fn left(&self) -> usize {
        let Cursor { next, end, .. } = self.cursor();
        (end.addr() - next.addr()) / size_of::<Waiter>()
    }

    /// Swaps the next waiter and its answer with the `waiter`-th remaining one.
    ///
    /// # Panics
    /// If the answers are of another type, or fewer.
    pub(super) fn bring_forward<A: 'static>(&mut self, waiter: usize) {
        assert!(waiter < self.left());
        let answers = self.answers_mut::<A>();
        let last = answers.len() - 1;
        answers.swap(last, last - waiter);
        let next = self.cursor().next;
        // SAFETY: both pointers lead to waiters of the buffer, before their end; the batch owns the
        // buffer, and is borrowed.
        unsafe { next.swap(next.add(waiter)) }
    }
}

/// The delivery that is going on, and the answer that the running task may take.
pub(crate) struct CurrentAnswer {
    /// The answers of which the last is offered: those of `delivery` or of `held`. Null if no
    /// answer is offered.
    offered: Cell<*const ErasedAnswers>,
    /// The batch that is being delivered, which is owned here. Null if none is.
    delivery: Cell<*mut Cursor>,
    /// The answers of `held`. Null without it.
    held_answers: Cell<*const ErasedAnswers>,
    /// The `HeldBuf` that was offered last, to keep it in memory.
    held: RefCell<Option<Rc<dyn Any>>>,
}

impl Default for CurrentAnswer {
    fn default() -> Self {
        CurrentAnswer {
            offered: Cell::new(ptr::null()),
            delivery: Cell::new(ptr::null_mut()),
            held_answers: Cell::new(ptr::null()),
            held: RefCell::default(),
        }
    }
}

impl CurrentAnswer {
    /// Whether an answer is offered.
    #[inline(always)]
    pub(super) fn is_offered(&self) -> bool {
        !self.offered.get().is_null()
    }

    /// Takes the offered answer, if there is one and it is an `A`.
    #[inline(always)]
    pub(super) fn take<A: 'static>(&self) -> Option<A> {
        let offered = NonNull::new(self.offered.get().cast_mut())?;
        // SAFETY: the pointer leads to the answers of the batch that is being delivered or of
        // `held`, both of which are owned here.
        let ErasedAnswers { list, answer_type } = unsafe { offered.read() };
        if answer_type != TypeId::of::<A>() {
            return None;
        }
        self.offered.set(ptr::null());
        // SAFETY: the list is in the buffer of the same batch or `HeldBuf`, and the type was
        // compared. No other reference to the list exists, and `pop` runs no code of the user's.
        unsafe { (*list.cast::<Vec<A>>()).pop() }
    }

    /// Withdraws the offer. Returns whether the answer is one of the batch that is being delivered,
    /// which has the answer still.
    pub(super) fn retract(&self) -> bool {
        let (offered, delivery) = (self.offered.replace(ptr::null()), self.delivery.get());
        // SAFETY: the batch that is being delivered is owned here.
        !delivery.is_null() && ptr::eq(offered, unsafe { &raw const (*delivery).answers })
    }

    /// Begins or resumes the delivery of a batch. No other may be going on.
    #[inline]
    pub(super) fn begin(&self, ready: ReadyBatch) {
        debug_assert!(self.delivery.get().is_null(), "one delivery at a time");
        self.delivery.set(ready.buf.as_ptr());
    }

    /// Offers the next answer of the batch that is being delivered, and returns its waiter.
    #[inline(always)]
    pub(super) fn advance(&self) -> Option<Waiter> {
        let cursor = self.delivery.get();
        if cursor.is_null() {
            return None;
        }
        // SAFETY: the batch that is being delivered is owned here, and no reference to its buffer
        // exists. `next` leads to a waiter of the buffer if it is not at the end.
        unsafe {
            let next = (*cursor).next;
            if next == (*cursor).end {
                return None;
            }
            (*cursor).next = next.add(1);
            self.offered.set(&raw const (*cursor).answers);
            Some(*next)
        }
    }

    /// Whether every answer of the batch that is being delivered has been offered, and no answer is
    /// offered now.
    #[inline]
    pub(super) fn has_delivered(&self) -> bool {
        let delivery = self.delivery.get();
        // SAFETY: the batch that is being delivered is owned here.
        let is_over = delivery.is_null() || unsafe { (*delivery).is_over() };
        is_over && !self.is_offered()
    }

    /// Ends or interrupts the delivery that is going on, and the offer. Returns the batch.
    #[inline]
    pub(super) fn end(&self) -> Option<ReadyBatch> {
        self.offered.set(ptr::null());
        NonNull::new(self.delivery.replace(ptr::null_mut())).map(|buf| ReadyBatch { buf })
    }

    /// Keeps a `HeldBuf` in memory, of which an answer is offered.
    #[cold]
    #[inline(never)]
    fn hold(&self, answers: *const ErasedAnswers, held: Rc<dyn Any>) {
        self.held_answers.set(answers);
        // The borrow has ended when the previous one is dropped.
        drop(self.held.replace(Some(held)));
    }
}

/// The buffer of the latest request of one queue that was answered inline, with its answer.
pub(crate) struct HeldBuf<K, A> {
    /// Leads to the answers of the buffer, a boxed `BatchBuf` that is owned here; to `none` if
    /// there is no buffer.
    answers: UnsafeCell<ErasedAnswers>,
    /// Stays empty.
    none: UnsafeCell<Vec<A>>,
    buf: PhantomData<PooledBuf<K, A>>,
}

impl<K, A> HeldBuf<K, A> {
    pub(super) fn new() -> Rc<Self>
    where
        A: 'static,
    {
        let answers = ErasedAnswers { list: ptr::null_mut(), answer_type: TypeId::of::<A>() };
        let held = Rc::new(HeldBuf {
            answers: UnsafeCell::new(answers),
            none: UnsafeCell::new(Vec::new()),
            buf: PhantomData,
        });
        held.lead_to(held.none.get());
        held
    }

    #[inline(always)]
    fn lead_to(&self, list: *mut Vec<A>) {
        // SAFETY: no reference to `answers` exists.
        unsafe { (*self.answers.get()).list = list.cast() }
    }

    /// Takes the buffer, whose answer is offered no more.
    #[inline]
    pub(super) fn take(&self) -> Option<PooledBuf<K, A>> {
        let none = self.none.get();
        // SAFETY: no reference to `answers` exists.
        let list = unsafe { (*self.answers.get()).list.cast::<Vec<A>>() };
        if list == none {
            return None;
        }
        self.lead_to(none);
        // SAFETY: `offer` made the pointer from that of a box, as one to the field `answers` of the
        // buffer, and it was not taken since. Nothing leads to the buffer any more.
        unsafe {
            let buf = list.byte_sub(offset_of!(BatchBuf<K, A>, answers)).cast::<BatchBuf<K, A>>();
            Some(Box::from_raw(buf))
        }
    }

    /// Offers the last of the answers of a buffer, which is held until it is taken. No other may be
    /// held.
    #[inline]
    pub(super) fn offer(self: &Rc<Self>, buf: PooledBuf<K, A>, current_answer: &CurrentAnswer)
    where
        K: 'static,
        A: 'static,
    {
        // SAFETY: the pointer comes from a box, so it leads to a buffer with that field.
        self.lead_to(unsafe { &raw mut (*Box::into_raw(buf)).answers });
        let answers = self.answers.get().cast_const();
        current_answer.offered.set(answers);
        if current_answer.held_answers.get() != answers {
            current_answer.hold(answers, self.clone());
        }
    }
}

impl<K, A> Drop for HeldBuf<K, A> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A buffer with answers for the waiters 1 to `answers.len()`.
    fn buf_of(answers: &[&str]) -> PooledBuf<u8, String> {
        let mut buf = PooledBuf::<u8, String>::default();
        buf.waiters.extend((1..).map(Waiter).take(answers.len()));
        buf.answers.extend(answers.iter().rev().map(|answer| answer.to_string()));
        buf
    }

    fn batch_of(answers: &[&str]) -> ReadyBatch {
        ReadyBatch::new(0, buf_of(answers))
    }

    fn give_back(ready: ReadyBatch) -> PooledBuf<u8, String> {
        ready.into_buf()
    }

    #[test]
    fn answers_are_offered_in_order_and_taken_once() {
        let current = CurrentAnswer::default();
        current.begin(batch_of(&["a", "b"]));
        assert_eq!(current.take::<String>(), None);
        assert_eq!(current.advance(), Some(Waiter(1)));
        assert_eq!(current.take::<String>().as_deref(), Some("a"));
        assert_eq!(current.take::<String>(), None);
        assert!(!current.has_delivered());
        assert_eq!(current.advance(), Some(Waiter(2)));
        assert!(!current.has_delivered());
        assert_eq!(current.take::<String>().as_deref(), Some("b"));
        assert!(current.has_delivered());
        assert_eq!(current.advance(), None);
        let ready = current.end().unwrap();
        assert!(ready.is_over());
        assert!(give_back(ready).answers.is_empty());
    }

    #[test]
    fn an_answer_of_another_type_is_not_taken() {
        let current = CurrentAnswer::default();
        current.begin(batch_of(&["a"]));
        current.advance();
        assert_eq!(current.take::<u64>(), None);
        assert!(current.retract());
        assert_eq!(current.take::<String>(), None);
        let mut ready = current.end().unwrap();
        assert_eq!(ready.answers_mut::<String>().pop().as_deref(), Some("a"));
        give_back(ready);
    }

    #[test]
    fn a_delivery_goes_on_where_it_was_interrupted() {
        let current = CurrentAnswer::default();
        current.begin(batch_of(&["a", "b", "c"]));
        current.advance();
        current.take::<String>();
        let mut ready = current.end().unwrap();
        assert_eq!((ready.left(), ready.buf::<u8, String>().answers.len()), (2, 2));
        ready.bring_forward::<String>(1);
        current.begin(ready);
        assert_eq!(current.advance(), Some(Waiter(3)));
        assert_eq!(current.take::<String>().as_deref(), Some("c"));
        give_back(current.end().unwrap());
    }

    #[test]
    #[should_panic = "a batch of another queue"]
    fn a_buffer_of_other_types_is_not_given() {
        let _: PooledBuf<u8, u8> = batch_of(&[]).into_buf();
    }

    #[test]
    fn a_held_answer_may_outlive_its_queue_and_is_gone_once_its_buffer_is_taken() {
        let (current, held) = (CurrentAnswer::default(), HeldBuf::new());
        held.offer(buf_of(&["a"]), &current);
        drop(held);
        assert_eq!(current.take::<String>().as_deref(), Some("a"));

        let (held, other) = (HeldBuf::new(), HeldBuf::new());
        held.offer(buf_of(&["b"]), &current);
        assert_eq!(held.take().map(|buf| buf.answers.len()), Some(1));
        assert_eq!(current.take::<String>(), None);
        other.offer(buf_of(&["c"]), &current);
        held.offer(buf_of(&["d"]), &current);
        assert!(!current.retract());
        other.offer(other.take().unwrap(), &current);
        assert_eq!(current.take::<String>().as_deref(), Some("c"));
        assert!(held.take().is_some() && held.take().is_none());
    }
}
