//! All lanes of one schedule: the interface between a run and its requests.
//!
//! The driver of a run asks requests, and calls [`send`](Dispatchers::send),
//! [`collect`](Dispatchers::collect), [`do_due`](Dispatchers::do_due) and
//! [`next_delivery`](Dispatchers::next_delivery). Nothing happens between these calls. The
//! invariants are those of the folder: see `mod.rs`.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::cache::CacheChange;
use super::delivery::Delivery;
use super::dispatcher::Dispatch;
use super::erased::{DispatchFns, RunsOver};
use super::error::RequestError;
use super::host::Host;
use super::ids::{InFlightId, Waiter};
use super::lane::{AnsweredBy, Lane};
use super::options::Options;
use super::overrides::DispatchConfig;
use super::ready::ReadyBatch;
use super::registry::Registry;
use super::request::Request;
use super::send_cx::{ContextRef, SendCx};
use super::shared_state::{Due, SharedState};
use crate::dispatch::batch::Requests;
use crate::util::{HotCell, PanicCollector};

/// All lanes of one schedule.
pub(crate) struct Dispatchers {
    registry: Registry,
    pub(super) shared: Rc<SharedState>,
    config: Arc<DispatchConfig>,
}

impl Dispatchers {
    pub(crate) fn new(host: Host, config: Arc<DispatchConfig>) -> Self {
        Dispatchers {
            registry: Registry::default(),
            shared: Rc::new(SharedState::new(host, config.limits)),
            config,
        }
    }

    /// A run begins; what is random in it has this seed.
    pub(crate) fn begin_run(&self, seed: Option<u64>) {
        self.shared.seed(seed);
        self.shared.observers().refresh();
    }

    // ── asking ──

    /// Opens the lane of `R`, answered over the context type `S`, unless it is open.
    #[inline]
    pub(crate) fn open<S, R: Dispatch<S>>(&self, proof: RunsOver<S>) {
        self.open_lane::<S, R>(proof);
    }

    /// Returns the lane of `R`, if it is open and has a number of its own.
    #[inline(always)]
    pub(crate) fn queue<R: Request>(&self) -> Option<&Lane<R>> {
        self.registry.get_by_id::<R>()
    }

    /// Returns the lane of `R`.
    ///
    /// # Panics
    /// If it is not open.
    pub(crate) fn lane<R: Request>(&self) -> &Lane<R> {
        self.registry.get::<R>().expect("opened before")
    }

    /// Sets the number of the batch that leaves next.
    pub(crate) fn begin_batch(&self, number: u64) {
        self.shared.set_next_batch(number);
    }

    /// Returns the lane of `R`, and opens the lane if need be.
    #[inline(never)]
    pub(crate) fn opened_queue<S, R: Dispatch<S>>(&self, proof: RunsOver<S>) -> &Lane<R> {
        self.open_lane::<S, R>(proof)
    }

    #[inline]
    fn open_lane<S, R: Dispatch<S>>(&self, proof: RunsOver<S>) -> &Lane<R> {
        match self.registry.get::<R>() {
            Some(lane) => lane,
            None => self.open_slow::<S, R>(proof),
        }
    }

    #[cold]
    fn open_slow<S, R: Dispatch<S>>(&self, proof: RunsOver<S>) -> &Lane<R> {
        let options = self.config.options::<R>();
        let fns = DispatchFns::over(proof);
        match (self.config.override_fn::<R>(), self.config.carrier::<R>()) {
            (Some(override_fn), _) => self.add(fns, options, AnsweredBy::Override(override_fn)),
            (None, Some(carrier)) => {
                self.add(fns, options.of_run_with_hub(), AnsweredBy::Carrier(carrier))
            }
            (None, None) => {
                assert!(
                    !options.shared || self.config.carriers.is_none(),
                    "corio: `{name}` is a shared dispatcher, and the hub that this schedule goes \
                     through does not know it: make the hub with `.share({name})`",
                    name = R::name()
                );
                self.add(fns, options, AnsweredBy::Dispatcher)
            }
        }
    }

