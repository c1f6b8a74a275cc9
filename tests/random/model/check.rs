//! A case is tried: run, compared with the model, run again, perhaps on several threads in turn,
//! and asked whether anything is left over.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use corio::testing::VirtualClock;
use corio::{Clock, Error, Event as Told, Schedule, SendTask};
use support::workers::Workers;
use support::{heap, poll};

use crate::model::dispatchers::{Pace, healthy_beta};
use crate::model::generate::{Case, Driver, Fate};
use crate::model::predict::{Possible, predict};
use crate::model::program::{MUTEXES, Op, PERMITS, RWLOCKS, any};
use crate::model::record::{Answered, Event, Outcome, Record, State};
use crate::model::run::{Bang, exec};
use crate::model::shared::Shared;

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
    shared: Arc<Shared>,
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

/// On which threads a run goes on.
#[derive(Clone, Copy)]
enum Place<'a> {
    Here,
    /// On another one at each poll.
    Everywhere(&'a Workers),
}

/// What came of a run.
pub(crate) struct Ran {
    pub(crate) end: End,
    pub(crate) events: Vec<Event>,
}

/// Tries all that is said of a case. Gives how its run has ended, and how much happened.
pub(crate) fn check(case: &Case, workers: &Workers) -> Result<(End, usize), String> {
    let possible = predict(&case.body, 0);
    // Before the heap is looked at: what one thread allocates and another frees looks like a leak.
    let moved =
        if is_moved(case) { check_moved(case, &possible, workers).map(Some) } else { Ok(None) };
    let mut left = 0;
    // Whoever captures what is printed may keep it on the heap, and take room for more from time to
    // time. A leak is there every time.
    for _ in 0..4 {
        let before = heap::in_use();
        let result = check_here(case, &possible, moved.as_ref().ok().and_then(Option::as_ref))?;
        left = heap::in_use() - before;
        if left == 0 {
            // Only now: what is wrong on one thread as well is told as such.
            moved.map_err(|wrong| format!("on several threads: {wrong}"))?;
            return Ok(result);
        }
    }
    Err(format!("{left} bytes are left on the heap"))
}

/// Every second case, as that takes as long as all the rest; the others run twice on one thread.
fn is_moved(case: &Case) -> bool {
    case.seed % 2 == 1
}

fn check_moved(case: &Case, possible: &Possible, workers: &Workers) -> Result<Ran, String> {
    let (shared, mut schedule) = set_up(case);
    if case.driver == Driver::Run {
        schedule = schedule.yield_every(1 + case.seed as usize % 5);
    }
    let (ran, mut schedule) = run(case, Place::Everywhere(workers), schedule, &shared, possible)?;
    check_healthy(&mut schedule)?;
    Ok(ran)
}

fn check_here(
    case: &Case,
    possible: &Possible,
    moved: Option<&Ran>,
) -> Result<(End, usize), String> {
    let (shared, schedule) = set_up(case);
    let (first, mut schedule) = run(case, Place::Here, schedule, &shared, possible)?;
    check_healthy(&mut schedule)?;
    if let Some(moved) = moved {
        check_same("on several threads", &first, moved)?;
    }
    if !is_moved(case) {
        // Where nobody can join a request, it makes no difference whether it waits.
        schedule = schedule.answer_at_once(!case.seed.is_multiple_of(4));
        let (again, _) = run(case, Place::Here, schedule, &shared, possible)?;
        check_same("once more", &first, &again)?;
    }
    Ok((first.end, first.events.len()))
}

