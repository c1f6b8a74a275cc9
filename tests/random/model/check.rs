//! A case is tried: run, compared with the model, run again, and asked whether anything is left
//! over.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use corio::{Clock, Error, Event as Told, Schedule};

use crate::model::dispatchers::{Pace, healthy_beta};
use crate::model::generate::{Case, Driver, Fate};
use crate::model::predict::{Possible, predict};
use crate::model::program::{MUTEXES, Op, PERMITS, RWLOCKS, any};
use crate::model::record::{Event, Outcome, Record, State};
use crate::model::run::{Bang, exec};
use crate::model::shared::Shared;
use support::heap;
use support::shared::OfThisThread;

/// How a run can end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    Gives(Outcome),
    Deadlock,
    Panics,
    Dropped,
}

/// Tells the record when nothing but time is waited for.
struct WatchfulClock {
    shared: OfThisThread<Rc<Shared>>,
}

impl Clock for WatchfulClock {
    fn now(&self) -> Duration {
        self.shared.clock.now()
    }

    fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.shared.clock.sleep_until(time)
    }

    fn idle(&self) {
        self.shared.record().is_idle();
        Clock::idle(&self.shared.clock);
    }
}

/// No case takes so many polls, unless it never ends.
const MANY_POLLS: u64 = 1_000_000;

/// Tries all that is said of a case. Gives how its run has ended, and how much happened.
pub(crate) fn check(case: &Case) -> Result<(End, usize), String> {
    let mut left = 0;
    // Whoever captures what is printed may keep it on the heap, and take room for more from time to
    // time. A leak is there every time.
    for _ in 0..4 {
        let before = heap::in_use();
        let result = check_runs(case)?;
        left = heap::in_use() - before;
        if left == 0 {
            return Ok(result);
        }
    }
    Err(format!("{left} bytes are left on the heap"))
}

fn check_runs(case: &Case) -> Result<(End, usize), String> {
    let pace = Pace { seed: case.seed, slowest: case.slowest };
    let shared = Rc::new(Shared::new(pace, case.shuffle.is_some()));
    let (of_clock, heard) = (OfThisThread::new(shared.clone()), OfThisThread::new(shared.clone()));
    let mut schedule = Schedule::new(shared.clone())
        .clock(WatchfulClock { shared: of_clock })
        .observe(move |event: &Told<'_>| heard.record().hears(event));
    if let Driver::Polled(budget) = case.driver {
        schedule = schedule.yield_every(budget);
    }
    if let Some(seed) = case.shuffle {
        schedule = schedule.shuffle(seed);
    }
    let possible = predict(&case.body, 0);
    let (end, events) = run(case, &mut schedule, &shared, &possible)?;
    let healthy = schedule
        .run(healthy())
        .map_err(|error| format!("afterwards a healthy program ends with {error}"))?;
    if healthy != 10 {
        return Err(format!("afterwards a healthy program gives {healthy}, not 10"));
    }
    if case.seed % 2 == 1 {
        return Ok((end, events.len()));
    }
    // Where nobody can join a request, it makes no difference whether it waits.
    schedule = schedule.answer_at_once(!case.seed.is_multiple_of(4));
    let (end_again, events_again) = run(case, &mut schedule, &shared, &possible)?;
    if let Some(at) = (0..events.len().max(events_again.len()))
        .find(|at| events.get(*at) != events_again.get(*at))
    {
        return Err(format!(
            "once more something else happens: event {at} was {:?}, now {:?}",
            events.get(at),
            events_again.get(at)
        ));
    }
    if end != end_again {
        return Err(format!("once more it ends otherwise: {end:?}, now {end_again:?}"));
    }
    Ok((end, events.len()))
}

fn run(
    case: &Case,
    schedule: &mut Schedule<Rc<Shared>>,
    shared: &Rc<Shared>,
    possible: &Possible,
) -> Result<(End, Vec<Event>), String> {
    let record = shared.begins(case.fate == Fate::MayDeadlock);
    let result = catch_unwind(AssertUnwindSafe(|| turn(case, schedule, &record)));
    let end = match result {
        Ok(Some(Ok(outcome))) => End::Gives(outcome),
        Ok(Some(Err(Error::Deadlock { .. }))) => End::Deadlock,
        Ok(Some(Err(error))) => return Err(format!("the run ends with {error}")),
        Ok(None) => End::Dropped,
        Err(payload) if payload.is::<Bang>() => End::Panics,
        Err(payload) => {
            let text = payload
                .downcast_ref::<String>()
                .map(String::as_str)
                .or(payload.downcast_ref::<&str>().copied());
            return Err(format!("a panic: {}", text.unwrap_or("?")));
        }
    };
    let mut state = record.is_over(end == End::Deadlock);
    check_end(case, &end, possible, &mut state);
    check_rest(shared, &mut state);
    if state.wrong.is_empty() {
        Ok((end, state.events))
    } else {
        Err(format!("{}\n{}", state.wrong.join("\n"), told(&state.events)))
    }
}

/// Nothing, if the run was dropped.
fn turn(
    case: &Case,
    schedule: &mut Schedule<Rc<Shared>>,
    record: &Rc<Record>,
) -> Option<Result<Outcome, Error>> {
    let task = exec(case.body.clone(), record.root());
    if case.driver == Driver::Run {
        return Some(schedule.run(task));
    }
    let polls = if let Fate::Dropped(polls) = case.fate { polls } else { MANY_POLLS };
    let mut run = pin!(schedule.run_async(task));
    for _ in 0..polls {
        if let Poll::Ready(result) = run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(result);
        }
    }
    assert!(polls < MANY_POLLS, "the run never ends");
    None
}