    /// Opens the lane of `R` with these options, answered by `dispatch` over the context type `S`.
    pub(crate) fn open_with<S, R: Request>(
        &self,
        proof: RunsOver<S>,
        options: Options<R::Key, R::Answer>,
        dispatch: for<'q, 'r> fn(&'r S, Requests<'q, 'r, R>),
    ) {
        self.add(DispatchFns::of(proof, dispatch, |_| None), options, AnsweredBy::Dispatcher);
    }

    /// Adds the lane of `R`, unless it is there.
    fn add<R: Request>(
        &self,
        fns: DispatchFns<R>,
        options: Options<R::Key, R::Answer>,
        answered_by: AnsweredBy<R>,
    ) -> &Lane<R> {
        // Code of the user's, which may open lanes, this one among them.
        let groups = options.groups.map(|make_groups| make_groups());
        if self.registry.get::<R>().is_none() {
            self.registry.add(|me, number| {
                Lane::<R>::new(me, number, self.shared.clone(), fns, options, groups, answered_by)
            });
        }
        self.registry.get::<R>().expect("just added")
    }

    /// Queues a request whose lane is open.
    ///
    /// # Panics
    /// If the lane is not open.
    #[inline]
    pub(crate) fn ask<R: Request>(&self, waiter: Waiter, key: R::Key) {
        self.registry.get::<R>().expect("opened before it is asked").ask(waiter, key);
    }

    /// Takes the answer that is offered to the running task, if there is one and it is an `A`.
    #[inline(always)]
    pub(crate) fn take_current_answer<A: 'static>(&self) -> Option<A> {
        self.shared.current_answer.take()
    }

    // ── cached answers ──

    /// Primes, invalidates or clears the cached answers of a lane that is open.
    ///
    /// # Panics
    /// If the lane is not open, or the dispatcher has no cache.
    pub(crate) fn change_cache<R: Request>(&self, context: ContextRef<'_>, change: CacheChange<R>) {
        self.registry
            .get::<R>()
            .expect("opened before it is changed")
            .change_cache(context, change);
    }

    // ── answering inline ──

    /// Calls `f`, and lends `send_cx` to lanes that answer inline meanwhile.
    #[inline]
    pub(crate) fn lend_send_cx<T>(&self, send_cx: &SendCx<'_, '_>, f: impl FnOnce() -> T) -> T {
        self.shared.lent_send_cx.lend(send_cx, f)
    }

    /// Whether no request is queued, no batch is in flight, no future is to be dropped, no alarm is
    /// set, and at most one batch has answers to deliver.
    pub(crate) fn is_idle(&self) -> bool {
        let SharedState {
            asked_in_place,
            asked_concurrent,
            answered,
            in_flight,
            cancelled,
            due,
            ..
        } = &*self.shared;
        let nothing_asked =
            asked_in_place.borrow().is_empty() && asked_concurrent.borrow().is_empty();
        let nothing_in_flight = in_flight.get() == 0 && cancelled.borrow().is_empty();
        nothing_asked
            && nothing_in_flight
            && due.borrow().is_empty()
            && answered.borrow().len() <= 1
    }

    /// Whether every answer of the batch that is being delivered has been taken.
    #[inline]
    pub(crate) fn has_delivered(&self) -> bool {
        self.shared.current_answer.has_delivered()
    }

    // ── driving ──

    /// Whether there are answers to deliver.
    #[inline]
    pub(crate) fn has_answers(&self) -> bool {
        !self.shared.answered.borrow().is_empty()
    }

