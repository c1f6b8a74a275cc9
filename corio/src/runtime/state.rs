//! What one run needs, and how the code inside tasks finds it: through a thread-local pointer that
//! is set while a run is being turned, and at no other time.
//!
//! Generated code and the futures of tasks carry no handle; that keeps their frames as small as
//! what the user wrote.

use std::any::Any;
use std::cell::Cell;
use std::ptr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::config::RunConfig;
use super::inbox::Inbox;
use super::shuffle::Shuffle;
use crate::dispatch::{
    ContextRef, Dispatch, DispatchConfig, Dispatchers, Host, Lane, Request, Waiter,
};
use crate::executor::{Executor, Id};
use crate::observe::Observers;
use crate::util::{Alarm, HotCell, InlineBudget, Nudge, Time, Timers};

/// Engine and desk, kept with the schedule from run to run.
pub(crate) struct RunState {
    /// Itself, for what outlives a run and may have to wake one of its tasks.
    me: Weak<RunState>,
    pub(crate) executor: Executor,
    pub(crate) dispatchers: Dispatchers,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) time: Rc<Time>,
    /// Absent, for the order in which tasks became ready.
    pub(crate) shuffle: Option<Shuffle>,
    pub(crate) inline_budget: Rc<InlineBudget>,
    /// What a dispatcher that was to answer at once has panicked with.
    pub(crate) panic: Cell<Option<Box<dyn Any + Send>>>,
    /// Tasks that wait for a time.
    alarms: HotCell<Timers<Id>>,
    /// Alarms of tasks up to this time are due. They go off when the answers that are there have
    /// been taken.
    due_by: Cell<Option<Duration>>,
    /// The context of the run, while there is one.
    pub(crate) context: Cell<*const ()>,
    /// Tells runs apart, of all schedules. 0 between runs.
    run: Cell<u64>,
}

impl RunState {
    pub(crate) fn new(
        observers: Observers,
        settings: Rc<DispatchConfig>,
        config: &RunConfig,
    ) -> Rc<Self> {
        let inbox = Arc::new(Inbox::default());
        if let Some(token) = &config.cancel {
            let sleeper: Arc<dyn Nudge> = inbox.clone();
            token.nudge_when_cancelled(Arc::downgrade(&sleeper));
        }
        let time = Time::new(config.clock.clone());
        let clock = time.clone();
        let inline_budget = Rc::new(InlineBudget::default());
        Rc::new_cyclic(|me: &Weak<RunState>| {
            let of_this = me.clone();
            let is_alive = move |waiter: Waiter| {
                of_this
                    .upgrade()
                    .is_some_and(|state| state.executor.is_alive(Id::from_word(waiter.0)))
            };
            let host = Host {
                ring: inbox.clone(),
                now: Box::new(move || clock.now()),
                is_alive: Box::new(is_alive),
                observers: observers.clone(),
                inline_budget: inline_budget.clone(),
            };
            RunState {
                me: me.clone(),
                executor: Executor::new(observers, config.max_tasks, inline_budget.clone()),
                dispatchers: Dispatchers::new(host, settings),
                inbox,
                time,
                shuffle: config.shuffle.map(Shuffle::new),
                inline_budget,
                panic: Cell::default(),
                alarms: HotCell::default(),
                due_by: Cell::new(None),
                context: Cell::new(ptr::null()),
                run: Cell::new(0),
            }
        })
    }

