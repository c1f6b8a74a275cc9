//! Every way to cut a task short, whatever it was doing: its destructors run once, children before
//! parents, what it asked is withdrawn or its answer thrown away, what it held goes to whoever
//! waits for it, no memory is kept, and everything else goes on.
//!
//! The table is `WAYS` × `DOINGS`. In each cell a task, the victim, is doing something, and 5 ms
//! after the beginning it is cut, or its run ends. What failed names the cell.

use std::fmt::Debug;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{self, Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use corio::sync::{Mutex, WaitGroup};
use corio::{Batch, CancellationToken, Clock, Error, RunOptions, Schedule, Slot};
use expect_test::expect;
use support::timeline::Timeline;
use support::{Number, healthy};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    // These cut the victim, and the run goes on.
    LosesARace,
    TryJoin,
    TryAll,
    TryWindow,
    TimeLimit,
    // These end the run.
    Deadline,
    TokenInATask,
    TokenInADispatcher,
    TokenOnAThread,
    TokenBesideAnAsyncRun,
    DropOfTheRun,
    PanicElsewhere,
}

use Way::*;

const WAYS: [Way; 12] = [
    LosesARace,
    TryJoin,
    TryAll,
    TryWindow,
    TimeLimit,
    Deadline,
    TokenInATask,
    TokenInADispatcher,
    TokenOnAThread,
    TokenBesideAnAsyncRun,
    DropOfTheRun,
    PanicElsewhere,
];

impl Way {
    fn ends_the_run(self) -> bool {
        !matches!(self, LosesARace | TryJoin | TryAll | TryWindow | TimeLimit)
    }
}

/// What the victim is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Doing {
    /// Its request waits for the end of the phase in which the victim is cut.
    Asking,
    /// Its request gathers behind a limit.
    Held,
    InFlight,
    /// In flight, as a slot that somebody keeps.
    Slots,
    IoAll,
    /// Parts of a batch: some have been answered, some have not left.
    Parts,
    /// Waits for the answer to an equal key that another one has asked for.
    Joined,
    /// Another one waits for the answer to what the victim has asked for.
    AskedFirst,
    Pause,
    WaitsForALock,
    HoldsALock,
    WaitsForAGroup,
    WaitsForAHandle,
    WaitsForChildren,
    HasReturned,
    WaitsForRoom,
}

const DOINGS: [Doing; 16] = [
    Doing::Asking,
    Doing::Held,
    Doing::InFlight,
    Doing::Slots,
    Doing::IoAll,
    Doing::Parts,
    Doing::Joined,
    Doing::AskedFirst,
    Doing::Pause,
    Doing::WaitsForALock,
    Doing::HoldsALock,
    Doing::WaitsForAGroup,
    Doing::WaitsForAHandle,
    Doing::WaitsForChildren,
    Doing::HasReturned,
    Doing::WaitsForRoom,
];

/// What the victim asks for, and nobody else does; others ask for smaller ones.
const VICTIMS: u64 = 100;

#[derive(corio::Context)]
struct Lab {
    timeline: Timeline,
    token: sync::Mutex<CancellationToken>,
    slots: sync::Mutex<Vec<Slot<u64, u64>>>,
    mutex: Mutex<()>,
    /// Nobody is ever done.
    never: WaitGroup,
    /// Time stands still, and whoever cuts from outside may do so.
    stands_still: Arc<AtomicBool>,
    guards: Number,
}

// ── dispatchers ──

#[corio::dispatcher(show_keys)]
async fn slow(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
    timeline.sleep(10).await;
    keys.to_vec()
}

#[corio::dispatcher(show_keys, max_batch = 1)]
async fn parts(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
    timeline.sleep((keys[0] % 10) * 3).await;
    keys.to_vec()
}

#[corio::dispatcher(show_keys, dedup)]
async fn shared(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
    timeline.sleep(10).await;
    keys.to_vec()
}

#[corio::dispatcher(show_keys, retry(attempts = 100, backoff = "1h..1h", when = |_: &()| true))]
fn flaky(keys: &[u64]) -> Vec<Result<u64, ()>> {
    keys.iter().map(|key| if *key < VICTIMS { Ok(*key) } else { Err(()) }).collect()
}

#[corio::dispatcher(show_keys)]
fn slotted(slots: &sync::Mutex<Vec<Slot<u64, u64>>>, batch: Batch<u64, u64>) {
    slots.lock().unwrap().extend(batch);
}

