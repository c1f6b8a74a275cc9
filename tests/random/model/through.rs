//! The same programs through a hub, several at once, whose requests share batches. What each gives
//! is what it may give alone: the same, where that is one thing only.
//!
//! The record of a program tells nothing of batches, which are no longer its own; all else that
//! must hold is checked as ever. On an executor of one thread the same happens again, event by
//! event. On several threads, time passes whenever it likes.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use corio::testing::VirtualClock;
use corio::{Clock, Config, Event as Told, Hub, Work};
use futures_util::future::{Either, FutureExt, join_all, select};
use support::executor::{Executor, yield_now};
use tokio::runtime::{Builder, Handle};

use crate::lock;
use crate::model::check::{AtMost, Ran, came_of, check_same, healthy, is_ten};
use crate::model::dispatchers::{Pace, alpha, beta, gamma, healthy_beta};
use crate::model::generate::{Case, Driver, Fate, case};
use crate::model::predict::predict;
use crate::model::random::mix;
use crate::model::record::Answered;
use crate::model::run::exec;
use crate::model::shared::Shared;
use crate::model::shrink::shrink;
use crate::model::{Ends, TRIES, chosen_seeds, fail, told, watched};

const CASES: u64 = 300;
/// How many programs there are at most at a time, on one thread and on several.
const BESIDE: u64 = 6;
const ON_THREADS: usize = 24;

// ── a program ──

/// What came of it, or what was wrong.
type End = Result<Ran, String>;

/// Its time is the executor's, which alone says when nothing can happen any more.
struct TimeOfExecutor(VirtualClock);

impl Clock for TimeOfExecutor {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.sleep_until(time)
    }
}

/// Runs a program through a hub, and something healthy in the same schedule afterwards.
async fn run(case: Case, config: Config, clock: VirtualClock) -> End {
    let possible = predict(&case.body, 0);
    let (shuffled, answered) = (case.shuffle.is_some(), Answered::ByHub { program: case.seed });
    let shared = Arc::new(Shared::new(pace(&case), shuffled, answered, clock));
    let heard = shared.clone();
    let mut schedule = config
        .schedule(shared.clone())
        .observe(move |event: &Told<'_>| heard.record().hears(event))
        .yield_every(match case.driver {
            Driver::Run => 1 + case.seed as usize % 5,
            Driver::Polled(resumes) => resumes,
        });
    if let Some(seed) = case.shuffle {
        schedule = schedule.shuffle(seed);
    }
    let record = shared.begins(case.fate == Fate::MayDeadlock);
    let task = exec(case.body.clone(), record.root());
    let turned = AtMost::new(case.fate, schedule.run_async(task));
    let turned = AssertUnwindSafe(turned).catch_unwind().await;
    let ran = came_of(&case, &shared, record, &possible, turned)?;
    is_ten(schedule.run_async(healthy()).await)?;
    Ok(ran)
}

fn pace(case: &Case) -> Pace {
    Pace { seed: case.seed, slowest: case.slowest }
}

/// A hub, whose batches take as long as those of the first program.
fn hub_for(
    first: &Case,
    clock: &VirtualClock,
    spawner: impl Fn(Work) + Send + Sync + 'static,
) -> Hub<Shared> {
    let answered = Answered::ByHub { program: u64::MAX };
    let context = Shared::new(pace(first), false, answered, clock.clone());
    let hub = Hub::new(context, spawner)
        .clock(clock.clone())
        .share(alpha)
        .share(beta)
        .share(gamma)
        .share(healthy_beta);
    match first.seed % 6 {
        limit @ 1..=3 => hub.max_in_flight(limit as usize),
        _ => hub,
    }
}

/// Nothing was wrong with its batches, and nothing is left in it.
fn check_hub(hub: &Hub<Shared>) -> Result<(), String> {
    let mut state = hub.context().record().is_over(false);
    for of in hub.snapshot().dispatchers() {
        let left = [of.queued, of.aboard, of.in_flight, of.lanes];
        state.check(left == [0; 4], || {
            format!("queued, aboard, in flight, and lanes of {} are left: {left:?}", of.name)
        });
    }
    if state.wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("in the hub: {}", state.wrong.join("\n")))
    }
}

// ── on one thread ──

/// Requests and batches.
#[derive(Clone, Copy, Debug, Default)]
struct Shares {
    requests: u64,
    batches: u64,
}

/// What came of programs that were run together, in their order.
fn run_together(cases: &[Case]) -> Result<(Vec<Ran>, Shares), String> {
    let executor = Executor::new();
    let clock = executor.clock();
    let hub = hub_for(&cases[0], &clock, executor.spawner());
    let config = Config::new().through(&hub).clock(TimeOfExecutor(clock.clone()));
    let ends: Arc<Mutex<Vec<Option<End>>>> = Arc::default();
    for (at, case) in cases.iter().enumerate() {
        lock(&ends).push(None);
        let (ends, case) = (ends.clone(), case.clone());
        let (config, clock) = (config.clone(), clock.clone());
        executor.spawn(async move {
            let end = run(case, config, clock).await;
            lock(&ends)[at] = Some(end);
        });
    }
    drop(config);
    executor.settle();
    let mut all = Vec::new();
    for (case, end) in cases.iter().zip(lock(&ends).drain(..)) {
        let end = end.unwrap_or_else(|| Err(format!("it hangs\n{}", hub.snapshot())));
        all.push(end.map_err(|wrong| format!("program {}: {wrong}", case.seed))?);
    }
    executor.block_on(hub.shutdown(Duration::ZERO));
    check_hub(&hub)?;
    if executor.jobs() != 0 {
        return Err(format!("{} jobs are left", executor.jobs()));
    }
    let mut shares = Shares::default();
    for of in hub.snapshot().dispatchers() {
        shares.requests += of.requests;
        shares.batches += of.batches;
    }
    Ok((all, shares))
}

