//! What one run needs, and how the code inside tasks finds it: through a thread-local pointer that is set while a run is being turned, and at no other time.
//!
//! Generated code and the futures of tasks carry no handle; that keeps their frames as small as what the user wrote.

use std::any::Any;
use std::cell::Cell;
use std::ptr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::config::Terms;
use super::inbox::Bell;
use super::shuffle::Shuffle;
use crate::dispatch::{ContextRef, Desk, Dispatch, Lane, Outside, Request, Settings, Waiter};
use crate::executor::{Engine, Id};
use crate::observe::Watch;
use crate::util::{Alarm, HotCell, Nudge, Quiet, Time, Timers};

/// Engine and desk, kept with the schedule from run to run.
pub(crate) struct Core {
    /// Itself, for what outlives a run and may have to wake one of its tasks.
    me: Weak<Core>,
    pub(crate) engine: Engine,
    pub(crate) desk: Desk,
    pub(crate) bell: Arc<Bell>,
    pub(crate) time: Rc<Time>,
    /// Absent, for the order in which tasks became ready.
    pub(crate) shuffle: Option<Shuffle>,
    pub(crate) quiet: Rc<Quiet>,
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

impl Core {
    pub(crate) fn new(watch: Watch, settings: Rc<Settings>, terms: &Terms) -> Rc<Self> {
        let bell = Arc::new(Bell::default());
        if let Some(token) = &terms.cancel {
            let sleeper: Arc<dyn Nudge> = bell.clone();
            token.nudge_when_cancelled(Arc::downgrade(&sleeper));
        }
        let time = Time::new(terms.clock.clone());
        let clock = time.clone();
        let quiet = Rc::new(Quiet::default());
        Rc::new_cyclic(|me: &Weak<Core>| {
            let of_this = me.clone();
            let is_alive = move |waiter: Waiter| of_this.upgrade().is_some_and(|core| core.engine.is_alive(Id::from_word(waiter.0)));
            let outside =
                Outside { ring: bell.clone(), now: Box::new(move || clock.now()), is_alive: Box::new(is_alive), watch: watch.clone(), quiet: quiet.clone() };
            Core {
                me: me.clone(),
                engine: Engine::new(watch, terms.max_tasks, quiet.clone()),
                desk: Desk::new(outside, settings),
                bell,
                time,
                shuffle: terms.shuffle.map(Shuffle::new),
                quiet,
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
        // SAFETY: it was made from a reference when the run began, and the run, which is being turned, borrows what it leads to.
        unsafe { ContextRef::from_raw(self.context.get()) }
    }

    pub(crate) fn end_run(&self) {
        self.alarms.borrow_mut().clear();
        self.due_by.set(None);
        self.run.set(0);
    }

    pub(crate) fn run(&self) -> u64 {
        self.run.get()
    }

    /// This run, for a lock.
    pub(crate) fn this_run(&self) -> RunRef {
        RunRef { core: self.me.clone(), run: self.run.get() }
    }

    /// Makes sure that `R` can be asked in this run.
    ///
    /// # Safety
    /// `S` is the context of the run, or `AnyContext`.
    #[inline]
    pub(crate) unsafe fn open<S, R: Dispatch<S>>(&self) {
        // SAFETY: a core serves one schedule, and so one type of context.
        unsafe { self.desk.open::<S, R>() }
    }

    /// Asks on behalf of a task.
    ///
    /// # Safety
    /// As `open`.
    #[inline(always)]
    pub(crate) unsafe fn open_and_ask<S, R: Dispatch<S>>(&self, id: Id, key: R::Key) {
        let Some(queue) = self.desk.queue::<R>() else {
            // SAFETY: the caller's promise is the same.
            let queue = unsafe { self.desk.opened_queue::<S, R>() };
            return self.ask_otherwise(queue, id, key);
        };
        let asked = if self.engine.is_observed() { Err(key) } else { queue.ask_with_others(Waiter(id.to_word()), key) };
        if let Err(key) = asked {
            self.ask_otherwise(queue, id, key);
        }
    }

    /// The first request for a batch, or one that its queue must get room for, or that observers hear of.
    #[inline(never)]
    fn ask_otherwise<R: Request>(&self, queue: &Lane<R>, id: Id, key: R::Key) {
        if self.engine.is_observed() {
            // Before it leaves: an observer may wake a task that joins it, or cancel the run.
            self.engine.asked(id, R::name);
            self.engine.tell_waits(id);
        }
        if let Err(key) = self.answer_at_once(queue, id, key) {
            queue.ask(Waiter(id.to_word()), key);
        }
    }

    // ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Has a task woken after a while.
    pub(crate) fn set_alarm(&self, after: Duration, task: Id) -> Alarm {
        // The clock may be of the user's: it is asked before anything is borrowed.
        let at = self.time.now().saturating_add(after);
        self.quiet.end();
        self.alarms.borrow_mut().set(at, task)
    }

    /// Whether nothing is asked, answered (but for one batch), in flight or due, no task was dropped
    /// and none waits for room.
    pub(crate) fn is_quiet(&self) -> bool {
        let Core { engine, desk, alarms, .. } = self;
        engine.is_quiet() && desk.is_quiet() && alarms.borrow().is_empty()
    }

    pub(crate) fn unset_alarm(&self, alarm: Alarm) {
        self.alarms.borrow_mut().unset(alarm);
    }

    /// The next time when something is due, of a task or of the desk.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        let (of_tasks, of_desk) = (self.alarms.borrow().next(), self.desk.next_due());
        of_tasks.into_iter().chain(of_desk).min()
    }

    /// Does what is due. The clock is asked only if something will be.
    #[inline]
    pub(crate) fn do_due(&self) {
        if self.desk.has_alarms() || !self.alarms.borrow().is_empty() {
            self.do_all_due();
        }
    }

    fn do_all_due(&self) {
        let now = self.time.now();
        self.desk.do_due(now);
        if self.desk.has_answers() || self.engine.has_ready() {
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
            self.engine.wake(task);
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
        self.desk.ask::<R>(Waiter(id.to_word()), key);
        self.engine.asked(id, R::name);
    }
}

/// A run, held by what may outlive it.
#[derive(Default, Debug)]
pub(crate) struct RunRef {
    core: Weak<Core>,
    run: u64,
}

impl RunRef {
    pub(crate) fn is(&self, core: &Core) -> bool {
        self.run == core.run()
    }

    /// The run, if it is not over.
    pub(crate) fn core(&self) -> Option<Rc<Core>> {
        self.core.upgrade().filter(|core| self.run != 0 && core.run() == self.run)
    }
}
