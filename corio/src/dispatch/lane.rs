//! One kind of request in one schedule: its queue, and who answers it. It hands what the queue
//! sends to the dispatcher, or to what stands in for it.

use std::rc::{Rc, Weak};

use super::any_lane::AnyLane;
use super::batch::Requests;
use super::cache::{CacheChange, Partition};
use super::context_ref::ContextRef;
use super::dispatch_fns::{DispatchFns, Override};
use super::host::SendCx;
use super::ids::{InFlightId, Waiter};
use super::in_flight::Part;
use super::options::Options;
use super::queue::{BufOf, Outlet, OwnsQueue, Queue};
use super::ready::ReadyBatch;
use super::request::Request;
use super::shared_state::SharedState;
use crate::util::Alarm;

pub(crate) struct Lane<R: Request> {
    queue: Queue<R>,
    dispatch_fns: DispatchFns<R>,
    override_fn: Option<Override<R>>,
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
        self.send_cx.may_send()
    }

    #[inline(always)]
    fn hand_over(&self, buf: BufOf<R>, part: Part) {
        let Lane { queue, dispatch_fns, override_fn } = self.lane;
        let requests = Requests::new(queue, buf, part, self.send_cx);
        match override_fn {
            Some(override_fn) => override_fn(requests),
            // SAFETY: lanes are opened with the functions of the run's context (or of one for every
            // context), and `send_cx` carries that context.
            None => unsafe { (dispatch_fns.dispatch)(self.send_cx.context, requests) },
        }
    }
}

impl<R: Request> Lane<R> {
    pub(super) fn new(
        me: &Weak<Self>,
        number: u32,
        shared: Rc<SharedState>,
        dispatch_fns: DispatchFns<R>,
        options: Options<R::Key, R::Answer>,
        override_fn: Option<Override<R>>,
    ) -> Self {
        Lane {
            queue: Queue::new(me.clone(), number, shared, options, override_fn.is_some()),
            dispatch_fns,
            override_fn,
        }
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
        unsafe { (self.dispatch_fns.partition)(context) }
    }

    pub(super) fn change_cache(&self, context: ContextRef<'_>, change: CacheChange<R>) {
        self.queue.change_cache(&|| self.partition(context), change);
    }

    /// What was lent, if the dispatcher may answer at once and the run is not cancelled.
    #[inline]
    pub(crate) fn lent_send_cx(&self) -> Option<&SendCx<'_, '_>> {
        let lent_send_cx =
            self.queue.shared.lent_send_cx.get().filter(|_| self.queue.may_answer_at_once)?;
        // SAFETY: `lend_send_cx` has borrowed it until it is unset, when the run loop is left, and
        // this borrow is over before that: who asks is called by the run loop.
        let send_cx: &SendCx<'_, '_> = unsafe { lent_send_cx.cast().as_ref() };
        send_cx.may_send().then_some(send_cx)
    }

    /// Sends a batch of one; whether its answer is offered.
    #[inline]
    pub(crate) fn answer_at_once(
        &self,
        waiter: Waiter,
        key: R::Key,
        send_cx: &SendCx<'_, '_>,
    ) -> bool {
        self.queue.answer_at_once(waiter, key, &Dispatcher { lane: self, send_cx })
    }
}

impl<R: Request> AnyLane for Lane<R> {
    fn coalesce(&self, send_cx: &SendCx<'_, '_>) {
        self.queue.coalesce(&|| self.partition(send_cx.context));
    }

    fn send(&self, send_cx: &SendCx<'_, '_>) {
        self.queue.send(&Dispatcher { lane: self, send_cx });
    }

    fn deliver_cached_now(&self) {
        self.queue.deliver_cached_now();
    }

    fn can_send(&self) -> bool {
        self.queue.can_send()
    }

    fn emit_answered(&self, answered: &mut ReadyBatch) {
        self.queue.emit_answered(answered);
    }

    fn drop_next_answer(&self, answered: &mut ReadyBatch) {
        self.queue.drop_next_answer(answered);
    }

    fn bring_forward(&self, answered: &mut ReadyBatch, waiter: usize) {
        self.queue.bring_forward(answered, waiter);
    }

    fn take_back(&self, answered: ReadyBatch) {
        self.queue.take_back(answered);
    }

    fn collect(&self, flight: InFlightId) {
        self.queue.collect(flight);
    }

    fn time_out(&self, flight: InFlightId) {
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