/// Runs programs together, twice.
fn check_together(cases: &[Case]) -> Result<(Vec<Ran>, Shares), String> {
    let (first, shares) = run_together(cases)?;
    let (again, _) = run_together(cases)?;
    for (first, again) in first.iter().zip(&again) {
        check_same("once more", first, again)?;
    }
    Ok((first, shares))
}

#[test]
fn programs_through_a_hub_do_what_the_model_says() {
    watched(|at| {
        let chosen = chosen_seeds("CORIO_MODEL_HUB");
        let seeds = chosen.clone().unwrap_or(0..CASES);
        let certain = seeds.clone().filter(|seed| gives_one(&case(*seed))).count() as u64;
        let (mut ends, mut shares, mut from) = (Ends::default(), Shares::default(), seeds.start);
        while from < seeds.end {
            at.store(from, Ordering::Relaxed);
            let cases: Vec<Case> =
                (from..seeds.end.min(from + 1 + mix(from) % BESIDE)).map(case).collect();
            from += cases.len() as u64;
            match check_together(&cases) {
                Ok((ran, of)) => {
                    ran.iter().for_each(|ran| ends.count(&ran.end, ran.events.len()));
                    shares.requests += of.requests;
                    shares.batches += of.batches;
                }
                Err(wrong) => fail_together(cases, &wrong),
            }
        }
        eprintln!("{ends:?}, {shares:?}, {certain} can give one thing only");
        let gathers = 2 * shares.requests > 3 * shares.batches;
        assert!(
            chosen.is_some() || ends.cover(CASES) && gathers && certain > CASES / 2,
            "cases in which nothing happens prove little: {ends:?}, {shares:?}, {certain}"
        );
    });
}

/// Only one thing may come of it, whoever answers and when.
fn gives_one(case: &Case) -> bool {
    predict(&case.body, 0).is_some_and(|possible| possible.len() == 1)
}

/// Tells of one program if that fails alone, and otherwise of as few as fail together.
fn fail_together(mut cases: Vec<Case>, wrong: &str) -> ! {
    let check = |cases: &[Case]| check_together(cases).map(drop);
    for case in &cases {
        if let Err(wrong) = check(std::slice::from_ref(case)) {
            fail(case.clone(), &wrong, false, |case| check(std::slice::from_ref(case)));
        }
    }
    let mut at = 0;
    while at < cases.len() {
        let mut fewer = cases.clone();
        fewer.remove(at);
        if !fewer.is_empty() && check(&fewer).is_err() { cases = fewer } else { at += 1 }
    }
    for at in 0..cases.len() {
        let fails = |smaller: &Case| {
            let mut changed = cases.clone();
            changed[at] = smaller.clone();
            check(&changed).is_err()
        };
        let smaller = shrink(cases[at].clone(), TRIES, fails);
        cases[at] = smaller;
    }
    let wrong = check(&cases).err().unwrap_or_else(|| wrong.to_owned());
    let told: Vec<String> =
        cases.iter().map(|case| format!("program {}: {}", case.seed, told(case))).collect();
    panic!("together, made smaller:\n{}\n{wrong}", told.join("\n"));
}

// ── on several threads ──

/// Runs programs at once through one hub.
async fn run_at_once(cases: &[Case]) -> Result<Vec<Ran>, String> {
    let clock = VirtualClock::new();
    let hub = hub_for(&cases[0], &clock, corio::spawn::tokio(Handle::current()));
    let config = Config::new().through(&hub).clock(TimeOfExecutor(clock.clone()));
    let programs: Vec<_> = cases
        .iter()
        .map(|case| tokio::spawn(run(case.clone(), config.clone(), clock.clone())))
        .collect();
    // Time passes while others do something, and whatever waits for it may be late or early.
    let time = pin!(async {
        loop {
            Clock::idle(&clock);
            yield_now().await;
        }
    });
    let over = pin!(async {
        let ends = join_all(programs).await;
        hub.shutdown(Duration::ZERO).await;
        ends
    });
    let Either::Left((ends, _)) = select(over, time).await;
    let mut all = Vec::new();
    for (case, end) in cases.iter().zip(ends) {
        let end = end.expect("a panic is an end");
        all.push(end.map_err(|wrong| format!("program {}: {}\n{wrong}", case.seed, told(case)))?);
    }
    check_hub(&hub)?;
    Ok(all)
}

/// Which requests share a batch depends on the threads, and so a failure may not come again.
#[test]
fn programs_on_several_threads_through_a_hub_do_what_the_model_says() {
    watched(|at| {
        let runtime = Builder::new_multi_thread().worker_threads(4).build().unwrap();
        let chosen = chosen_seeds("CORIO_MODEL_HUB");
        let seeds = chosen.clone().unwrap_or(0..CASES);
        let mut ends = Ends::default();
        for from in seeds.clone().step_by(ON_THREADS) {
            at.store(from, Ordering::Relaxed);
            let cases: Vec<Case> =
                (from..seeds.end.min(from + ON_THREADS as u64)).map(case).collect();
            match runtime.block_on(run_at_once(&cases)) {
                Ok(ran) => ran.iter().for_each(|ran| ends.count(&ran.end, ran.events.len())),
                Err(wrong) => panic!("of the programs from {from} on: {wrong}"),
            }
        }
        eprintln!("{ends:?}");
        // How others end depends on the threads.
        assert!(chosen.is_some() || ends.given > CASES / 2, "{ends:?}");
    });
}