#[corio::dispatcher]
fn cancels(timeline: &Timeline, token: &sync::Mutex<CancellationToken>, keys: &[()]) -> Vec<()> {
    token.lock().unwrap().cancel();
    timeline.note("cut");
    keys.to_vec()
}

// ── tasks ──

impl Lab {
    fn guard(&self, name: &'static str) -> impl Drop + use<> {
        self.guards.add(1);
        self.timeline.note_of_drop(name)
    }
}

#[corio::task(Lab)]
fn child() {
    let _local = context!().guard("child dropped");
    call!(context!().never.wait());
}

#[corio::task(Lab)]
fn victim(doing: Doing) -> Result<(), ()> {
    let lab = context!();
    let _local = lab.guard("victim dropped");
    let handle = spawn!(child());
    match doing {
        Doing::Asking | Doing::InFlight => drop(io!(slow(VICTIMS + 1))),
        Doing::Held => {
            io!(lab.timeline.pause(1));
            io!(slow(VICTIMS + 1));
        }
        Doing::Slots => drop(io!(slotted(VICTIMS + 1))),
        Doing::IoAll => drop(io_all!((1..4).map(|n| slow(VICTIMS + n)))),
        Doing::Parts => drop(io_all!((1..4).map(|n| parts(VICTIMS + n)))),
        Doing::Joined => {
            io!(lab.timeline.pause(1));
            io!(shared(7));
        }
        Doing::AskedFirst => drop(io!(shared(7))),
        Doing::Pause => drop(io!(flaky(VICTIMS + 1))),
        Doing::WaitsForALock => drop(call!(lab.mutex.lock())),
        Doing::HoldsALock => {
            let _locked = call!(lab.mutex.lock());
            io!(slow(VICTIMS + 1));
        }
        Doing::WaitsForAGroup => call!(lab.never.wait()),
        Doing::WaitsForAHandle => call!(handle),
        Doing::WaitsForChildren => wait!(),
        Doing::HasReturned => return Ok(()),
        Doing::WaitsForRoom => loop {
            spawn!(child());
        },
    }
    lab.timeline.note("the victim went on");
    Ok(())
}

/// What is in a field of the lab, which begins anew.
fn take<T: Default>(field: &sync::Mutex<T>) -> T {
    mem::take(&mut field.lock().unwrap())
}

/// So that the victim is not the one whose end decides.
#[corio::task(Lab)]
fn outer(doing: Doing) -> Result<(), ()> {
    let _local = context!().guard("outer dropped");
    join!(victim(doing)).0
}

/// What others do, as far as it concerns the victim.
#[corio::task(Lab)]
fn bystander(doing: Doing) {
    let lab = context!();
    match doing {
        Doing::Held => drop(io!(slow(7))),
        Doing::Joined => assert_eq!(io!(shared(7)), 7),
        Doing::AskedFirst => {
            io!(lab.timeline.pause(1));
            assert_eq!(io!(shared(7)), 7);
        }
        Doing::WaitsForALock => {
            let _locked = call!(lab.mutex.lock());
            io!(lab.timeline.pause(8));
        }
        Doing::HoldsALock => {
            io!(lab.timeline.pause(1));
            let _locked = call!(lab.mutex.lock());
            lab.timeline.note("the lock is had by another");
        }
        _ => {}
    }
}

#[corio::task(Lab)]
fn nothing() {}

/// Ends when the victim is to be cut.
#[corio::task(Lab)]
fn time_is_up(doing: Doing) {
    if doing == Doing::Asking {
        // In the same phase, and after the victim has asked.
        for _ in 0..5 {
            call!(spawn!(nothing()));
        }
    } else {
        io!(context!().timeline.pause(5));
    }
}

#[corio::task(Lab)]
fn cuts(way: Way, doing: Doing) -> Result<(), ()> {
    let lab = context!();
    call!(time_is_up(doing));
    if way != TokenInADispatcher {
        lab.timeline.note("cut");
    }
    match way {
        LosesARace => return Ok(()),
        TryJoin | TryAll | TryWindow => return Err(()),
        TokenInATask => lab.token.lock().unwrap().cancel(),
        TokenInADispatcher => io!(cancels(())),
        PanicElsewhere => resume_unwind(Box::new("elsewhere")),
        TokenOnAThread | TokenBesideAnAsyncRun | DropOfTheRun => {
            lab.stands_still.store(true, Ordering::Relaxed)
        }
        TimeLimit | Deadline => unreachable!("nobody cuts"),
    }
    call!(waits_for_ever())
}

