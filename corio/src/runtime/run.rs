//! One run, turned from outside: the cycle of corio.
//!
//! - *CPU phase*: the answers that are there are delivered, then every task that can run runs,
//!   until none can.
//! - *I/O phase*: queued requests leave as batches, as far as limits allow; arrivals are taken, and
//!   alarms that are due fire.
//!
//! The cycle repeats until the root task and all tasks below it have ended, or until everything is
//! in flight and the owner of the run has to wait. A CPU phase can be interrupted to let other
//! futures of the owner's executor run; nothing else happens in the run before the phase continues.
//!
//! Invariants:
//! - A run takes the state out of its schedule and returns it only when all tasks, futures and
//!   queued requests have been dropped. A run that is forgotten keeps its state, so tasks whose
//!   borrows have ended are never resumed.
//! - While `state` is `None`, the run is over or is being turned.
//! - `resumes_left` counts down from `max_resumes` and starts anew whenever batches may leave,
//!   inline answers included.
//! - The first panic ends the run. Everything is torn down before the panic leaves the turn; later
//!   panics are discarded.

mod arrivals;

use std::any::Any;
use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::config::{RunConfig, RunSettings};
use super::current;
use super::future_set::FutureSet;
use super::shuffle::Shuffle;
use super::state::RunState;
use crate::dispatch::{ContextRef, SendCx, Waiter};
use crate::error::Error;
use crate::executor::Id;
use crate::observe::Event;
use crate::util::{
    CancellationToken, Nudge, Nudging, OfRun, PanicCollector, StopFlag, Time, discard, panic_advice,
};

/// A run of a task with output `T`. Dropping the run drops its tasks and everything in flight.
pub(crate) struct Run<'s, T> {
    /// `None` when the run is over.
    state: Option<Rc<RunState>>,
    /// Where the schedule caches the state; filled again when the run is over.
    slot: &'s mut Option<Rc<RunState>>,
    context: ContextRef<'s>,
    futures: FutureSet<'s>,
    root: Id,
    time: Arc<Time>,
    /// The time limit of the run, and the time on the clock when the limit is reached.
    deadline: Option<(Duration, Duration)>,
    /// Whether the deadline was found to have passed.
    has_timed_out: Cell<bool>,
    /// Set when a token cancels the run.
    cancelled: Vec<StopFlag>,
    /// Wakes the run when a token is cancelled.
    _nudging: Vec<Nudging>,
    /// Absent, for the order in which tasks became ready.
    shuffle: Option<Shuffle>,
    /// The largest number of resumes in one CPU phase.
    max_resumes: usize,
    /// The number of resumes left in this CPU phase.
    resumes_left: Cell<usize>,
    /// Whether requests may be answered inline.
    answers_inline: bool,
    output: PhantomData<T>,
}

/// How one turn of a run ended.
pub(crate) enum Turn<T> {
    /// The run is over, with this result.
    Over(Result<T, Error>),
    /// The run can do nothing until something arrives from outside, or until this time.
    Waiting {
        /// The next time on the clock of the run when something is due.
        until: Option<Duration>,
    },
    /// The resume budget of this call is used up while there is more to do; call `turn` again.
    Spent,
}

/// Number of resumes after which a long CPU phase checks how many tasks were dropped in it.
const RESUMES_PER_CHECK: usize = 1024;

/// Number of inline answers after which a run with a deadline reads the clock. (For other batches
/// it reads the clock before each.)
const INLINE_ANSWERS_PER_CLOCK_READ: u32 = 16;

/// Number of dropped tasks from which their requests are withdrawn in the middle of a CPU phase.
const WITHDRAW_THRESHOLD: usize = 256;

/// How a call of `Run::cycle` ended without an error.
enum CycleEnd {
    RootEnded,
    Waiting { until: Option<Duration> },
    BudgetSpent,
}