    pub(crate) fn begin_run(&self, context: *const ()) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        self.run.set(NEXT.fetch_add(1, Ordering::Relaxed));
        self.context.set(context);
        self.shuffle.iter().for_each(Shuffle::begin_run);
    }

    /// The context of the run.
    pub(crate) fn context(&self) -> ContextRef<'_> {
        // SAFETY: it was made from a reference when the run began, and the run, which is being
        // turned, borrows what it leads to.
        unsafe { ContextRef::from_raw(self.context.get()) }
    }

    pub(crate) fn end_run(&self) {
        self.alarms.borrow_mut().clear();
        self.due_by.set(None);
        self.run.set(0);
    }

    pub(crate) fn id(&self) -> u64 {
        self.run.get()
    }

    /// This run, for a lock.
    pub(crate) fn this_run(&self) -> RunRef {
        RunRef { state: self.me.clone(), run: self.run.get() }
    }

    /// Makes sure that `R` can be asked in this run.
    ///
    /// # Safety
    /// `S` is the context of the run, or `AnyContext`.
    #[inline]
    pub(crate) unsafe fn open<S, R: Dispatch<S>>(&self) {
        // SAFETY: a core serves one schedule, and so one type of context.
        unsafe { self.dispatchers.open::<S, R>() }
    }

    /// Asks on behalf of a task.
    ///
    /// # Safety
    /// As `open`.
    #[inline(always)]
    pub(crate) unsafe fn open_and_ask<S, R: Dispatch<S>>(&self, id: Id, key: R::Key) {
        let Some(queue) = self.dispatchers.queue::<R>() else {
            // SAFETY: the caller's promise is the same.
            let queue = unsafe { self.dispatchers.opened_queue::<S, R>() };
            return self.ask_slow(queue, id, key);
        };
        let asked = if self.executor.is_observed() {
            Err(key)
        } else {
            queue.ask_with_others(Waiter(id.to_word()), key)
        };
        if let Err(key) = asked {
            self.ask_slow(queue, id, key);
        }
    }

    /// The first request for a batch, or one that its queue must get room for, or that observers
    /// hear of.
    #[inline(never)]
    fn ask_slow<R: Request>(&self, queue: &Lane<R>, id: Id, key: R::Key) {
        if self.executor.is_observed() {
            // Before it leaves: an observer may wake a task that joins it, or cancel the run.
            self.executor.emit_asked(id, R::name);
            self.executor.emit_suspended(id);
        }
        if let Err(key) = self.answer_at_once(queue, id, key) {
            queue.ask(Waiter(id.to_word()), key);
        }
    }

    // ── time ──

    /// Has a task woken after a while.
    pub(crate) fn set_alarm(&self, after: Duration, task: Id) -> Alarm {
        // The clock may be of the user's: it is asked before anything is borrowed.
        let at = self.time.now().saturating_add(after);
        self.inline_budget.end();
        self.alarms.borrow_mut().set(at, task)
    }

    /// Whether nothing is asked, answered (but for one batch), in flight or due, no task was
    /// dropped and none waits for room.
    pub(crate) fn is_idle(&self) -> bool {
        let RunState { executor, dispatchers, alarms, .. } = self;
        executor.is_idle() && dispatchers.is_idle() && alarms.borrow().is_empty()
    }

    pub(crate) fn unset_alarm(&self, alarm: Alarm) {
        self.alarms.borrow_mut().unset(alarm);
    }

    /// The next time when something is due, of a task or of the desk.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        let (of_tasks, of_desk) = (self.alarms.borrow().next(), self.dispatchers.next_due());
        of_tasks.into_iter().chain(of_desk).min()
    }

    /// Does what is due. The clock is asked only if something will be.
    #[inline]
    pub(crate) fn do_due(&self) {
        if self.dispatchers.has_alarms() || !self.alarms.borrow().is_empty() {
            self.do_all_due();
        }
    }

    fn do_all_due(&self) {
        let now = self.time.now();
        self.dispatchers.do_due(now);
        if self.dispatchers.has_answers() || self.executor.has_ready() {
            self.due_by.set(Some(now));
        } else {
            self.wake_all_due(now);
        }
    }

    /// Wakes the tasks whose alarms were due when answers were last taken; whether there are any.
    /// Called when no task can run: those who had an answer by that time have gone on, and many of
    /// these alarms are not there any more.
    #[inline]
    pub(crate) fn wake_due(&self) -> bool {
        self.due_by.take().is_some_and(|now| self.wake_all_due(now))
    }

    #[inline(never)]
    fn wake_all_due(&self, now: Duration) -> bool {
        let mut some = false;
        while let Some((_, task)) = self.take_due(now) {
            self.executor.wake(task);
            some = true;
        }
        some
    }

    fn take_due(&self, now: Duration) -> Option<(Alarm, Id)> {
        self.alarms.borrow_mut().take_due(now)
    }

    /// Asks on behalf of a task, for what is open.
    #[inline]
    pub(crate) fn ask<R: Request>(&self, id: Id, key: R::Key) {
        self.dispatchers.ask::<R>(Waiter(id.to_word()), key);
        self.executor.emit_asked(id, R::name);
    }
}

/// A run, held by what may outlive it.
#[derive(Default, Debug)]
pub(crate) struct RunRef {
    state: Weak<RunState>,
    run: u64,
}

impl RunRef {
    pub(crate) fn is(&self, state: &RunState) -> bool {
        self.run == state.id()
    }

    /// The run, if it is not over.
    pub(crate) fn upgrade(&self) -> Option<Rc<RunState>> {
        self.state.upgrade().filter(|state| self.run != 0 && state.id() == self.run)
    }
}