/// The context of a case, and a schedule over it.
fn set_up(case: &Case) -> (Arc<Shared>, Schedule<Arc<Shared>>) {
    let pace = Pace { seed: case.seed, slowest: case.slowest };
    let (shuffled, clock) = (case.shuffle.is_some(), VirtualClock::new());
    let shared = Arc::new(Shared::new(pace, shuffled, Answered::Here, clock));
    let heard = shared.clone();
    let mut schedule = Schedule::new(shared.clone())
        .clock(WatchfulClock { shared: shared.clone() })
        .observe(move |event: &Told<'_>| heard.record().hears(event));
    if let Driver::Polled(budget) = case.driver {
        schedule = schedule.yield_every(budget);
    }
    if let Some(seed) = case.shuffle {
        schedule = schedule.shuffle(seed);
    }
    (shared, schedule)
}

/// The schedule works.
fn check_healthy(schedule: &mut Schedule<Arc<Shared>>) -> Result<(), String> {
    is_ten(schedule.run(healthy()))
}

/// What a healthy program must give.
pub(crate) fn is_ten(end: Result<u64, Error>) -> Result<(), String> {
    match end {
        Ok(10) => Ok(()),
        Ok(other) => Err(format!("afterwards a healthy program gives {other}, not 10")),
        Err(error) => Err(format!("afterwards a healthy program ends with {error}")),
    }
}

/// The same has happened, event by event.
pub(crate) fn check_same(when: &str, first: &Ran, other: &Ran) -> Result<(), String> {
    let (events, others) = (&first.events, &other.events);
    if let Some(at) =
        (0..events.len().max(others.len())).find(|at| events.get(*at) != others.get(*at))
    {
        return Err(format!(
            "{when} something else happens: event {at} was {:?}, now {:?}",
            events.get(at),
            others.get(at)
        ));
    }
    if first.end != other.end {
        return Err(format!("{when} it ends otherwise: {:?}, now {:?}", first.end, other.end));
    }
    Ok(())
}

/// Gives the schedule back.
fn run(
    case: &Case,
    place: Place<'_>,
    schedule: Schedule<Arc<Shared>>,
    shared: &Shared,
    possible: &Possible,
) -> Result<(Ran, Schedule<Arc<Shared>>), String> {
    let record = shared.begins(case.fate == Fate::MayDeadlock);
    let task = exec(case.body.clone(), record.root());
    let (schedule, result) = turn(case, place, schedule, task);
    Ok((came_of(case, shared, record, possible, result)?, schedule))
}

/// What came of a run, if it may.
pub(crate) fn came_of(
    case: &Case,
    shared: &Shared,
    record: Arc<Record>,
    possible: &Possible,
    result: Turned,
) -> Result<Ran, String> {
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
    // The other one is the context.
    let others = Arc::strong_count(&record) - 1;
    state.check(others == 1, || format!("the run is over, but {others} still know its record"));
    check_end(case, &end, possible, &mut state);
    check_rest(shared, &mut state);
    if state.wrong.is_empty() {
        Ok(Ran { end, events: state.events })
    } else {
        Err(format!("{}\n{}", state.wrong.join("\n"), told(&state.events)))
    }
}

/// What came of a run, unless it was dropped or has panicked.
pub(crate) type Turned = thread::Result<Option<Result<Outcome, Error>>>;

/// Runs a task, and gives the schedule back.
fn turn(
    case: &Case,
    place: Place<'_>,
    mut schedule: Schedule<Arc<Shared>>,
    task: impl SendTask<Shared, Output = Outcome, Future: 'static> + 'static,
) -> (Schedule<Arc<Shared>>, Turned) {
    let fate = case.fate;
    match place {
        Place::Everywhere(workers) => workers.lend(schedule, move |mut schedule| async move {
            AtMost::new(fate, schedule.run_async(task)).await
        }),
        Place::Here => {
            let result = catch_unwind(AssertUnwindSafe(|| {
                if case.driver == Driver::Run {
                    return Some(schedule.run(task));
                }
                let mut run = AtMost::new(fate, schedule.run_local(task));
                loop {
                    if let Poll::Ready(result) = poll(&mut run) {
                        return result;
                    }
                }
            }));
            (schedule, result)
        }
    }
}

/// A run that is given up after so many polls; then it gives nothing.
pub(crate) struct AtMost<F> {
    left: u64,
    run: F,
}

impl<F> AtMost<F> {
    pub(crate) fn new(fate: Fate, run: F) -> Self {
        let left = if let Fate::Dropped(polls) = fate { polls } else { MANY_POLLS };
        AtMost { left, run }
    }
}

impl<F: Future + Unpin> Future for AtMost<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        Pin::new(&mut self.run).poll(context).map(Some)
    }
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
        End::Dropped => {
            let can = matches!(case.fate, Fate::Dropped(_));
            state.check(can, || "the run never ends".into());
        }
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
pub(crate) fn healthy() -> u64 {
    let twice = io!(healthy_beta(1));
    let more: Vec<u64> = io_all!((0..3).map(healthy_beta));
    let handle = spawn!(healthy_beta(twice));
    call!(handle) + more.iter().sum::<u64>()
}