/// For something outside, so that it is no deadlock.
#[corio::task(Lab)]
fn waits_for_ever() -> Result<(), ()> {
    io!(corio::future(std::future::pending()))
}

#[corio::task(Lab)]
fn either(first: bool, way: Way, doing: Doing) -> Result<(), ()> {
    if first { call!(outer(doing)) } else { call!(cuts(way, doing)) }
}

#[corio::task(Lab)]
fn is_cut(way: Way, doing: Doing) {
    match way {
        LosesARace => assert_eq!(race!(outer(doing), cuts(way, doing)), Ok(())),
        TryJoin => assert_eq!(try_join!(outer(doing), cuts(way, doing)), Err(())),
        TryAll => {
            assert_eq!(try_all!([true, false].map(|first| either(first, way, doing))), Err(()))
        }
        TryWindow => assert_eq!(
            try_all!(
                limit = 2,
                [true, false, true].into_iter().map(|first| either(first, way, doing))
            ),
            Err(())
        ),
        TimeLimit => {
            assert!(timeout!(Duration::from_millis(5), outer(doing)).is_err());
            context!().timeline.note("cut");
        }
        Deadline => drop(join!(outer(doing), waits_for_ever())),
        _ => drop(join!(outer(doing), cuts(way, doing))),
    }
}

#[corio::task(Lab)]
fn program(way: Way, doing: Doing) {
    let lab = context!();
    let bystander = spawn!(bystander(doing));
    call!(is_cut(way, doing));
    // Late answers reach nobody: those who ask now get their own.
    take(&lab.slots).into_iter().for_each(|slot| slot.answer(999));
    let (one, two, three, four) = join!(slow(1), parts(2), shared(3), flaky(4));
    assert_eq!((one, two, three, four), (1, 2, 3, Ok(4)));
    let (five, ()) = join!(slotted(5), answers_slots());
    assert_eq!(five, 5);
    call!(bystander);
    // Nobody holds the lock, and all the room is there again.
    drop(call!(lab.mutex.lock()));
    for _ in 0..20 {
        spawn!(nothing());
    }
    // By then retries would have been made.
    io!(lab.timeline.pause(3 * 3600 * 1000));
    lab.timeline.note("over");
}

#[corio::task(Lab)]
fn answers_slots() {
    io!(context!().timeline.pause(1));
    take(&context!().slots).into_iter().for_each(|slot| slot.answer_with(|key| key));
}

// ── the table ──

/// The clock of the lab, which can be made to stand still; then it tells that the run sleeps.
struct Stoppable {
    timeline: Timeline,
    stands_still: Arc<AtomicBool>,
    sleeps: Option<mpsc::Sender<()>>,
}

impl Clock for Stoppable {
    fn now(&self) -> Duration {
        self.timeline.clock.now()
    }

    fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.timeline.clock.sleep_until(time)
    }

    fn idle(&self) {
        if self.stands_still.load(Ordering::Relaxed) {
            self.sleeps.iter().for_each(|sleeps| sleeps.send(()).unwrap());
        } else {
            self.timeline.clock.idle();
        }
    }
}

