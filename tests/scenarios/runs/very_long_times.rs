//! Times of any length, in every parameter that is one, under every kind of clock: none panics, and
//! one that is too long to come to an end is no limit.

use std::collections::BTreeSet;
use std::future::Future;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::{self, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use corio::sync::Mutex;
use corio::testing::VirtualClock;
use corio::{Batch, Clock, Elapsed, Error, Retry, Schedule, SendTask, Task};
use expect_test::{Expect, expect};
use support::{Number, without_lines};
use tokio::sync::oneshot;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
const NANOSECOND: Duration = Duration::from_nanos(1);

/// Longer than that is more than a time can be, of some clock or other.
const CENTURIES: [Duration; 3] =
    [YEAR.saturating_mul(100), YEAR.saturating_mul(300), YEAR.saturating_mul(999)];

/// These are said of what is to have no end.
const ENDLESS: [Duration; 5] = [
    YEAR.saturating_mul(5000),
    Duration::from_secs(i64::MAX as u64),
    Duration::from_secs(u64::MAX),
    Duration::MAX.saturating_sub(NANOSECOND),
    Duration::MAX,
];

// ── clocks ──

/// As the documentation of `Clock` shows it.
struct OfTokio(tokio::time::Instant);

impl Clock for OfTokio {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep_until(self.0 + time))
    }
}

/// The same for another executor.
struct OfSmol(Instant);

impl Clock for OfSmol {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let timer = smol::Timer::at(self.0 + time);
        Box::pin(async move {
            {
                timer.await;
            }
        })
    }
}

/// Tells when the run has asked for the time until which it sleeps, and is about to do so.
struct Telling<C>(C, mpsc::Sender<()>);

impl<C: Clock> Clock for Telling<C> {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.sleep_until(time)
    }

    fn idle(&self) {
        self.0.idle();
        self.1.send(()).ok();
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    System,
    Virtual,
    Smol,
    Tokio,
}

const KINDS: [Kind; 4] = [Kind::System, Kind::Virtual, Kind::Smol, Kind::Tokio];

/// A clock, and whether the run is asynchronous.
#[derive(Clone, Copy, Debug)]
struct Way(Kind, bool);

impl Way {
    fn run<T>(
        self,
        tell: impl FnOnce(Schedule<Lab>) -> Schedule<Lab>,
        task: impl SendTask<Lab, Output = T>,
    ) -> Result<T, Error> {
        let Way(kind, is_async) = self;
        let (sender, receiver) = mpsc::channel();
        let gate = Gate(sync::Mutex::new((kind != Kind::Virtual).then_some(receiver)));
        let schedule = Schedule::new(Lab { gate, ..Lab::default() });
        let schedule = match kind {
            // Nobody can tell when it is asked; what is awaited comes at any time.
            Kind::System => {
                drop(sender);
                schedule
            }
            Kind::Virtual => schedule.clock(VirtualClock::new()),
            Kind::Smol => schedule.clock(Telling(OfSmol(Instant::now()), sender)),
            Kind::Tokio => schedule.clock(Telling(OfTokio(tokio::time::Instant::now()), sender)),
        };
        let mut schedule = tell(schedule);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .unwrap();
        let _entered = runtime.enter();
        if is_async { smol::block_on(schedule.run_async(task)) } else { schedule.run(task) }
    }
}

// ── what is run ──

#[derive(corio::Context, Default)]
struct Lab {
    tries: Tries,
    pause: Pause,
    gate: Gate,
}

#[derive(Default)]
struct Tries(Number);

/// What a slot says.
#[derive(Default)]
struct Pause(sync::Mutex<Option<Duration>>);

/// Absent under a clock that stands still while anything happens.
#[derive(Default)]
struct Gate(sync::Mutex<Option<mpsc::Receiver<()>>>);

/// Answers when the run is about to sleep; under a virtual clock soon, but not at once.
#[corio::dispatcher(timeout = "500000000000years")]
async fn later(gate: &Gate, keys: &[u64]) -> Vec<u64> {
    let gate = gate.0.lock().unwrap().take();
    match gate {
        Some(gate) => {
            let (sender, receiver) = oneshot::channel();
            thread::spawn(move || {
                gate.recv().ok();
                sender.send(())
            });
            receiver.await.unwrap();
        }
        None => smol::future::yield_now().await,
    }
    keys.to_vec()
}

#[corio::dispatcher]
fn tried_again(tries: &Tries, pause: &Pause, batch: Batch<u64, u64>) {
    tries.0.add(1);
    for slot in batch {
        match (tries.0.get(), *pause.0.lock().unwrap()) {
            (1, Some(pause)) => slot.retry_after(pause),
            (1, None) => slot.retry(),
            _ => slot.answer_with(|key| key),
        }
    }
}

#[corio::dispatcher(cache)]
fn kept(tries: &Tries, keys: &[u64]) -> Vec<u64> {
    tries.0.add(1);
    keys.to_vec()
}

#[corio::task(Lab)]
fn limited(limit: Duration) -> Result<u64, Elapsed> {
    timeout!(limit, later(7))
}

#[corio::task(Lab)]
fn limited_twice(limit: Duration) -> Result<u64, Elapsed> {
    timeout!(limit, task!(-> Result<u64, Elapsed> { timeout!(limit, later(7)) }))?
}

#[corio::task(Lab)]
fn in_a_pause(says: Option<Duration>) -> &'static str {
    *context!().pause.0.lock().unwrap() = says;
    race!(
        task!(-> &'static str {
            io!(tried_again(7));
            "tried again"
        }),
        task!(-> &'static str {
            io!(later(7));
            "in the pause"
        })
    )
}

