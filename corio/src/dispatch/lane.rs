//! The lane of one request type in one schedule: its queue and what answers the batches of that
//! queue, the dispatcher or an override.
//!
//! The queue does not know how its batches are answered; the lane is its [`Outlet`].

use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use super::any_lane::AnyLane;
use super::batch::Requests;
use super::cache::{CacheChange, Partition};
use super::carrier::Carrier;
use super::erased::DispatchFns;
use super::ids::{InFlightId, Waiter};
use super::in_flight::Part;
use super::keys::Groups;
use super::options::Options;
use super::overrides::Override;
use super::queue::{BufOf, Outlet, OwnsQueue, Queue};
use super::ready::ReadyBatch;
use super::request::Request;
use super::send_cx::{ContextRef, SendCx};
use super::shared_state::SharedState;
use crate::util::Alarm;

/// The queue of one request type, and what answers its batches.
pub(crate) struct Lane<R: Request> {
    queue: Queue<R>,
    dispatch_fns: DispatchFns<R>,
    answered_by: AnsweredBy<R>,
}

/// What answers the batches of a lane.
pub(super) enum AnsweredBy<R: Request> {
    /// The dispatcher.
    Dispatcher,
    /// A function of the schedule, in place of the dispatcher.
    Override(Override<R>),
    /// Whatever this leads to, outside the run.
    Carrier(Arc<dyn Carrier<R>>),
}

impl<R: Request> OwnsQueue<R> for Lane<R> {
    fn queue(&self) -> &Queue<R> {
        &self.queue
    }
}

/// Where the queue of a lane hands its batches over, while a run sends.
struct LaneOutlet<'l, 'q, 'r, R: Request> {
    lane: &'l Lane<R>,
    send_cx: &'q SendCx<'q, 'r>,
}

impl<R: Request> Outlet<R> for LaneOutlet<'_, '_, '_, R> {
    #[inline]
    fn is_open(&self) -> bool {
        self.send_cx.may_send()
    }

    #[inline(always)]
    fn hand_over(&self, buf: BufOf<R>, part: Part) {
        let Lane { queue, dispatch_fns, answered_by } = self.lane;
        let requests = Requests::new(queue, buf, part, self.send_cx);
        match answered_by {
            AnsweredBy::Dispatcher => dispatch_fns.dispatch(self.send_cx.context, requests),
            AnsweredBy::Override(override_fn) => override_fn(requests),
            AnsweredBy::Carrier(carrier) => {
                requests.carry(&**carrier, dispatch_fns.partition(self.send_cx.context))
            }
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
        groups: Option<Groups<R::Key>>,
        answered_by: AnsweredBy<R>,
    ) -> Self {
        let is_replaced = matches!(answered_by, AnsweredBy::Override(_));
        Lane {
            queue: Queue::new(me.clone(), number, shared, options, groups, is_replaced),
            dispatch_fns,
            answered_by,
        }
    }

    /// Number of requests that wait to be sent, those that pause aside.
    pub(crate) fn unsent_len(&self) -> usize {
        self.queue.unsent_len()
    }

    /// Whether its own limits, or the order of its requests, hold all of them back.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.is_full()
    }

    /// When the first batch that counts for the rate no longer does, and when the last; if any
    /// counts.
    pub(crate) fn rate_window(&self) -> Option<(Duration, Duration)> {
        self.queue.rate_window()
    }

    /// Fast path of `ask`, for nearly all requests: appends to requests that have gathered before,
    /// if the buffer has capacity, without a function call. Otherwise returns the key.
    #[inline(always)]
    pub(crate) fn ask_with_others(&self, waiter: Waiter, key: R::Key) -> Result<(), R::Key> {
        self.queue.ask_with_others(waiter, key)
    }

    /// Queues a request.
    #[inline]
    pub(crate) fn ask(&self, waiter: Waiter, key: R::Key) {
        self.queue.ask(waiter, key);
    }

    /// Returns the cache partition of the run with this context.
    fn partition(&self, context: ContextRef<'_>) -> Option<Partition> {
        self.dispatch_fns.partition(context)
    }

    /// Primes, invalidates or clears cached answers.
    ///
    /// # Panics
    /// If the dispatcher has no cache.
    pub(super) fn change_cache(&self, context: ContextRef<'_>, change: CacheChange<R>) {
        self.queue.change_cache(&|| self.partition(context), change);
    }

    /// Calls `f` with what a batch may be sent with now and with `key`. Returns the key if the lane
    /// may not answer inline, or the run is cancelled.
    #[inline]
    pub(crate) fn with_lent_send_cx(
        &self,
        key: R::Key,
        f: impl FnOnce(&SendCx<'_, '_>, R::Key),
    ) -> Result<(), R::Key> {
        self.queue.shared.lent_send_cx.with(key, |send_cx, key| {
            if !self.queue.may_answer_at_once || !send_cx.may_send() {
                return Err(key);
            }
            f(send_cx, key);
            Ok(())
        })
    }

    /// Sends a batch of one from within the asking task. Returns whether the answer is offered now;
    /// otherwise it is delivered as any other.
    #[inline]
    pub(crate) fn answer_at_once(
        &self,
        waiter: Waiter,
        key: R::Key,
        send_cx: &SendCx<'_, '_>,
    ) -> bool {
        self.queue.answer_at_once(waiter, key, &LaneOutlet { lane: self, send_cx })
    }
}

impl<R: Request> AnyLane for Lane<R> {
    fn coalesce(&self, send_cx: &SendCx<'_, '_>) {
        self.queue.coalesce(&|| self.partition(send_cx.context));
    }

    fn send(&self, send_cx: &SendCx<'_, '_>) {
        self.queue.send(&LaneOutlet { lane: self, send_cx });
    }

    fn deliver_cached_now(&self) {
        self.queue.deliver_cached_now();
    }

    fn can_send(&self) -> bool {
        self.queue.can_send()
    }

    fn emit_answered(&self, ready: &ReadyBatch) {
        self.queue.emit_answered(ready);
    }

    fn drop_next_answer(&self, ready: &mut ReadyBatch) {
        self.queue.drop_next_answer(ready);
    }

    fn bring_forward(&self, ready: &mut ReadyBatch, waiter: usize) {
        self.queue.bring_forward(ready, waiter);
    }

    fn take_back(&self, ready: ReadyBatch) {
        self.queue.take_back(ready);
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

    fn rate_allows_more(&self) {
        self.queue.rate_allows_more();
    }

    fn tasks_were_dropped(&self, dropped: &[Waiter]) {
        self.queue.tasks_were_dropped(dropped);
    }

    fn clear(&self) {
        self.queue.clear();
    }
}
