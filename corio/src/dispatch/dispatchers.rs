//! The desk: requests come in, batches go out, answers come back. It knows no tasks: whoever asks
//! is a `Waiter`, a word that the asker chose and gets back with its answer. Nor does it know
//! clocks, threads or executors: `send`, `collect` and `next_delivery` are called by whoever turns
//! the run, who also tells the time.
//!
//! What must hold:
//! - Every request leaves in exactly one batch at a time, in the order asked, and is answered
//!   exactly once; or the run ends with an error that says which was not.
//! - An answer that is delivered is there only while its waiter runs. What is not taken then is
//!   dropped, and so reaches nobody else.
//! - A batch leaves only when its dispatcher's limit, and that of all, leave a place for it; what
//!   is held gathers.
//! - No borrow of the desk is held while code of the user's runs: dispatchers, destructors, resumed
//!   tasks.

use std::rc::Rc;
use std::time::Duration;

use super::cache::CacheChange;
use super::context_ref::ContextRef;
use super::delivery::Delivery;
use super::dispatch_fns::DispatchFns;
use super::dispatcher::Dispatch;
use super::error::RequestError;
use super::host::{Host, SendCx};
use super::ids::{InFlightId, Waiter};
use super::lane::Lane;
use super::overrides::DispatchConfig;
use super::ready::ReadyBatch;
use super::registry::Registry;
use super::request::Request;
use super::shared_state::{Due, SharedState};
use crate::util::{HotCell, PanicCollector};

pub(crate) struct Dispatchers {
    registry: Registry,
    pub(super) shared: Rc<SharedState>,
    settings: Rc<DispatchConfig>,
}

impl Dispatchers {
    pub(crate) fn new(host: Host, settings: Rc<DispatchConfig>) -> Self {
        Dispatchers {
            registry: Registry::default(),
            shared: Rc::new(SharedState::new(host, settings.limits)),
            settings,
        }
    }

    // ── asking ──

    /// Makes sure that `R` has a queue, answered as over the context `S`.
    ///
    /// # Safety
    /// `S` is the context of every run of this desk, or `AnyContext`.
    #[inline]
    pub(crate) unsafe fn open<S, R: Dispatch<S>>(&self) {
        self.opened::<S, R>();
    }

    /// The queue of `R`, if it is open and has a number of its own.
    #[inline(always)]
    pub(crate) fn queue<R: Request>(&self) -> Option<&Lane<R>> {
        self.registry.get_by_id::<R>()
    }

    /// The queue of `R`, opened if need be.
    ///
    /// # Safety
    /// As `open`.
    #[inline(never)]
    pub(crate) unsafe fn opened_queue<S, R: Dispatch<S>>(&self) -> &Lane<R> {
        self.opened::<S, R>()
    }

    #[inline]
    fn opened<S, R: Dispatch<S>>(&self) -> &Lane<R> {
        match self.registry.get::<R>() {
            Some(queue) => queue,
            None => self.open_new::<S, R>(),
        }
    }

    #[cold]
    fn open_new<S, R: Dispatch<S>>(&self) -> &Lane<R> {
        let (options, override_fn) =
            (self.settings.options::<R>(), self.settings.override_fn::<R>());
        self.registry.add(|me, number| {
            Lane::<R>::new(
                me,
                number,
                self.shared.clone(),
                DispatchFns::over::<S>(),
                options,
                override_fn,
            )
        });
        self.registry.get::<R>().expect("just added")
    }

    /// Queues a request of a kind that is open.
    #[inline]
    pub(crate) fn ask<R: Request>(&self, waiter: Waiter, key: R::Key) {
        self.registry.get::<R>().expect("opened before it is asked").ask(waiter, key);
    }

