//! The state of a run: its executor, its dispatchers, and what connects the two with each other and
//! with the world. Code inside tasks finds the state through the thread-local in `current`.
//!
//! A schedule caches one state between runs; all runs of a state have the same type of context.
//!
//! Invariants:
//! - `context` points to the context of the run, of the type that the schedule has, while the run
//!   is being turned.
//! - The run id is 0 between runs and is never reused, so a `RunRef` of a finished run matches no
//!   later run of the same state.
//! - Clocks and observers are code of the user: they are called while nothing is borrowed.

use std::any::Any;
use std::cell::Cell;
use std::ptr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::config::RunConfig;
use super::inbox::Inbox;
use crate::dispatch::{
    ContextRef, Dispatch, DispatchConfig, Dispatchers, Host, Lane, Request, RunsOver, Waiter,
};
use crate::executor::{Executor, Id};
use crate::observe::{BoxedObserver, Observers};
use crate::util::{Alarm, HotCell, InlineBudget, Time, Timers};

/// Executor, dispatchers and timers of one run at a time; cached by the schedule between runs.
pub(crate) struct RunState {
    pub(crate) executor: Executor,
    pub(crate) dispatchers: Dispatchers,
    pub(crate) observers: Observers,
    pub(super) inbox: Arc<Inbox>,
    pub(super) time: Arc<Time>,
    pub(super) inline_budget: Rc<InlineBudget>,
    /// The payload of a dispatcher that panicked while it answered inline.
    pub(super) inline_panic: Cell<Option<Box<dyn Any + Send>>>,
    /// Alarms of tasks that wait for a time.
    alarms: HotCell<Timers<Id>>,
    /// Alarms of tasks up to this time are due. They fire when the answers that were there at this
    /// time have been taken.
    due_by: Cell<Option<Duration>>,
    /// The context of the run; dangling or null between runs.
    pub(crate) context: Cell<*const ()>,
    /// The id of the current run, unique in the process; 0 between runs.
    run_id: Cell<u64>,
    /// Number of tasks that wait for something from outside: see `OutsideWait`.
    pub(super) outside_waits: Cell<usize>,
    /// While the state is entered: the state that was current on that thread before.
    pub(super) outer: Cell<*const RunState>,
}

impl RunState {
    /// A state for the runs of one schedule.
    pub(crate) fn new(
        observers: Observers,
        dispatch_config: Arc<DispatchConfig>,
        config: &RunConfig,
    ) -> Rc<Self> {
        let inbox = Arc::new(Inbox::default());
        let time = Time::new(config.clock.clone());
        let clock = time.clone();
        let inline_budget = Rc::new(InlineBudget::default());
        Rc::new_cyclic(|weak_self: &Weak<RunState>| {
            let weak_state = weak_self.clone();
            let is_alive = move |waiter: Waiter| {
                weak_state
                    .upgrade()
                    .is_some_and(|state| state.executor.is_alive(Id::from_word(waiter.0)))
            };
            let host = Host {
                ring: inbox.clone(),
                now: Box::new(move || clock.now()),
                is_alive: Box::new(is_alive),
                observers: observers.clone(),
                inline_budget: inline_budget.clone(),
                listener: None,
            };
            RunState {
                executor: Executor::new(observers.clone(), config.max_tasks, inline_budget.clone()),
                dispatchers: Dispatchers::new(host, dispatch_config),
                observers,
                inbox,
                time,
                inline_budget,
                inline_panic: Cell::default(),
                alarms: HotCell::default(),
                due_by: Cell::new(None),
                context: Cell::new(ptr::null()),
                run_id: Cell::new(0),
                outside_waits: Cell::new(0),
                outer: Cell::new(ptr::null()),
            }
        })
    }

    /// Begins a run over the context that `context` points to.
    pub(super) fn begin_run(
        &self,
        context: *const (),
        seed: Option<u64>,
        observers: Vec<BoxedObserver>,
    ) {
        self.observers.begin_run(observers);
        self.executor.begin_run();
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let run_id = NEXT.fetch_add(1, Ordering::Relaxed);
        self.run_id.set(run_id);
        self.inbox.begin_run(run_id);
        self.context.set(context);
        self.dispatchers.begin_run(seed);
    }