    /// Number of batches in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.shared.in_flight.get()
    }

    /// Number of batches in flight as limits count them: the parts of a split batch as one.
    pub(crate) fn quota_used(&self) -> usize {
        self.shared.quota_used.get()
    }

    /// Changes the limit of batches in flight.
    pub(crate) fn allow_in_flight(&self, batches: usize) {
        self.shared.max_in_flight.set(batches);
    }

    /// Whether a time-out, the end of a pause or a rate is waited for.
    #[inline]
    pub(crate) fn has_alarms(&self) -> bool {
        !self.shared.due.borrow().is_empty()
    }

    /// Returns the time of the next of these.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.shared.due.borrow().next()
    }

    /// Withdraws the requests of dropped tasks, and abandons batches in flight that no live waiter
    /// is left for.
    ///
    /// Requests that gather in this phase are filtered when their batch leaves. A phase may be
    /// long: with `mid_phase`, they are filtered as soon as half of them may belong to dropped
    /// tasks.
    pub(crate) fn tasks_were_dropped(
        &self,
        dropped: impl Iterator<Item = Waiter>,
        mid_phase: bool,
    ) {
        self.shared.drop_epoch.set(self.shared.drop_epoch.get() + 1);
        let mut numbers = self.shared.drop_listeners.borrow().clone();
        if mid_phase {
            numbers.extend(
                self.shared
                    .asked_concurrent
                    .borrow()
                    .iter()
                    .chain(self.shared.asked_in_place.borrow().iter()),
            );
        }
        if !numbers.is_empty() {
            let dropped: Vec<Waiter> = dropped.collect();
            numbers
                .into_iter()
                .filter_map(|number| self.registry.by_number(number))
                .for_each(|lane| lane.tasks_were_dropped(&dropped));
        }
    }

    /// Answers gathered requests from caches, so that their tasks can run before a batch leaves,
    /// and coalesces equal keys.
    #[inline]
    pub(crate) fn coalesce(&self, send_cx: &SendCx<'_, '_>) {
        if self.shared.dedup_queues.get() > 0 {
            self.coalesce_slow(send_cx);
        }
    }

    #[inline(never)]
    fn coalesce_slow(&self, send_cx: &SendCx<'_, '_>) {
        for asked in [&self.shared.asked_concurrent, &self.shared.asked_in_place] {
            let len = asked.borrow().len();
            for at in 0..len {
                let number = asked.borrow()[at];
                if let Some(lane) = self.registry.by_number(number) {
                    lane.coalesce(send_cx);
                }
            }
        }
    }

    /// Sends queued requests as far as limits allow: the lane asked first sends first, but
    /// concurrent lanes send before those that are answered in place.
    #[inline]
    pub(crate) fn send(&self, send_cx: &SendCx<'_, '_>) {
        self.shared.new_round();
        for asked in [&self.shared.asked_concurrent, &self.shared.asked_in_place] {
            let len = asked.borrow().len();
            if len > 0 {
                self.send_listed(len, asked, send_cx);
            }
        }
    }

    /// Sends from the first `len` lanes of a list, and removes them from the list.
    fn send_listed(&self, len: usize, asked: &HotCell<Vec<u32>>, send_cx: &SendCx<'_, '_>) {
        // No task asks while batches leave: dispatchers are not tasks. A lane whose requests are
        // held or retried lists itself again, behind these.
        for at in 0..len {
            let number = asked.borrow()[at];
            match self.registry.by_number(number) {
                Some(lane) if send_cx.may_send() => lane.send(send_cx),
                _ => {}
            }
        }
        let mut asked = asked.borrow_mut();
        if asked.len() == len {
            asked.clear();
        } else {
            asked.drain(..len);
        }
    }

    /// Delivers the cached answers that are held back for the next batch, as no batch leaves any
    /// more.
    pub(crate) fn deliver_cached_now(&self) {
        // Only lanes that are answered in place hold cached answers back.
        let len = self.shared.asked_in_place.borrow().len();
        for at in 0..len {
            let number = self.shared.asked_in_place.borrow()[at];
            self.registry.by_number(number).iter().for_each(|lane| lane.deliver_cached_now());
        }
    }

    /// Whether some lane has queued requests that no limit holds.
    pub(crate) fn can_send(&self) -> bool {
        self.shared.update_barrier();
        let can = |number| self.registry.by_number(number).is_some_and(|lane| lane.can_send());
        [&self.shared.asked_concurrent, &self.shared.asked_in_place].iter().any(|asked| {
            // Not borrowed meanwhile: with a rate, the clock is looked at.
            let len = asked.borrow().len();
            (0..len).any(|at| can(asked.borrow()[at]))
        })
    }

    /// Starts the delivery of the next batch of answers.
    #[inline]
    pub(crate) fn next_delivery(&self) -> Option<Delivery<'_>> {
        let ready = self.shared.answered.borrow_mut().pop_front()?;
        let lane = self.registry.by_number(ready.queue())?;
        Some(Delivery::new(ready, lane, &self.shared))
    }

    /// Number of answers to deliver.
    pub(crate) fn answers_there(&self) -> usize {
        self.shared.answered.borrow().iter().map(ReadyBatch::left).sum()
    }

    /// Moves an arbitrary answer to the front of the deliveries (used by `Config::shuffle`).
    /// `choose(n)` returns a number below `n`. There has to be an answer.
    pub(crate) fn bring_any_forward(&self, choose: &mut dyn FnMut(usize) -> usize) {
        let mut answered = self.shared.answered.borrow_mut();
        let batch = choose(answered.len());
        answered.swap(0, batch);
        let next = &mut answered[0];
        if let Some(lane) = self.registry.by_number(next.queue()) {
            let waiter = choose(next.left());
            lane.bring_forward(next, waiter);
        }
    }

    /// Takes the slot outcomes in the mailbox of a batch in flight.
    pub(crate) fn collect(&self, queue: u32, flight: InFlightId) {
        // A slot of an earlier run may name a queue that these dispatchers do not have.
        if let Some(lane) = self.registry.by_number(queue) {
            lane.collect(flight);
        }
    }

    /// Handles all time-outs and ends of pauses that are due.
    pub(crate) fn do_due(&self, now: Duration) {
        loop {
            let Some((alarm, due)) = self.shared.due.borrow_mut().take_due(now) else { return };
            match due {
                Due::InFlight { queue, flight } => {
                    self.registry.by_number(queue).iter().for_each(|lane| lane.time_out(flight))
                }
                Due::Retries { queue } => {
                    self.registry.by_number(queue).iter().for_each(|lane| lane.end_pause(alarm))
                }
                Due::Rate { queue } => {
                    self.registry.by_number(queue).iter().for_each(|lane| lane.rate_allows_more())
                }
            }
        }
    }

    /// Takes the number of a future to be dropped, as its batch is no longer in flight.
    #[inline]
    pub(crate) fn next_cancelled(&self) -> Option<u32> {
        self.shared.cancelled.borrow_mut().pop()
    }

    /// Takes the first fault, which ends the run.
    #[inline]
    pub(crate) fn take_fault(&self) -> Option<RequestError> {
        self.shared.take_fault()
    }

    /// Returns the name of the dispatcher whose code is running, or has panicked.
    pub(crate) fn current_dispatcher(&self) -> Option<&'static str> {
        self.shared.current_dispatcher.get()
    }

    /// Sets the dispatcher that a panic is attributed to, while a future of that dispatcher is
    /// polled or dropped.
    pub(crate) fn set_current_dispatcher(&self, dispatcher: Option<&'static str>) {
        self.shared.current_dispatcher.set(dispatcher);
    }

    /// Drops all ready answers, queued requests and batches in flight, at the end of a run. Runs
    /// destructors of the user's; the first panic is resumed when all have run.
    pub(crate) fn clear(&self) {
        let mut panics = PanicCollector::default();
        loop {
            let Some(ready) = self.shared.answered.borrow_mut().pop_front() else { break };
            if let Some(lane) = self.registry.by_number(ready.queue()) {
                panics.run(|| lane.take_back(ready));
            }
        }
        for number in 0.. {
            let Some(lane) = self.registry.by_number(number) else { break };
            panics.run(|| lane.clear());
        }
        self.shared.clear();
        panics.finish();
    }
}