    /// The answer for the waiter that is being resumed.
    #[inline(always)]
    pub(crate) fn take_current_answer<A: 'static>(&self) -> Option<A> {
        self.shared.current_answer.take()
    }

    // ── kept answers ──

    /// Keeps an answer, or forgets one or all, of a dispatcher that is open.
    pub(crate) fn change_cache<R: Request>(&self, context: ContextRef<'_>, change: CacheChange<R>) {
        self.registry
            .get::<R>()
            .expect("opened before it is changed")
            .change_cache(context, change);
    }

    // ── turning ──

    #[inline]
    pub(crate) fn has_answers(&self) -> bool {
        !self.shared.answered.borrow().is_empty()
    }

    /// Batches that are with their dispatchers.
    pub(crate) fn in_flight(&self) -> usize {
        self.shared.in_flight.get()
    }

    #[inline]
    pub(crate) fn has_alarms(&self) -> bool {
        !self.shared.due.borrow().is_empty()
    }

    /// The next time when something is due: a time-out, the end of a pause.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.shared.due.borrow().next()
    }

    /// Tasks were dropped: their requests are withdrawn, and batches that nobody waits for any more
    /// are given up. What has gathered in this phase is looked through when it leaves;
    /// `amid_a_phase`, which may be long, as soon as half of it may be of nobody.
    pub(crate) fn tasks_were_dropped(
        &self,
        dropped: impl Iterator<Item = Waiter>,
        amid_a_phase: bool,
    ) {
        self.shared.drop_epoch.set(self.shared.drop_epoch.get() + 1);
        let mut queues = self.shared.drop_listeners.borrow().clone();
        if amid_a_phase {
            queues.extend(
                self.shared
                    .asked_concurrent
                    .borrow()
                    .iter()
                    .chain(self.shared.asked_in_place.borrow().iter()),
            );
        }
        if !queues.is_empty() {
            let dropped: Vec<Waiter> = dropped.collect();
            queues
                .into_iter()
                .filter_map(|number| self.registry.number(number))
                .for_each(|queue| queue.tasks_were_dropped(&dropped));
        }
    }

    /// Gives kept answers to those who have asked for them, so that they can run before anything
    /// leaves.
    #[inline]
    pub(crate) fn coalesce(&self, send_cx: &SendCx<'_, '_>) {
        if self.shared.dedup_queues.get() > 0 {
            self.coalesce_asked(send_cx);
        }
    }

    #[inline(never)]
    fn coalesce_asked(&self, send_cx: &SendCx<'_, '_>) {
        for asked in [&self.shared.asked_concurrent, &self.shared.asked_in_place] {
            let numbers = asked.borrow().len();
            for at in 0..numbers {
                let number = asked.borrow()[at];
                if let Some(queue) = self.registry.number(number) {
                    queue.coalesce(send_cx);
                }
            }
        }
    }

    /// Sends what has gathered: to the dispatcher first asked first, but to those that answer later
    /// before those that answer in place.
    #[inline]
    pub(crate) fn send(&self, send_cx: &SendCx<'_, '_>) {
        self.shared.new_round();
        for asked in [&self.shared.asked_concurrent, &self.shared.asked_in_place] {
            let numbers = asked.borrow().len();
            if numbers > 0 {
                self.send_first(numbers, asked, send_cx);
            }
        }
    }

    fn send_first(&self, numbers: usize, asked: &HotCell<Vec<u32>>, send_cx: &SendCx<'_, '_>) {
        // Nobody asks while batches leave: dispatchers are not tasks. What is held, or tried again,
        // comes back to the list behind them.
        for at in 0..numbers {
            let number = asked.borrow()[at];
            match self.registry.number(number) {
                Some(queue) if send_cx.may_send() => queue.send(send_cx),
                _ => {}
            }
        }
        let mut asked = asked.borrow_mut();
        if asked.len() == numbers {
            asked.clear();
        } else {
            asked.drain(..numbers);
        }
    }

    /// Gives kept answers to those who would get them with a batch, as none leaves any more.
    pub(crate) fn deliver_cached_now(&self) {
        // What answers later holds none back.
        let numbers = self.shared.asked_in_place.borrow().len();
        for at in 0..numbers {
            let number = self.shared.asked_in_place.borrow()[at];
            self.registry.number(number).iter().for_each(|queue| queue.deliver_cached_now());
        }
    }

    /// Whether something has gathered that no limit holds.
    pub(crate) fn can_send(&self) -> bool {
        self.shared.update_barrier();
        let asked = [&self.shared.asked_concurrent, &self.shared.asked_in_place];
        let can =
            |number: &u32| self.registry.number(*number).is_some_and(|queue| queue.can_send());
        asked.iter().any(|asked| asked.borrow().iter().any(can))
    }

    /// The answers that are next for those who wait.
    #[inline]
    pub(crate) fn next_delivery(&self) -> Option<Delivery<'_>> {
        let answered = self.shared.answered.borrow_mut().pop_front()?;
        let queue = self.registry.number(answered.queue)?;
        Some(Delivery::new(answered, queue, &self.shared))
    }

    /// How many answers are there.
    pub(crate) fn answers_there(&self) -> usize {
        self.shared.answered.borrow().iter().map(ReadyBatch::left).sum()
    }

    /// Has any of the answers that are there be delivered next: `choose` gives a number below
    /// another.
    pub(crate) fn bring_any_forward(&self, choose: &mut dyn FnMut(usize) -> usize) {
        let mut answered = self.shared.answered.borrow_mut();
        let batch = choose(answered.len());
        answered.swap(0, batch);
        let next = &mut answered[0];
        if let Some(queue) = self.registry.number(next.queue) {
            let waiter = choose(next.left());
            queue.bring_forward(next, waiter);
        }
    }

    /// Takes the post for a flight of a queue.
    pub(crate) fn collect(&self, queue: u32, flight: InFlightId) {
        // A slot of an earlier run may ring for a queue that this desk does not have.
        if let Some(queue) = self.registry.number(queue) {
            queue.collect(flight);
        }
    }

    /// Does what is due.
    pub(crate) fn do_due(&self, now: Duration) {
        loop {
            let Some((alarm, due)) = self.shared.due.borrow_mut().take_due(now) else { return };
            match due {
                Due::InFlight { queue, flight } => {
                    self.registry.number(queue).iter().for_each(|queue| queue.time_out(flight))
                }
                Due::Retries { queue } => {
                    self.registry.number(queue).iter().for_each(|queue| queue.end_pause(alarm))
                }
            }
        }
    }

    /// The number of a future that nobody waits for any more.
    #[inline]
    pub(crate) fn next_cancelled(&self) -> Option<u32> {
        self.shared.cancelled.borrow_mut().pop()
    }

    #[inline]
    pub(crate) fn take_fault(&self) -> Option<RequestError> {
        self.shared.take_fault()
    }

    /// The dispatcher whose code runs, or panicked.
    pub(crate) fn current_dispatcher(&self) -> Option<&'static str> {
        self.shared.current_dispatcher.get()
    }

    pub(crate) fn set_current_dispatcher(&self, dispatcher: Option<&'static str>) {
        self.shared.current_dispatcher.set(dispatcher);
    }

    /// Forgets everything that is queued and in flight.
    pub(crate) fn clear(&self) {
        let mut panics = PanicCollector::default();
        loop {
            let Some(answered) = self.shared.answered.borrow_mut().pop_front() else { break };
            if let Some(queue) = self.registry.number(answered.queue) {
                panics.run(|| queue.take_back(answered));
            }
        }
        for number in 0.. {
            let Some(queue) = self.registry.number(number) else { break };
            panics.run(|| queue.clear());
        }
        self.shared.clear();
        panics.finish();
    }
}