    /// The context of the run that is being turned.
    pub(crate) fn context(&self) -> ContextRef<'_> {
        // SAFETY: the pointer was made from a reference when the run began, and the run, which is
        // being turned, borrows the context.
        unsafe { ContextRef::from_raw(self.context.get()) }
    }

    /// Ends the run: clears all alarms, and no `RunRef` refers to the run any more.
    pub(super) fn end_run(&self) {
        self.alarms.borrow_mut().clear();
        self.due_by.set(None);
        self.run_id.set(0);
        self.inbox.end_run();
    }

    /// The id of the current run, unique in the process; 0 between runs.
    pub(crate) fn id(&self) -> u64 {
        self.run_id.get()
    }

    /// Ensures that `R` has a lane, so that the run can ask for `R`.
    ///
    /// # Safety
    /// `S` is the type of the context of the run, or `AnyContext`.
    #[inline]
    pub(crate) unsafe fn open<S, R: Dispatch<S>>(&self) {
        // SAFETY: the caller guarantees that `S` fits this run. A run state serves one schedule,
        // whose context has one type, so `S` fits every run of these dispatchers.
        let proof = unsafe { RunsOver::<S>::new() };
        self.dispatchers.open::<S, R>(proof);
    }

    /// Asks for `R` on behalf of the task `id`; opens the lane of `R` first if needed.
    ///
    /// # Safety
    /// `S` is the type of the context of the run, or `AnyContext`.
    #[inline(always)]
    pub(crate) unsafe fn open_and_ask<S, R: Dispatch<S>>(&self, id: Id, key: R::Key) {
        let Some(lane) = self.dispatchers.queue::<R>() else {
            // SAFETY: the caller guarantees that `S` fits this run. A run state serves one
            // schedule, whose context has one type, so `S` fits every run of these dispatchers.
            let proof = unsafe { RunsOver::<S>::new() };
            return self.ask_slow(self.dispatchers.opened_queue::<S, R>(proof), id, key);
        };
        let asked = if self.executor.is_observed() {
            Err(key)
        } else {
            lane.ask_with_others(Waiter(id.to_word()), key)
        };
        if let Err(key) = asked {
            self.ask_slow(lane, id, key);
        }
    }

    /// Asks where the fast path cannot: the first request of a batch, a request for which the
    /// buffer must grow, or one that observers hear of.
    #[inline(never)]
    fn ask_slow<R: Request>(&self, lane: &Lane<R>, id: Id, key: R::Key) {
        if self.executor.is_observed() {
            // Emitted before the request can leave: an observer may wake a task that joins the
            // request, or cancel the run.
            self.executor.emit_asked(id, R::name);
            self.executor.emit_suspended(id);
        }
        if let Err(key) = self.answer_now(lane, id, key) {
            lane.ask(Waiter(id.to_word()), key);
        }
    }

    /// Arranges for a task to be woken after the time `after`.
    pub(crate) fn set_alarm(&self, after: Duration, task: Id) -> Alarm {
        // The clock may be code of the user, so it is read before anything is borrowed.
        let at = self.time.now().saturating_add(after);
        self.inline_budget.end();
        self.alarms.borrow_mut().set(at, task)
    }

    /// Whether nothing is going on but tasks that run: no request is queued, answered (but for one
    /// batch), in flight or due, no task was dropped and none waits for the task limit.
    pub(super) fn is_idle(&self) -> bool {
        let RunState { executor, dispatchers, alarms, .. } = self;
        executor.is_idle()
            && dispatchers.is_idle()
            && alarms.borrow().is_empty()
            && self.outside_waits.get() == 0
    }

    /// Whether something is going on outside that will wake the run.
    pub(super) fn awaits_outside(&self) -> bool {
        self.dispatchers.in_flight() > 0 || self.outside_waits.get() > 0
    }

    /// Removes an alarm, if it has not fired yet.
    pub(crate) fn unset_alarm(&self, alarm: Alarm) {
        self.alarms.borrow_mut().unset(alarm);
    }

    /// The next time when something is due, of a task or of a dispatcher.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let (of_tasks, of_dispatchers) = (self.alarms.borrow().next(), self.dispatchers.next_due());
        of_tasks.into_iter().chain(of_dispatchers).min()
    }

    /// Fires the alarms that are due. Reads the clock only if an alarm is set.
    ///
    /// Alarms of dispatchers fire first. If tasks can run after that, or answers are there, alarms
    /// of tasks fire later, in [`wake_due`](RunState::wake_due).
    #[inline]
    pub(super) fn fire_due(&self) {
        if self.dispatchers.has_alarms() || !self.alarms.borrow().is_empty() {
            self.fire_due_slow();
        }
    }

    fn fire_due_slow(&self) {
        let now = self.time.now();
        self.dispatchers.do_due(now);
        if self.dispatchers.has_answers() || self.executor.has_ready() {
            self.due_by.set(Some(now));
        } else {
            self.wake_due_slow(now);
        }
    }

    /// Wakes the tasks whose alarms were due when answers were last taken, and returns whether
    /// there are any. Called when no task can run: tasks that had an answer by that time have run
    /// on, and many of these alarms have been removed.
    #[inline]
    pub(super) fn wake_due(&self) -> bool {
        self.due_by.take().is_some_and(|now| self.wake_due_slow(now))
    }

    #[inline(never)]
    fn wake_due_slow(&self, now: Duration) -> bool {
        let mut has_woken = false;
        while let Some((_, task)) = self.take_due(now) {
            self.executor.wake(task);
            has_woken = true;
        }
        has_woken
    }

    fn take_due(&self, now: Duration) -> Option<(Alarm, Id)> {
        self.alarms.borrow_mut().take_due(now)
    }

    /// Asks for `R`, whose lane is open, on behalf of a task or of a request that is a child.
    #[inline]
    pub(crate) fn ask<R: Request>(&self, id: Id, key: R::Key) {
        self.dispatchers.ask::<R>(Waiter(id.to_word()), key);
        self.executor.emit_asked(id, R::name);
    }
}
