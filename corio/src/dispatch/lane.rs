//! One kind of request in one schedule: its queue, and who answers it. It hands what the queue sends
//! to the dispatcher, or to what stands in for it.

use std::rc::{Rc, Weak};

use super::answerer::{Answering, Replacement};
use super::any_lane::AnyLane;
use super::batch::Requests;
use super::cache::{CacheChange, Partition};
use super::context_ref::ContextRef;
use super::host::SendCx;
use super::ids::{FlightId, Waiter};
use super::in_flight::Part;
use super::options::Options;
use super::queue::{LoadOf, Outlet, OwnsQueue, Queue};
use super::ready::Answered;
use super::request::Request;
use super::shared::Board;
use crate::util::Alarm;

pub(crate) struct Lane<R: Request> {
    queue: Queue<R>,
    answering: Answering<R>,
    replacement: Option<Replacement<R>>,
}

impl<R: Request> OwnsQueue<R> for Lane<R> {
    fn queue(&self) -> &Queue<R> {
        &self.queue
    }
}

/// The dispatcher, while a run sends.
struct Dispatcher<'l, 'q, 'r, R: Request> {
    lane: &'l Lane<R>,
    send_cx: &'q SendCx<'q, 'r>,
}

impl<R: Request> Outlet<R> for Dispatcher<'_, '_, '_, R> {
    #[inline]
    fn is_open(&self) -> bool {
        self.send_cx.goes_on()
    }

    #[inline(always)]
    fn hand_over(&self, load: LoadOf<R>, part: Part) {
        let Lane { queue, answering, replacement } = self.lane;
        let requests = Requests::new(queue, load, part, self.send_cx);
        match replacement {
            Some(replacement) => replacement(requests),
            // SAFETY: lanes are opened with the functions of the run's context (or of one for every
            // context), and `send_cx` carries that context.
            None => unsafe { (answering.dispatch)(self.send_cx.context, requests) },
        }
    }
}

impl<R: Request> Lane<R> {
    pub(super) fn new(
        me: &Weak<Self>,
        number: u32,
        board: Rc<Board>,
        answering: Answering<R>,
        options: Options<R::Key, R::Answer>,
        replacement: Option<Replacement<R>>,
    ) -> Self {
        Lane { queue: Queue::new(me.clone(), number, board, options, replacement.is_some()), answering, replacement }
    }

    /// As `ask`, where others have asked and there is room: a straight way without calls, as nearly
    /// all requests go it. Gives back the key otherwise.
    #[inline(always)]
    pub(crate) fn ask_with_others(&self, waiter: Waiter, key: R::Key) -> Result<(), R::Key> {
        self.queue.ask_with_others(waiter, key)
    }

    #[inline]
    pub(crate) fn ask(&self, waiter: Waiter, key: R::Key) {
        self.queue.ask(waiter, key);
    }

    /// The partition of the cache that this run sees.
    fn partition(&self, context: ContextRef<'_>) -> Option<Partition> {
        // SAFETY: lanes are opened with the functions of the run's context (or of one for every
        // context), and this is that context.
        unsafe { (self.answering.partition)(context) }
    }

    pub(super) fn change_cache(&self, context: ContextRef<'_>, change: CacheChange<R>) {
        self.queue.change_cache(&|| self.partition(context), change);
    }

    /// What was lent, if the dispatcher may answer at once and the run is not cancelled.
    #[inline]
    pub(crate) fn lent(&self) -> Option<&SendCx<'_, '_>> {
        let lent = self.queue.board.lent.get().filter(|_| self.queue.may_answer_at_once)?;
        // SAFETY: `lend` has borrowed it until it is unset, when the run loop is left, and this
        // borrow is over before that: who asks is called by the run loop.
        let send_cx: &SendCx<'_, '_> = unsafe { lent.cast().as_ref() };
        send_cx.goes_on().then_some(send_cx)
    }

    /// Sends a batch of one; whether its answer is offered.
    #[inline]
    pub(crate) fn answer_at_once(&self, waiter: Waiter, key: R::Key, send_cx: &SendCx<'_, '_>) -> bool {
        self.queue.answer_at_once(waiter, key, &Dispatcher { lane: self, send_cx })
    }
}

impl<R: Request> AnyLane for Lane<R> {
    fn settle(&self, send_cx: &SendCx<'_, '_>) {
        self.queue.settle(&|| self.partition(send_cx.context));
    }

    fn send(&self, send_cx: &SendCx<'_, '_>) {
        self.queue.send(&Dispatcher { lane: self, send_cx });
    }

    fn give_kept_now(&self) {
        self.queue.give_kept_now();
    }

    fn can_send(&self) -> bool {
        self.queue.can_send()
    }

    fn tell_answered(&self, answered: &mut Answered) {
        self.queue.tell_answered(answered);
    }

    fn drop_next_answer(&self, answered: &mut Answered) {
        self.queue.drop_next_answer(answered);
    }

    fn put_forward(&self, answered: &mut Answered, waiter: usize) {
        self.queue.put_forward(answered, waiter);
    }

    fn take_back(&self, answered: Answered) {
        self.queue.take_back(answered);
    }

    fn collect(&self, flight: FlightId) {
        self.queue.collect(flight);
    }

    fn time_out(&self, flight: FlightId) {
        self.queue.time_out(flight);
    }

    fn end_pause(&self, alarm: Alarm) {
        self.queue.end_pause(alarm);
    }

    fn tasks_were_dropped(&self, dropped: &[Waiter]) {
        self.queue.tasks_were_dropped(dropped);
    }

    fn clear(&self) {
        self.queue.clear();
    }
}