impl<'s, T> Run<'s, T> {
    /// A run whose root task is `future`, over `context`. Its `state` was taken from `slot`, and
    /// returns there when the run is over.
    ///
    /// # Safety
    /// Whatever `future` borrows stays valid until the `Run` is dropped, or forever if the `Run` is
    /// never dropped. The types of the context, of the future and of its output stand beside the
    /// `Run` wherever it is held.
    pub(crate) unsafe fn new<S, F: Future<Output = T>>(
        context: &'s S,
        state: Rc<RunState>,
        slot: &'s mut Option<Rc<RunState>>,
        config: &RunConfig,
        settings: RunSettings,
        future: F,
    ) -> OfRun<Self> {
        let RunSettings { timeout, cancel, observers, seed, shuffle } = settings;
        let sleeper: Arc<dyn Nudge> = state.inbox.clone();
        let nudge =
            |token: &CancellationToken| token.nudge_when_cancelled(Arc::downgrade(&sleeper));
        let futures = FutureSet::new(state.inbox.clone());
        let time = state.time.clone();
        let timeout = timeout.unwrap_or(config.timeout);
        // Read first: if the clock panics, nothing of the run stays in the schedule.
        let deadline = timeout.map(|limit| (limit, time.now().saturating_add(limit)));
        state.begin_run((&raw const *context).cast(), seed.or(config.seed), observers);
        let tokens = || config.cancel.iter().chain(&cancel);
        let max_resumes = config.max_resumes;
        let context = ContextRef::new(context);
        let mut run = Run {
            state: Some(state),
            slot,
            context,
            futures,
            root: Id::NONE,
            time,
            deadline,
            has_timed_out: Cell::new(false),
            cancelled: tokens().map(CancellationToken::flag).collect(),
            _nudging: tokens().map(nudge).collect(),
            shuffle: shuffle.or(config.shuffle).map(Shuffle::new),
            max_resumes,
            resumes_left: Cell::new(max_resumes),
            answers_inline: config.at_once,
            output: PhantomData,
        };
        // Spawned after the `Run` was made: if an observer panics, dropping the `Run` drops the
        // task.
        if let Some(state) = &run.state {
            // SAFETY: the caller guarantees that the borrows of `future` are valid until the `Run`
            // is dropped, and dropping the `Run` drops all its tasks. A `Run` that is forgotten
            // keeps the state, so its executor is never used again.
            run.root = unsafe { state.executor.spawn(Id::NONE, future) };
        }
        // SAFETY: a run is turned and dropped through `&mut`. The caller guarantees that the types
        // of the root task and of the context stand beside the run. What that task has asked,
        // called and spawned stands in the type of its future, or is `Send` (by hand: see
        // `task::cx_future`, and `dispatch::batch::generated` for the futures of dispatchers).
        // Observers, clocks, overrides, groups, partitions and what is cached from run to run are
        // `Send`.
        unsafe { OfRun::new(run) }
    }

    /// Turns the run until it is over, has to wait, or has resumed `budget` tasks.
    ///
    /// # Panics
    /// With the payload of the first panic of a task, dispatcher, observer or destructor, after
    /// everything was dropped. Also if the run is over.
    pub(crate) fn turn(&mut self, budget: usize) -> Turn<T> {
        let Some(state) = self.state.take() else { unreachable!("turned after it was over") };
        let entered = current::enter(&state);
        let result = match catch_unwind(AssertUnwindSafe(|| self.cycle(&state, budget))) {
            Ok(Ok(CycleEnd::Waiting { until })) => {
                drop(entered);
                self.state = Some(state);
                return Turn::Waiting { until };
            }
            Ok(Ok(CycleEnd::BudgetSpent)) => {
                drop(entered);
                self.state = Some(state);
                return Turn::Spent;
            }
            Ok(Ok(CycleEnd::RootEnded)) => {
                // SAFETY: `new` spawned the root with a future of output `T`.
                Ok(unsafe { state.executor.take_output::<T>(self.root) }
                    .expect("the root has ended"))
            }
            Ok(Err(error)) => Err(error),
            Err(panic) => {
                // Later panics, of an observer or of destructors, must not replace the first.
                let mut later_panics = PanicCollector::default();
                later_panics.run(|| self.report(&state, &*panic));
                drop(self.tear_down(&state));
                drop(entered);
                later_panics.run(|| drop(state));
                resume_unwind(panic);
            }
        };
        let panics = self.tear_down(&state);
        drop(entered);
        if let Some(panic) = panics.into_panic() {
            PanicCollector::default().run(|| drop(state));
            resume_unwind(panic);
        }
        *self.slot = Some(state);
        Turn::Over(result)
    }