fn cell(way: Way, doing: Doing) {
    let lab = Lab {
        timeline: Timeline::default(),
        token: sync::Mutex::default(),
        slots: sync::Mutex::default(),
        mutex: Mutex::new(()),
        never: WaitGroup::new(),
        stands_still: Arc::default(),
        guards: Number::default(),
    };
    lab.never.add(1);
    let (sender, sleeps) = mpsc::channel();
    let mut schedule =
        Schedule::new(&lab).observe(lab.timeline.observer()).max_tasks(8).clock(Stoppable {
            timeline: lab.timeline.clone(),
            stands_still: lab.stands_still.clone(),
            sleeps: (way == TokenOnAThread).then_some(sender),
        });
    if way == Deadline {
        schedule = schedule.timeout(Duration::from_millis(5));
    }
    let mut sleeps = Some(sleeps);
    let mut in_use = Vec::new();
    // The first has it all warmed up.
    for _ in 0..4 {
        let token = CancellationToken::new();
        *lab.token.lock().unwrap() = token.clone();
        let options = RunOptions::new().cancel_on(&token);
        lab.stands_still.store(false, Ordering::Relaxed);
        let ends = match way {
            TokenOnAThread => {
                let (of_thread, waits) = (token.clone(), sleeps.take().unwrap());
                let cancels = thread::spawn(move || {
                    waits.recv().unwrap();
                    of_thread.cancel();
                    waits
                });
                let result = schedule.run_with(options, program(way, doing));
                sleeps = Some(cancels.join().unwrap());
                format!("{result:?}")
            }
            TokenBesideAnAsyncRun | DropOfTheRun => {
                let mut run = schedule.run_async_with(options, program(way, doing));
                let mut context = Context::from_waker(Waker::noop());
                while !lab.stands_still.load(Ordering::Relaxed) {
                    assert!(Pin::new(&mut run).poll(&mut context).is_pending());
                }
                if way == DropOfTheRun {
                    drop(run);
                    "dropped".into()
                } else {
                    token.cancel();
                    let Poll::Ready(result) = Pin::new(&mut run).poll(&mut context) else {
                        panic!("cancelled, it is over")
                    };
                    format!("{result:?}")
                }
            }
            PanicElsewhere => {
                let payload = catch_unwind(AssertUnwindSafe(|| {
                    schedule.run_with(options, program(way, doing))
                }))
                .unwrap_err();
                payload.downcast_ref::<&str>().unwrap().to_string()
            }
            _ => format!("{:?}", schedule.run_with(options, program(way, doing))),
        };
        let ended: String = match way {
            Deadline => "Err(TimedOut { limit: 5ms })".into(),
            DropOfTheRun => "dropped".into(),
            PanicElsewhere => "elsewhere".into(),
            _ if way.ends_the_run() => "Err(Cancelled)".into(),
            _ => "Ok(())".into(),
        };
        assert_eq!(ends, ended);
        check_story(&lab, way, doing, &lab.timeline.take());
        assert_eq!(schedule.run(healthy()), Ok(10));
        // Late, after the run: to nobody.
        take(&lab.slots).into_iter().for_each(|slot| slot.answer(999));
        assert_eq!(schedule.run(healthy()), Ok(10));
        lab.timeline.take();
        take(&lab.token);
        in_use.push(support::heap::in_use());
    }
    // What is leaked is leaked each time; the text of panics, which the test harness keeps, grows
    // now and then. What one thread has allocated another one frees, when it cancels.
    if way != TokenOnAThread {
        assert!(
            in_use[1] == in_use[2] || in_use[2] == in_use[3],
            "bytes in use after each run: {in_use:?}"
        );
    }
}

#[track_caller]
fn check_story(lab: &Lab, way: Way, doing: Doing, timeline: &str) {
    let lines: Vec<&str> =
        timeline.lines().map(|line| line.split_once(": ").map_or(line, |(_, what)| what)).collect();
    let count = |line: &str| lines.iter().filter(|other| **other == line).count();
    let place = |line: &str| lines.iter().position(|other| *other == line);
    let last = |line: &str| lines.iter().rposition(|other| *other == line);

    // Destructors.
    let (children, victims, outers) =
        (count("child dropped"), count("victim dropped"), count("outer dropped"));
    assert_eq!(
        children + victims + outers,
        lab.guards.take(),
        "each destructor runs once:\n{timeline}"
    );
    assert_eq!((victims, outers), (1, 1), "{timeline}");
    // The frame of one that has returned is gone.
    let parent = if doing == Doing::HasReturned { "outer dropped" } else { "victim dropped" };
    assert!(
        last("child dropped") < place(parent) && place("victim dropped") < place("outer dropped"),
        "children before parents:\n{timeline}"
    );
    assert_eq!(count("the victim went on"), 0, "{timeline}");

    // What leaves afterwards.
    let cut = if way == Deadline { place("child dropped") } else { place("cut") }
        .unwrap_or_else(|| panic!("it is cut:\n{timeline}"));
    let batches: Vec<&str> = lines[cut..]
        .iter()
        .copied()
        .filter(|line| line.contains('[') && *line != "cancels[1]")
        .collect();
    let keys = batches
        .iter()
        .flat_map(|batch| batch.split(|c: char| !c.is_ascii_digit()))
        .filter_map(|key| key.parse::<u64>().ok());
    assert_eq!(
        keys.filter(|key| *key >= VICTIMS).count(),
        0,
        "what the victim asked is withdrawn:\n{timeline}"
    );
    if way.ends_the_run() {
        assert_eq!(batches.len(), 0, "nothing leaves any more:\n{timeline}");
    } else {
        assert_eq!(count("over"), 1, "the others go on:\n{timeline}");
    }
}

