//! One run, turned by hand: the cycle of corio.
//!
//! CPU phase: the answers that are there are delivered, then every task that can run runs, until none can. I/O phase: what was asked leaves as batches, as far as limits
//! allow, what has arrived meanwhile is taken, and what is due is done. And again, until the first task and all below it have ended; or until everything is in flight, and
//! whoever turns the run has to wait. A CPU phase can be interrupted, for the sake of others on an executor: then nothing else happens before it goes on.
//!
//! A run takes the core out of its schedule and gives it back only when everything is dropped. One that is forgotten half-way takes its core with it, so that nobody
//! resumes tasks whose borrows are over.

use std::any::Any;
use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use super::config::Terms;
use super::current;
use super::future_set::FutureSet;
use super::state::Core;
use crate::dispatch::{ContextRef, Sending, Waiter};
use crate::error::Error;
use crate::executor::Id;
use crate::observe::{Event, Watch};
use crate::util::{CancelToken, Sweep, Time, discard, panic_advice};

pub(crate) struct Run<'s, T> {
    /// Gone when the run is over.
    core: Option<Rc<Core>>,
    home: &'s mut Option<Rc<Core>>,
    context: ContextRef<'s>,
    futures: FutureSet<'s>,
    watch: Watch,
    root: Id,
    time: Rc<Time>,
    /// The time that the run has, and when it is over.
    deadline: Option<(Duration, Duration)>,
    /// It was found to be.
    time_is_up: Cell<bool>,
    cancel: Option<CancelToken>,
    /// The longest CPU phase, in resumes, and what is left of it.
    fairness: usize,
    patience: usize,
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