/// The end is one that the model has.
fn check_end(case: &Case, end: &End, possible: &Possible, state: &mut State) {
    match end {
        End::Gives(outcome) => {
            let right = possible.as_ref().is_none_or(|possible| possible.contains(outcome));
            state.check(right, || {
                format!("the program gives {outcome:?}, should be one of {possible:?}")
            });
        }
        End::Deadlock => {
            state.check(case.fate == Fate::MayDeadlock, || "the run ends with a deadlock".into());
            let wrong = std::mem::take(&mut state.last_words);
            state.wrong.extend(wrong);
        }
        End::Panics => {
            let can = any(&case.body, &|op| *op == Op::Panic);
            state.check(can, || "the run panics".into());
        }
        End::Dropped => {}
    }
}

/// The locks are free, and what is under them was counted up as often as the tasks say.
fn check_rest(shared: &Shared, state: &mut State) {
    for at in 0..MUTEXES {
        let value = shared.mutexes[at].try_lock().map(|mut guard| std::mem::take(&mut *guard));
        let counted = state.counted[at];
        state.check(value == Some(counted), || {
            format!("under mutex {at} is {value:?}, should be {counted}")
        });
    }
    for at in 0..RWLOCKS {
        let value = shared.rwlocks[at].try_write().map(|mut guard| std::mem::take(&mut *guard));
        let counted = state.counted[MUTEXES + at];
        state.check(value == Some(counted), || {
            format!("under rwlock {at} is {value:?}, should be {counted}")
        });
    }
    for (at, permits) in PERMITS.into_iter().enumerate() {
        let free = shared.semaphores[at].available_permits();
        state.check(free == permits, || {
            format!("semaphore {at} has {free} permits, should have {permits}")
        });
    }
}

fn told(events: &[Event]) -> String {
    events.iter().enumerate().map(|(at, event)| format!("{at:5} {event:?}\n")).collect()
}

/// Shows that a schedule works.
#[corio::task(Shared)]
fn healthy() -> u64 {
    let twice = io!(healthy_beta(1));
    let more: Vec<u64> = io_all!((0..3).map(healthy_beta));
    let handle = spawn!(healthy_beta(twice));
    call!(handle) + more.iter().sum::<u64>()
}