    /// Repeats CPU phase and I/O phase until the root has ended, the run has to wait, or `budget`
    /// tasks have been resumed.
    fn cycle(&self, state: &RunState, budget: usize) -> Result<CycleEnd, Error> {
        let was_panicking = std::thread::panicking();
        let send_cx = SendCx {
            context: self.context,
            futures: &self.futures,
            stopped: &self.cancelled,
            was_panicking,
        };
        state.dispatchers.lend_send_cx(&send_cx, || self.cycle_with(&send_cx, state, budget))
    }

    /// `cycle`, while `send_cx` is lent.
    fn cycle_with(
        &self,
        send_cx: &SendCx<'_, 's>,
        state: &RunState,
        mut budget: usize,
    ) -> Result<CycleEnd, Error> {
        let RunState { executor, dispatchers, .. } = state;
        loop {
            self.check_cancelled()?;
            if budget == 0 {
                return Ok(CycleEnd::BudgetSpent);
            }
            let allowance = budget.min(self.resumes_left.get()).min(RESUMES_PER_CHECK);
            executor.allow(allowance);
            state.inline_budget.begin(self.inline_budget(state));
            self.run_tasks(state);
            state.inline_budget.end();
            let paused_at = executor.take_paused_at();
            let unused = paused_at.unwrap_or(executor.allowed());
            budget -= allowance - unused;
            // A request was answered inline if a task went on without having waited. A batch has
            // left then, so the count starts anew at that point.
            self.resumes_left.set(match executor.take_went_on_at() {
                Some(at) => self.max_resumes - (at - unused),
                None => self.resumes_left.get() - (allowance - unused),
            });
            if let Some(panic) = state.inline_panic.take() {
                resume_unwind(panic);
            }
            if paused_at.is_some() {
                // A batch has left inline; arrivals are taken as after every batch.
                self.take_arrivals(state)?;
                continue;
            }
            if let Some(task) = executor.foreign() {
                return Err(Error::ForeignFuture { task });
            }
            if executor.is_done(self.root) {
                return Ok(CycleEnd::RootEnded);
            }
            // Free places under the task limit are handed out only when no other task can run.
            let can_go_on =
                executor.has_ready() || dispatchers.has_answers() || executor.wake_next_spawner();
            if can_go_on && self.resumes_left.get() > 0 {
                if executor.dropped_len() >= WITHDRAW_THRESHOLD {
                    self.withdraw_mid_phase(state);
                }
                continue;
            }
            self.check_cancelled()?;
            if state.wake_due() && self.resumes_left.get() > 0 {
                continue;
            }

            if executor.has_dropped() {
                executor.tell_dropped(|dropped| {
                    dispatchers
                        .tasks_were_dropped(dropped.iter().map(|id| Waiter(id.to_word())), false)
                });
                self.cancel_futures(state);
            }
            dispatchers.coalesce(send_cx);
            if self.deadline.is_some() && self.has_just_timed_out()? {
                self.resumes_left.set(self.max_resumes);
                self.take_last_arrivals(state)?;
                continue;
            }
            // Cached answers are delivered first: a task that gets one may ask for something that
            // leaves together with the queued requests.
            let can_go_on = dispatchers.has_answers() || executor.has_ready();
            if self.resumes_left.get() == 0 || !can_go_on {
                if can_go_on && dispatchers.can_send() {
                    state.observers.emit(|| Event::LongPhase { resumes: self.max_resumes });
                }
                self.resumes_left.set(self.max_resumes);
                dispatchers.send(send_cx);
            }
            self.take_arrivals(state)?;
            if !dispatchers.has_answers() && !executor.has_ready() && !dispatchers.can_send() {
                let next = state.next_due();
                if !state.awaits_outside() && self.discard_late_arrivals(state) {
                    continue;
                }
                // The run may have been cancelled since the last check. Requests were held back
                // then, which is no deadlock, and the token's nudge may have been taken out of the
                // inbox with the other arrivals.
                self.check_cancelled()?;
                if !state.awaits_outside() && next.is_none() {
                    match executor.deadlock() {
                        Some(deadlock) => return Err(Error::Deadlock(deadlock)),
                        None => continue,
                    }
                }
                let until = next.into_iter().chain(self.deadline.map(|(_, over)| over)).min();
                return Ok(CycleEnd::Waiting { until });
            }
        }
    }