fn table(ways: impl Fn(Way) -> bool) {
    let mut failed = Vec::new();
    for way in WAYS.into_iter().filter(|way| ways(*way)) {
        for doing in DOINGS {
            // Nobody sleeps, and no time passes, in the phase in which it asks.
            let takes_time = matches!(
                way,
                TimeLimit
                    | Deadline
                    | TokenInADispatcher
                    | TokenOnAThread
                    | TokenBesideAnAsyncRun
                    | DropOfTheRun
            );
            if doing == Doing::Asking && takes_time {
                continue;
            }
            if let Err(panic) = catch_unwind(|| cell(way, doing)) {
                let text = panic.downcast_ref::<String>().map_or_else(
                    || panic.downcast_ref::<&str>().copied().unwrap_or("?"),
                    String::as_str,
                );
                failed.push(format!("{way:?} × {doing:?}: {text}\n"));
            }
        }
    }
    assert!(failed.is_empty(), "{} cells failed:\n{}", failed.len(), failed.concat());
}

mod a_task_can_be_doing_anything_when_it_is_cut {
    use super::*;

    #[test]
    fn by_a_race_or_an_error_or_a_time_limit() {
        table(|way| !way.ends_the_run());
    }

    #[test]
    fn by_the_end_of_its_run() {
        table(Way::ends_the_run);
    }
}

