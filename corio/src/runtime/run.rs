//! One run, turned by hand: the cycle of corio.
//!
//! CPU phase: the answers that are there are delivered, then every task that can run runs, until
//! none can. I/O phase: what was asked leaves as batches, as far as limits allow, what has arrived
//! meanwhile is taken, and what is due is done. And again, until the first task and all below it
//! have ended; or until everything is in flight, and whoever turns the run has to wait. A CPU phase
//! can be interrupted, for the sake of others on an executor: then nothing else happens before it
//! goes on.
//!
//! A run takes the core out of its schedule and gives it back only when everything is dropped. One
//! that is forgotten half-way takes its core with it, so that nobody resumes tasks whose borrows
//! are over.

use std::any::Any;
use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use super::config::RunConfig;
use super::current;
use super::future_set::FutureSet;
use super::state::RunState;
use crate::dispatch::{ContextRef, SendCx, Waiter};
use crate::error::Error;
use crate::executor::Id;
use crate::observe::{Event, Observers};
use crate::util::{CancelToken, PanicCollector, Time, discard, panic_advice};

pub(crate) struct Run<'s, T> {
    /// Gone when the run is over.
    state: Option<Rc<RunState>>,
    slot: &'s mut Option<Rc<RunState>>,
    context: ContextRef<'s>,
    futures: FutureSet<'s>,
    observers: Observers,
    root: Id,
    time: Rc<Time>,
    /// The time that the run has, and when it is over.
    deadline: Option<(Duration, Duration)>,
    /// It was found to be.
    time_is_up: Cell<bool>,
    cancel: Option<CancelToken>,
    /// The longest CPU phase, in resumes, and what is left of it.
    fairness: usize,
    resumes_left: usize,
    at_once: bool,
    output: PhantomData<T>,
}

pub(crate) enum Turn<T> {
    Over(Result<T, Error>),
    /// Nothing can be done until there is news from outside, or until this time.
    Waiting {
        until: Option<Duration>,
    },
    /// The budget is, and there is more to do.
    Spent,
}

/// After so many resumes in one phase it is looked whether many tasks were dropped in it.
const SLICE: usize = 1024;

/// Where a run has a deadline, after so many requests that were answered at once the time is looked
/// at, as it is before each batch that leaves otherwise.
const LOOK_AT_TIME: u32 = 16;

/// So many that were dropped are told at the next look, though others can run.
const MANY_DROPPED: usize = 256;

enum Phase {
    Ended,
    Waiting { until: Option<Duration> },
    Spent,
}

impl<'s, T> Run<'s, T> {
    /// # Safety
    /// Whatever `future` borrows stays valid until the `Run` is dropped, or for good if it never
    /// is.
    pub(crate) unsafe fn new<S, F: Future<Output = T>>(
        context: &'s S,
        state: Rc<RunState>,
        slot: &'s mut Option<Rc<RunState>>,
        observers: Observers,
        config: &RunConfig,
        future: F,
    ) -> Self {
        state.begin_run((&raw const *context).cast());
        let futures = FutureSet::new(state.inbox.clone());
        let time = state.time.clone();
        let deadline = config.deadline.map(|limit| (limit, time.now().saturating_add(limit)));
        let cancel = config.cancel.clone();
        let fairness = config.fairness;
        let context = ContextRef::new(context);
        let mut run = Run {
            state: Some(state),
            slot,
            context,
            futures,
            observers,
            root: Id::NONE,
            time,
            deadline,
            time_is_up: Cell::new(false),
            cancel,
            fairness,
            resumes_left: fairness,
            at_once: config.at_once,
            output: PhantomData,
        };
        // In the run already: should an observer panic, it drops the task.
        if let Some(state) = &run.state {
            // SAFETY: by the caller, and because dropping the `Run` drops all its tasks.
            run.root = unsafe { state.executor.spawn(Id::NONE, future) };
        }
        run
    }

    /// Runs until the run is over, has to wait, or has resumed so many tasks.
    ///
    /// # Panics
    /// With what a task, a dispatcher or a destructor panicked with, when everything is dropped.
    pub(crate) fn turn(&mut self, budget: usize) -> Turn<T> {
        let Some(state) = self.state.take() else { unreachable!("turned after it was over") };
        let entered = current::enter(&state);
        let result = match catch_unwind(AssertUnwindSafe(|| self.cycle(&state, budget))) {
            Ok(Ok(Phase::Waiting { until })) => {
                drop(entered);
                self.state = Some(state);
                return Turn::Waiting { until };
            }
            Ok(Ok(Phase::Spent)) => {
                drop(entered);
                self.state = Some(state);
                return Turn::Spent;
            }
            Ok(Ok(Phase::Ended)) => {
                // SAFETY: the root was spawned with a future of this output.
                Ok(unsafe { state.executor.take_output::<T>(self.root) }
                    .expect("the root has ended"))
            }
            Ok(Err(error)) => Err(error),
            Err(panic) => {
                // Further panics, of an observer or of destructors, are not worth losing the first.
                let mut further = PanicCollector::default();
                further.run(|| self.report(&state, &*panic));
                drop(self.tear_down(&state));
                drop(entered);
                further.run(|| drop(state));
                resume_unwind(panic);
            }
        };
        let torn_down = self.tear_down(&state);
        drop(entered);
        if let Some(panic) = torn_down.into_panic() {
            PanicCollector::default().run(|| drop(state));
            resume_unwind(panic);
        }
        *self.slot = Some(state);
        Turn::Over(result)
    }