#[corio::task(Lab)]
fn asks_twice() -> String {
    io!(kept(7));
    io!(later(7));
    io!(kept(7));
    format!("asked {} times", context!().tries.0.get())
}

type Place = (&'static str, fn(Way, Duration) -> String);

const PLACES: [Place; 8] = [
    ("timeout!", |way, time| format!("{:?}", way.run(|schedule| schedule, limited(time)))),
    ("timeout! in timeout!", |way, time| {
        format!("{:?}", way.run(|schedule| schedule, limited_twice(time)))
    }),
    ("timeout = ..", |way, time| {
        let limit =
            |schedule: Schedule<Lab>| schedule.options(later, |options| options.timeout(time));
        format!("{:?}", way.run(limit, later(7)))
    }),
    ("deadline", |way, time| format!("{:?}", way.run(|schedule| schedule.timeout(time), later(7)))),
    ("backoff", |way, time| {
        let backoff = |schedule: Schedule<Lab>| {
            schedule.options(tried_again, |options| {
                options.retry(Retry::attempts(2).backoff(time, time))
            })
        };
        format!("{:?}", way.run(backoff, in_a_pause(None)))
    }),
    ("backoff, jitter", |way, time| {
        let backoff = |schedule: Schedule<Lab>| {
            schedule.options(tried_again, |options| {
                options.retry(Retry::attempts(2).backoff(time, time).jitter())
            })
        };
        format!("{:?}", way.run(backoff, in_a_pause(None)))
    }),
    ("retry_after", |way, time| {
        format!("{:?}", way.run(|schedule| schedule, in_a_pause(Some(time))))
    }),
    ("ttl", |way, time| {
        let keep = |schedule: Schedule<Lab>| schedule.options(kept, |options| options.ttl(time));
        format!("{:?}", way.run(keep, asks_twice()))
    }),
];

/// What came of all these times in all ways, place by place.
fn table(times: &[Duration]) -> String {
    let mut text = String::new();
    for (name, place) in PLACES {
        let mut outcomes = BTreeSet::new();
        for (time, kind, is_async) in times
            .iter()
            .flat_map(|time| KINDS.map(|kind| (time, kind)))
            .flat_map(|(time, kind)| [false, true].map(|how| (time, kind, how)))
        {
            let way = Way(kind, is_async);
            let Ok(outcome) = catch_unwind(|| place(way, *time)) else {
                panic!("{name} with {time:?}, {way:?}")
            };
            outcomes.insert(outcome);
        }
        text += &format!("{name}: {}\n", Vec::from_iter(outcomes).join(", "));
    }
    text
}

const NO_LIMIT: Expect = expect![[r#"
    timeout!: Ok(Ok(7))
    timeout! in timeout!: Ok(Ok(7))
    timeout = ..: Ok(7)
    deadline: Ok(7)
    backoff: Ok("in the pause")
    backoff, jitter: Ok("in the pause")
    retry_after: Ok("in the pause")
    ttl: Ok("asked 1 times")
"#]];

#[test]
fn times_without_end_are_no_limits() {
    NO_LIMIT.assert_eq(&table(&ENDLESS));
}

#[test]
fn centuries_are_as_good() {
    NO_LIMIT.assert_eq(&table(&CENTURIES));
}

/// Which way they end depends on what comes first; they do end.
#[test]
fn no_time_at_all_and_a_nanosecond_end_in_one_way_or_the_other() {
    table(&[Duration::ZERO, NANOSECOND]);
}

#[test]
fn a_virtual_clock_does_not_jump_to_the_end_of_a_time_that_has_none() {
    fn answered(
        schedule: Schedule<Lab>,
        task: impl Task<Lab, Output = Result<u64, Elapsed>>,
    ) -> Duration {
        let clock = VirtualClock::new();
        let (sender, receiver) = mpsc::channel();
        let mut schedule = schedule.clock(Telling(clock.clone(), sender));
        schedule.context().gate.0.lock().unwrap().replace(receiver);
        assert_eq!(schedule.run(task), Ok(Ok(7)));
        clock.now()
    }

    let schedule = Schedule::new(Lab::default()).timeout(Duration::MAX);
    assert_eq!(answered(schedule, limited(Duration::MAX)), Duration::ZERO);
}

#[test]
fn a_virtual_clock_can_be_advanced_and_slept_by_for_any_time() {
    #[corio::dispatcher]
    async fn sleeps(clock: &VirtualClock, times: &[Duration]) -> Vec<()> {
        for time in times {
            clock.sleep(*time).await;
        }
        vec![(); times.len()]
    }

    for time in [Duration::ZERO, NANOSECOND].into_iter().chain(CENTURIES).chain(ENDLESS) {
        let clock = VirtualClock::new();
        let mut schedule = Schedule::new(&clock).clock(clock.clone()).timeout(Duration::MAX);
        assert_eq!(schedule.run(sleeps(time)), Ok(()));
        assert_eq!(clock.now(), time);
        // Behind the end of all times as well.
        clock.advance(time);
        assert_eq!(schedule.run(sleeps(time)), Ok(()));
    }
}

#[test]
fn a_deadlock_beside_a_limit_without_end_is_one() {
    #[corio::task]
    fn locks_twice() -> bool {
        let mutex = Mutex::new(());
        let _guard = call!(mutex.lock());
        timeout!(Duration::MAX, mutex.lock()).is_ok()
    }

    let error = Schedule::new(()).run(locks_twice()).unwrap_err();
    expect![[r#"
        deadlock: no task can run, nothing is queued and nothing in flight, but 2 tasks wait
          cycle: #1 → #2 → #1
          #1 `locks_twice` waits at LINE for its children: #2
          #2 `locks_twice > Lock` waits at LINE for a mutex, held by #1"#]]
    .assert_eq(&without_lines(&error.to_string()));
}