#[test]
fn a_cancelled_run_sends_nothing_more_and_late_answers_do_not_poison_the_next_run() {
    #[derive(Default, corio::Context)]
    struct Shelf {
        slots: sync::Mutex<Vec<Slot<u64, u64>>>,
        token: sync::Mutex<CancellationToken>,
    }

    #[corio::dispatcher(show_keys, max_batch = 1)]
    fn cancels(token: &sync::Mutex<CancellationToken>, keys: &[u64]) -> Vec<u64> {
        token.lock().unwrap().cancel();
        keys.to_vec()
    }

    #[corio::dispatcher(show_keys)]
    fn in_place(keys: &[u64]) -> Vec<u64> {
        keys.to_vec()
    }

    #[corio::dispatcher(show_keys)]
    fn shelved(slots: &sync::Mutex<Vec<Slot<u64, u64>>>, batch: Batch<u64, u64>) {
        slots.lock().unwrap().extend(batch);
    }

    #[corio::task(Shelf)]
    fn asks_often(key: u64) {
        for _ in 0..10 {
            io!(shelved(key));
            io!(in_place(key));
        }
    }

    #[corio::task(Shelf)]
    fn program() {
        for key in 0..3 {
            spawn!(asks_often(key));
        }
        // Asked before the others, and so sent before them.
        io!(in_place(7));
        io!(cancels(1), cancels(2), in_place(8));
    }

    let shelf = Shelf::default();
    let log = corio::Log::new();
    let mut schedule = Schedule::new(&shelf).observe(log.observer());
    for _ in 0..3 {
        take(&shelf.token);
        let options = RunOptions::new().cancel_on(&shelf.token.lock().unwrap());
        assert_eq!(schedule.run_with(options, program()), Err(Error::Cancelled));
        let late = take(&shelf.slots);
        assert_eq!(late.len(), 3);

        // The next run asks for the same; the late answers come while it waits.
        let mut run = schedule.run_async(shelved(1));
        assert!(Pin::new(&mut run).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        late.into_iter().for_each(|slot| slot.answer(999));
        assert!(Pin::new(&mut run).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        take(&shelf.slots).into_iter().for_each(|slot| slot.answer_with(|key| key));
        assert_eq!(
            Pin::new(&mut run).poll(&mut Context::from_waker(Waker::noop())),
            Poll::Ready(Ok(1))
        );
        drop(run);
        assert_eq!(schedule.run(healthy()), Ok(10));
    }
    let text = log.take();
    let of_one: String = text.split_inclusive('\n').take(text.lines().count() / 3).collect();
    assert_eq!(text, of_one.repeat(3));
    expect![[r#"
        round 1: shelved[0, 1, 2]
        round 1: in_place[7]
        round 2: cancels[1]
        round 1: shelved[1]
        round 1: double[1]
        round 2: double[0, 1, 2]
        round 3: double[2]
    "#]]
    .assert_eq(&of_one);
}

mod a_token {
    use super::*;

    #[corio::dispatcher(show_keys)]
    async fn never(_keys: &[u64]) -> Vec<u64> {
        std::future::pending().await
    }

    #[test]
    fn that_is_cancelled_before_a_run_begins_has_none_of_it_run() {
        #[corio::task]
        fn program(ran: Arc<AtomicBool>) {
            ran.store(true, Ordering::Relaxed);
        }

        let ran = Arc::new(AtomicBool::new(false));
        let token = CancellationToken::new();
        let mut schedule = Schedule::new(()).cancel_on(&token);
        assert_eq!(schedule.run(program(ran.clone())), Ok(()));
        assert!(ran.swap(false, Ordering::Relaxed));
        token.cancel();
        for _ in 0..2 {
            assert_eq!(schedule.run(program(ran.clone())), Err(Error::Cancelled));
        }
        let mut run = schedule.run_async(program(ran.clone()));
        assert_eq!(
            Pin::new(&mut run).poll(&mut Context::from_waker(Waker::noop())),
            Poll::Ready(Err(Error::Cancelled))
        );
        drop(run);
        assert_eq!((ran.load(Ordering::Relaxed), Arc::strong_count(&ran)), (false, 1));
    }

    #[test]
    fn wakes_an_asynchronous_run_that_sleeps() {
        struct Woken(std::sync::atomic::AtomicBool);

        impl std::task::Wake for Woken {
            fn wake(self: std::sync::Arc<Self>) {
                self.0.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        }

        let woken = std::sync::Arc::new(Woken(false.into()));
        let waker = Waker::from(woken.clone());
        let token = CancellationToken::new();
        let mut schedule = Schedule::new(()).cancel_on(&token);
        let mut run = schedule.run_async(never(1));
        assert!(Pin::new(&mut run).poll(&mut Context::from_waker(&waker)).is_pending());
        assert!(!woken.0.load(std::sync::atomic::Ordering::Relaxed));
        thread::spawn(move || token.cancel()).join().unwrap();
        assert!(woken.0.load(std::sync::atomic::Ordering::Relaxed));
        assert_eq!(
            Pin::new(&mut run).poll(&mut Context::from_waker(&waker)),
            Poll::Ready(Err(Error::Cancelled))
        );
    }

    #[test]
    fn cancels_all_runs_of_all_schedules_that_it_was_given_to() {
        let token = CancellationToken::new();
        let (mut one, mut other) = (Schedule::new(()), Schedule::new(()));
        one = one.cancel_on(&token);
        other = other.cancel_on(&token.clone());
        let mut runs = [one.run_async(never(1)), other.run_async(never(2))];
        let mut context = Context::from_waker(Waker::noop());
        assert!(runs.iter_mut().all(|run| Pin::new(run).poll(&mut context).is_pending()));
        token.cancel();
        assert!(
            runs.iter_mut()
                .all(|run| Pin::new(run).poll(&mut context) == Poll::Ready(Err(Error::Cancelled)))
        );
    }

    #[test]
    fn of_an_outer_run_does_not_end_the_inner_one() {
        #[corio::task]
        fn program(token: CancellationToken) -> u64 {
            token.cancel();
            let inner = Schedule::new(()).run(healthy());
            assert_eq!(inner, Ok(10));
            io!(never(1))
        }

        let token = CancellationToken::new();
        assert_eq!(
            Schedule::new(()).cancel_on(&token).run(program(token.clone())),
            Err(Error::Cancelled)
        );
    }

    #[test]
    fn that_a_task_cancels_as_the_last_thing_changes_nothing() {
        #[corio::task]
        fn program(token: CancellationToken) -> u64 {
            let answer = io!(support::double(1));
            token.cancel();
            answer
        }

        let token = CancellationToken::new();
        assert_eq!(Schedule::new(()).cancel_on(&token).run(program(token.clone())), Ok(2));
    }

    #[test]
    fn may_be_cancelled_by_a_destructor_of_the_run_that_it_cancels() {
        struct Cancels(CancellationToken);

        impl Drop for Cancels {
            fn drop(&mut self) {
                self.0.cancel();
            }
        }

        #[corio::task]
        fn program(token: CancellationToken) {
            let _cancels = Cancels(token.clone());
            token.cancel();
            io!(never(1));
        }

        let token = CancellationToken::new();
        let mut schedule = Schedule::new(());
        assert_eq!(
            schedule.run_with(RunOptions::new().cancel_on(&token), program(token.clone())),
            Err(Error::Cancelled)
        );
        assert_eq!(schedule.run(healthy()), Ok(10));
    }
}