    fn cycle(&mut self, state: &RunState, mut budget: usize) -> Result<Phase, Error> {
        let RunState { executor, dispatchers, .. } = state;
        let was_panicking = std::thread::panicking();
        let send_cx = SendCx {
            context: self.context,
            futures: &self.futures,
            stopped: self.cancel.as_ref().map(CancelToken::flag),
            was_panicking,
        };
        let _lent = dispatchers.lend_send_cx(&send_cx);
        loop {
            self.check_cancelled()?;
            if budget == 0 {
                return Ok(Phase::Spent);
            }
            let most = budget.min(self.resumes_left).min(SLICE);
            executor.allow(most);
            state.inline_budget.begin(self.at_once(state));
            run_tasks(state);
            state.inline_budget.end();
            let paused_at = executor.take_paused_at();
            let left = paused_at.unwrap_or(executor.allowed());
            budget -= most - left;
            // A batch has left whenever a task went on without having waited.
            self.resumes_left = match executor.take_went_on_at() {
                Some(at) => self.fairness - (at - left),
                None => self.resumes_left - (most - left),
            };
            if let Some(panic) = state.panic.take() {
                resume_unwind(panic);
            }
            if paused_at.is_some() {
                // As after all batches that leave.
                self.take_arrivals(state)?;
                continue;
            }
            if let Some(task) = executor.foreign() {
                return Err(Error::ForeignFuture { task });
            }
            if executor.is_done(self.root) {
                return Ok(Phase::Ended);
            }
            // Nobody else can run: whoever waits for room gets what there is.
            let can_go_on =
                executor.has_ready() || dispatchers.has_answers() || executor.wake_next_spawner();
            if can_go_on && self.resumes_left > 0 {
                if executor.dropped_len() >= MANY_DROPPED {
                    self.withdraw_amid_a_phase(state);
                }
                continue;
            }
            self.check_cancelled()?;
            if state.wake_due() && self.resumes_left > 0 {
                continue;
            }

            if executor.has_dropped() {
                executor.tell_dropped(|dropped| {
                    dispatchers
                        .tasks_were_dropped(dropped.iter().map(|id| Waiter(id.to_word())), false)
                });
                self.cancel_futures(state);
            }
            dispatchers.coalesce(&send_cx);
            if self.deadline.is_some() && self.is_time_up()? {
                self.resumes_left = self.fairness;
                self.take_last_arrivals(state)?;
                continue;
            }
            // What was kept goes out first: whoever gets it may ask for something that leaves
            // together with what waits.
            let can_go_on = dispatchers.has_answers() || executor.has_ready();
            if self.resumes_left == 0 || !can_go_on {
                if can_go_on && dispatchers.can_send() {
                    self.observers.emit(|| Event::Overlong { resumes: self.fairness });
                }
                self.resumes_left = self.fairness;
                dispatchers.send(&send_cx);
            }
            self.take_arrivals(state)?;
            if !dispatchers.has_answers() && !executor.has_ready() && !dispatchers.can_send() {
                let next = state.next_due();
                if dispatchers.in_flight() == 0 {
                    // Late news, of what nobody waits for any more: it must not keep the run awake.
                    drop(state.inbox.take());
                }
                // It may have been cancelled since: then what was asked has not left, which is no
                // deadlock, and the bell's news of it may have been taken with the rest.
                self.check_cancelled()?;
                if dispatchers.in_flight() == 0 && next.is_none() {
                    match executor.deadlock() {
                        Some(deadlock) => return Err(Error::Deadlock(deadlock)),
                        None => continue,
                    }
                }
                let until = next.into_iter().chain(self.deadline.map(|(_, over)| over)).min();
                return Ok(Phase::Waiting { until });
            }
        }
    }

    /// How many requests may be answered where they are asked. With a shuffle, whose tasks take
    /// turns by chance, none.
    #[inline(always)]
    fn at_once(&self, state: &RunState) -> u32 {
        let is_idle =
            self.at_once && !self.time_is_up.get() && state.shuffle.is_none() && state.is_idle();
        match self.deadline {
            _ if !is_idle => 0,
            Some(_) => LOOK_AT_TIME,
            None => u32::MAX,
        }
    }

    /// Whether it is time to end. The first time the answers that are there by then are taken, and
    /// tasks run once more, but nothing leaves; the second time it is an error.
    #[inline(never)]
    fn is_time_up(&self) -> Result<bool, Error> {
        match self.deadline {
            Some((limit, over)) if self.time.now() >= over => {
                if self.time_is_up.replace(true) {
                    Err(Error::TimedOut { limit })
                } else {
                    Ok(true)
                }
            }
            _ => Ok(false),
        }
    }