    /// How many requests may be answered inline in the next CPU phase. None with a shuffle, which
    /// chooses the next task at random.
    #[inline(always)]
    fn inline_budget(&self, state: &RunState) -> u32 {
        let is_allowed = self.answers_inline
            && !self.has_timed_out.get()
            && self.shuffle.is_none()
            && state.is_idle();
        match self.deadline {
            _ if !is_allowed => 0,
            Some(_) => INLINE_ANSWERS_PER_CLOCK_READ,
            None => u32::MAX,
        }
    }

    /// Whether the deadline has passed. The first time, the run takes the answers that are there
    /// and its tasks run once more, but no batch leaves; the second time it is an error.
    #[inline(never)]
    fn has_just_timed_out(&self) -> Result<bool, Error> {
        match self.deadline {
            Some((limit, over)) if self.time.now() >= over => {
                if self.has_timed_out.replace(true) {
                    Err(Error::TimedOut { limit })
                } else {
                    Ok(true)
                }
            }
            _ => Ok(false),
        }
    }

    fn check_cancelled(&self) -> Result<(), Error> {
        if self.cancelled.iter().any(StopFlag::is_set) { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Withdraws the requests of tasks that were dropped in this CPU phase, while the phase lasts.
    /// A phase may be long, and requests of tasks that come and go must not pile up in it.
    #[cold]
    #[inline(never)]
    fn withdraw_mid_phase(&self, state: &RunState) {
        let RunState { executor, dispatchers, .. } = state;
        executor.tell_dropped(|dropped| {
            dispatchers.tasks_were_dropped(dropped.iter().map(|id| Waiter(id.to_word())), true)
        });
        self.cancel_futures(state);
    }

    /// The time of the run, shared with its state.
    pub(crate) fn time(&self) -> Arc<Time> {
        self.time.clone()
    }

    /// Arranges for `sleeper` to be woken when something arrives from outside. Returns false if
    /// something has arrived already, or the run is over.
    pub(crate) fn sleep(&self, sleeper: &Waker) -> bool {
        self.state.as_ref().is_some_and(|state| state.inbox.sleep(sleeper))
    }

    /// Tells observers where a panic came from. The panic hook has told what it said.
    fn report(&self, state: &RunState, panic: &dyn Any) {
        if !state.observers.has_observer() {
            return;
        }
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
        let advice = panic_advice::on(panic);
        state.observers.emit(|| Event::Panicked { place: &place, above: &above, advice });
    }

    /// Drops everything that is left: tasks first, then futures, then requests and answers. All
    /// destructors run, even if some panic; returns the first panic.
    fn tear_down(&self, state: &RunState) -> PanicCollector {
        let mut panics = PanicCollector::default();
        panics.run(|| state.executor.clear());
        panics.run(|| self.futures.clear());
        panics.run(|| state.dispatchers.clear());
        panics.run(|| state.inbox.clear());
        panics.run(|| state.observers.end_run());
        state.end_run();
        panics
    }

    /// The CPU phase: delivers answers and resumes the tasks that get them, then resumes ready
    /// tasks, until none can run or the allowance of resumes is used.
    #[inline(always)]
    fn run_tasks(&self, state: &RunState) {
        let RunState { executor, dispatchers, .. } = state;
        if let Some(shuffle) = &self.shuffle {
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
}

impl<T> Drop for Run<'_, T> {
    fn drop(&mut self) {
        let Some(state) = self.state.take() else { return };
        let entered = current::enter(&state);
        let panics = self.tear_down(&state);
        drop(entered);
        match panics.into_panic() {
            None => *self.slot = Some(state),
            Some(panic) if !std::thread::panicking() => resume_unwind(panic),
            Some(panic) => discard(panic),
        }
    }
}