/// Where a run has a deadline, after so many requests that were answered at once the time is looked at,
/// as it is before each batch that leaves otherwise.
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
    /// Whatever `future` borrows stays valid until the `Run` is dropped, or for good if it never is.
    pub(crate) unsafe fn new<S, F: Future<Output = T>>(
        context: &'s S,
        core: Rc<Core>,
        home: &'s mut Option<Rc<Core>>,
        watch: Watch,
        terms: &Terms,
        future: F,
    ) -> Self {
        core.begin_run((&raw const *context).cast());
        let futures = FutureSet::new(core.bell.clone());
        let time = core.time.clone();
        let deadline = terms.deadline.map(|limit| (limit, time.now().saturating_add(limit)));
        let cancel = terms.cancel.clone();
        let fairness = terms.fairness;
        let context = ContextRef::new(context);
        let mut run = Run {
            core: Some(core),
            home,
            context,
            futures,
            watch,
            root: Id::NONE,
            time,
            deadline,
            time_is_up: Cell::new(false),
            cancel,
            fairness,
            patience: fairness,
            at_once: terms.at_once,
            output: PhantomData,
        };
        // In the run already: should an observer panic, it drops the task.
        if let Some(core) = &run.core {
            // SAFETY: by the caller, and because dropping the `Run` drops all its tasks.
            run.root = unsafe { core.engine.spawn(Id::NONE, future) };
        }
        run
    }

    /// Runs until the run is over, has to wait, or has resumed so many tasks.
    ///
    /// # Panics
    /// With what a task, a dispatcher or a destructor panicked with, when everything is dropped.
    pub(crate) fn turn(&mut self, budget: usize) -> Turn<T> {
        let Some(core) = self.core.take() else { unreachable!("turned after it was over") };
        let entered = current::enter(&core);
        let result = match catch_unwind(AssertUnwindSafe(|| self.cycle(&core, budget))) {
            Ok(Ok(Phase::Waiting { until })) => {
                drop(entered);
                self.core = Some(core);
                return Turn::Waiting { until };
            }
            Ok(Ok(Phase::Spent)) => {
                drop(entered);
                self.core = Some(core);
                return Turn::Spent;
            }
            Ok(Ok(Phase::Ended)) => {
                // SAFETY: the root was spawned with a future of this output.
                Ok(unsafe { core.engine.take_output::<T>(self.root) }.expect("the root has ended"))
            }
            Ok(Err(error)) => Err(error),
            Err(panic) => {
                // Further panics, of an observer or of destructors, are not worth losing the first.
                let mut further = Sweep::default();
                further.run(|| self.report(&core, &*panic));
                drop(self.tear_down(&core));
                drop(entered);
                further.run(|| drop(core));
                resume_unwind(panic);
            }
        };
        let torn_down = self.tear_down(&core);
        drop(entered);
        if let Some(panic) = torn_down.into_panic() {
            Sweep::default().run(|| drop(core));
            resume_unwind(panic);
        }
        *self.home = Some(core);
        Turn::Over(result)
    }

    fn cycle(&mut self, core: &Core, mut budget: usize) -> Result<Phase, Error> {
        let Core { engine, desk, .. } = core;
        let was_panicking = std::thread::panicking();
        let sending = Sending { context: self.context, futures: &self.futures, stopped: self.cancel.as_ref().map(CancelToken::flag), was_panicking };
        let _lent = desk.lend(&sending);
        loop {
            self.check_cancelled()?;
            if budget == 0 {
                return Ok(Phase::Spent);
            }
            let most = budget.min(self.patience).min(SLICE);
            engine.allow(most);
            core.quiet.begin(self.at_once(core));
            run_tasks(core);
            core.quiet.end();
            let paused_at = engine.take_paused_at();
            let left = paused_at.unwrap_or(engine.allowed());
            budget -= most - left;
            // A batch has left whenever a task went on without having waited.
            self.patience = match engine.take_went_on_at() {
                Some(at) => self.fairness - (at - left),
                None => self.patience - (most - left),
            };
            if let Some(panic) = core.panic.take() {
                resume_unwind(panic);
            }
            if paused_at.is_some() {
                // As after all batches that leave.
                self.take_arrivals(core)?;
                continue;
            }
            if let Some(task) = engine.foreign() {
                return Err(Error::ForeignFuture { task });
            }
            if engine.is_done(self.root) {
                return Ok(Phase::Ended);
            }
            // Nobody else can run: whoever waits for room gets what there is.
            let can_go_on = engine.has_ready() || desk.has_answers() || engine.let_spawner_in();
            if can_go_on && self.patience > 0 {
                if engine.dropped_len() >= MANY_DROPPED {
                    self.withdraw_amid_a_phase(core);
                }
                continue;
            }
            self.check_cancelled()?;
            if core.wake_due() && self.patience > 0 {
                continue;
            }

            if engine.has_dropped() {
                engine.tell_dropped(|dropped| desk.tasks_were_dropped(dropped.iter().map(|id| Waiter(id.to_word())), false));
                self.cancel_futures(core);
            }
            desk.settle(&sending);
            if self.deadline.is_some() && self.is_time_up()? {
                self.patience = self.fairness;
                self.take_last_arrivals(core)?;
                continue;
            }
            // What was kept goes out first: whoever gets it may ask for something that leaves together with what waits.
            let can_go_on = desk.has_answers() || engine.has_ready();
            if self.patience == 0 || !can_go_on {
                if can_go_on && desk.can_send() {
                    self.watch.emit(|| Event::Overlong { resumes: self.fairness });
                }
                self.patience = self.fairness;
                desk.send(&sending);
            }
            self.take_arrivals(core)?;
            if !desk.has_answers() && !engine.has_ready() && !desk.can_send() {
                let next = core.next_due();
                if desk.in_flight() == 0 {
                    // Late news, of what nobody waits for any more: it must not keep the run awake.
                    drop(core.bell.take());
                }
                // It may have been cancelled since: then what was asked has not left, which is no
                // deadlock, and the bell's news of it may have been taken with the rest.
                self.check_cancelled()?;
                if desk.in_flight() == 0 && next.is_none() {
                    match engine.deadlock() {
                        Some(deadlock) => return Err(Error::Deadlock(deadlock)),
                        None => continue,
                    }
                }
                let until = next.into_iter().chain(self.deadline.map(|(_, over)| over)).min();
                return Ok(Phase::Waiting { until });
            }
        }
    }

    /// How many requests may be answered where they are asked. With a shuffle, whose tasks take turns
    /// by chance, none.
    #[inline(always)]
    fn at_once(&self, core: &Core) -> u32 {
        let is_quiet = self.at_once && !self.time_is_up.get() && core.shuffle.is_none() && core.is_quiet();
        match self.deadline {
            _ if !is_quiet => 0,
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

    /// Withdraws what tasks have asked in this phase that were dropped in it: a phase may be long, and what has come and gone is not to gather in it.
    #[cold]
    #[inline(never)]
    fn withdraw_amid_a_phase(&self, core: &Core) {
        let Core { engine, desk, .. } = core;
        engine.tell_dropped(|dropped| desk.tasks_were_dropped(dropped.iter().map(|id| Waiter(id.to_word())), true));
        self.cancel_futures(core);
    }

    #[inline(always)]
    fn cancel_futures(&self, core: &Core) {
        while let Some(future) = core.desk.next_cancelled() {
            self.futures.cancel(future, &core.desk);
        }
    }

    /// Takes what is there by now: what has come from outside, and what is due.
    #[inline(always)]
    fn take_arrivals(&self, core: &Core) -> Result<(), Error> {
        self.take_news(core);
        core.do_due();
        self.cancel_futures(core);
        if let Some(fault) = core.desk.take_fault() {
            self.check_cancelled()?;
            return Err(fault.into());
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn take_last_arrivals(&self, core: &Core) -> Result<(), Error> {
        core.desk.give_kept_now();
        self.take_arrivals(core)
    }

    /// Takes what has come from outside.
    #[inline(always)]
    fn take_news(&self, core: &Core) {
        if core.desk.in_flight() == 0 {
            return;
        }
        let Some(mut news) = core.bell.take() else { return };
        if let Some(shuffle) = &core.shuffle {
            shuffle.mix(&mut news.futures);
            shuffle.mix(&mut news.posts);
        }
        for future in news.futures.drain(..) {
            self.futures.poll(future, &core.desk);
        }
        for (queue, flight) in news.posts.drain(..) {
            core.desk.collect(queue, flight);
        }
        core.bell.put_back(news);
    }

    pub(crate) fn time(&self) -> Rc<Time> {
        self.time.clone()
    }

    /// Has `sleeper` woken when there is news. False if there is already.
    pub(crate) fn sleep(&self, sleeper: &Waker) -> bool {
        self.core.as_ref().is_some_and(|core| core.bell.sleep(sleeper))
    }

    /// Says once where a panic came from; what it said itself, the panic hook has told.
    fn report(&self, core: &Core, panic: &dyn Any) {
        let (place, above) = match core.desk.dispatching() {
            Some(dispatcher) => (format!("dispatcher `{dispatcher}`"), Vec::new()),
            None => {
                let task = core.engine.current();
                (format!("task `{}`", core.engine.path(task)), core.engine.lines_above(task))
            }
        };
        eprintln!("corio: the panic ends the run; it came from {place}");
        above.iter().for_each(|(task, line)| eprintln!("  `{task}` waits at {line}"));
        panic_advice::on(panic).iter().for_each(|advice| eprintln!("  {advice}"));
        self.watch.emit(|| Event::Panicked { place: &place, above: &above });
    }

    /// Drops everything that is left, tasks first.
    fn tear_down(&self, core: &Core) -> Sweep {
        let mut sweep = Sweep::default();
        sweep.run(|| core.engine.clear());
        sweep.run(|| self.futures.clear());
        sweep.run(|| core.desk.clear());
        core.bell.clear();
        core.end_run();
        sweep
    }
}

/// The CPU phase: every task that can run runs, until none can or as many were resumed as may be.
#[inline(always)]
fn run_tasks(core: &Core) {
    let Core { engine, desk, .. } = core;
    if let Some(shuffle) = &core.shuffle {
        return shuffle.run_tasks(engine, desk);
    }
    while engine.allowed() > 0 {
        let Some(mut delivery) = desk.next_delivery() else { break };
        while engine.allowed() > 0 {
            let Some(waiter) = delivery.next() else { break };
            engine.resume(Id::from_word(waiter.0));
        }
        delivery.end();
    }
    while engine.allowed() > 0 {
        let Some(id) = engine.next_ready() else { break };
        engine.resume(id);
    }
}

impl<T> Drop for Run<'_, T> {
    fn drop(&mut self) {
        let Some(core) = self.core.take() else { return };
        let entered = current::enter(&core);
        let torn_down = self.tear_down(&core);
        drop(entered);
        match torn_down.into_panic() {
            None => *self.home = Some(core),
            Some(panic) if !std::thread::panicking() => resume_unwind(panic),
            Some(panic) => discard(panic),
        }
    }
}