    fn check_cancelled(&self) -> Result<(), Error> {
        match &self.cancel {
            Some(token) if token.is_cancelled() => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }

    /// Withdraws what tasks have asked in this phase that were dropped in it: a phase may be long,
    /// and what has come and gone is not to gather in it.
    #[cold]
    #[inline(never)]
    fn withdraw_amid_a_phase(&self, state: &RunState) {
        let RunState { executor, dispatchers, .. } = state;
        executor.tell_dropped(|dropped| {
            dispatchers.tasks_were_dropped(dropped.iter().map(|id| Waiter(id.to_word())), true)
        });
        self.cancel_futures(state);
    }

    #[inline(always)]
    fn cancel_futures(&self, state: &RunState) {
        while let Some(future) = state.dispatchers.next_cancelled() {
            self.futures.cancel(future, &state.dispatchers);
        }
    }

    /// Takes what is there by now: what has come from outside, and what is due.
    #[inline(always)]
    fn take_arrivals(&self, state: &RunState) -> Result<(), Error> {
        self.take_from_inbox(state);
        state.do_due();
        self.cancel_futures(state);
        if let Some(fault) = state.dispatchers.take_fault() {
            self.check_cancelled()?;
            return Err(fault.into());
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn take_last_arrivals(&self, state: &RunState) -> Result<(), Error> {
        state.dispatchers.deliver_cached_now();
        self.take_arrivals(state)
    }

    /// Takes what has come from outside.
    #[inline(always)]
    fn take_from_inbox(&self, state: &RunState) {
        if state.dispatchers.in_flight() == 0 {
            return;
        }
        let Some(mut arrivals) = state.inbox.take() else { return };
        if let Some(shuffle) = &state.shuffle {
            shuffle.mix(&mut arrivals.futures);
            shuffle.mix(&mut arrivals.mailbox);
        }
        for future in arrivals.futures.drain(..) {
            self.futures.poll(future, &state.dispatchers);
        }
        for (queue, flight) in arrivals.mailbox.drain(..) {
            state.dispatchers.collect(queue, flight);
        }
        state.inbox.put_back(arrivals);
    }

    pub(crate) fn time(&self) -> Rc<Time> {
        self.time.clone()
    }

    /// Has `sleeper` woken when there is news. False if there is already.
    pub(crate) fn sleep(&self, sleeper: &Waker) -> bool {
        self.state.as_ref().is_some_and(|state| state.inbox.sleep(sleeper))
    }

    /// Says once where a panic came from; what it said itself, the panic hook has told.
    fn report(&self, state: &RunState, panic: &dyn Any) {
        let (place, above) = match state.dispatchers.current_dispatcher() {
            Some(dispatcher) => (format!("dispatcher `{dispatcher}`"), Vec::new()),
            None => {
                let task = state.executor.current();
                (
                    format!("task `{}`", state.executor.path(task)),
                    state.executor.call_sites_above(task),
                )
            }
        };
        eprintln!("corio: the panic ends the run; it came from {place}");
        above.iter().for_each(|(task, line)| eprintln!("  `{task}` waits at {line}"));
        panic_advice::on(panic).iter().for_each(|advice| eprintln!("  {advice}"));
        self.observers.emit(|| Event::Panicked { place: &place, above: &above });
    }

    /// Drops everything that is left, tasks first.
    fn tear_down(&self, state: &RunState) -> PanicCollector {
        let mut panics = PanicCollector::default();
        panics.run(|| state.executor.clear());
        panics.run(|| self.futures.clear());
        panics.run(|| state.dispatchers.clear());
        state.inbox.clear();
        state.end_run();
        panics
    }
}

/// The CPU phase: every task that can run runs, until none can or as many were resumed as may be.
#[inline(always)]
fn run_tasks(state: &RunState) {
    let RunState { executor, dispatchers, .. } = state;
    if let Some(shuffle) = &state.shuffle {
        return shuffle.run_tasks(executor, dispatchers);
    }
    while executor.allowed() > 0 {
        let Some(mut delivery) = dispatchers.next_delivery() else { break };
        while executor.allowed() > 0 {
            let Some(waiter) = delivery.next() else { break };
            executor.resume(Id::from_word(waiter.0));
        }
        delivery.end();
    }
    while executor.allowed() > 0 {
        let Some(id) = executor.next_ready() else { break };
        executor.resume(id);
    }
}

impl<T> Drop for Run<'_, T> {
    fn drop(&mut self) {
        let Some(state) = self.state.take() else { return };
        let entered = current::enter(&state);
        let torn_down = self.tear_down(&state);
        drop(entered);
        match torn_down.into_panic() {
            None => *self.slot = Some(state),
            Some(panic) if !std::thread::panicking() => resume_unwind(panic),
            Some(panic) => discard(panic),
        }
    }
}
