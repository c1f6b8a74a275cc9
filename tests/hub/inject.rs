//! A panic at each call of the user's code, one after the other: keys, parts and answers that are
//! hashed, compared, cloned and dropped, groups, predicates, the batch function, observers. Whatever
//! panics, everybody who waits is told something, and the hub goes on.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use corio::testing::VirtualClock;
use corio::{Config, Hub};
use futures_util::future::{BoxFuture, FutureExt, join_all, select};
use support::executor::Executor;
use support::user_code::{self, Key, call};
use tokio::sync::oneshot;

/// A part, which the hub clones, compares, hashes and drops.
#[derive(Debug)]
struct Part(u64);

impl Clone for Part {
    fn clone(&self) -> Self {
        call();
        Part(self.0)
    }
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        call();
        self.0 == other.0
    }
}

impl Eq for Part {}

impl Hash for Part {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        call();
        self.0.hash(hasher);
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        call();
    }
}

#[derive(corio::Context)]
struct App {
    clock: VirtualClock,
}

#[derive(corio::Context)]
struct OfRun {
    clock: VirtualClock,
    part: Part,
}

#[corio::dispatcher(
    shared,
    dedup,
    max_batch = 3,
    group_by = |key: &Key| {
        call();
        key.0 % 2
    },
    by = |part: &Part| part.clone(),
    retry(attempts = 2, when = |error: &Key| {
        call();
        error.0 == 4
    })
)]
async fn answer(clock: &VirtualClock, part: &Part, keys: &[Key]) -> Vec<Result<Key, Key>> {
    call();
    clock.sleep(Duration::from_millis(part.0 + 1)).await;
    call();
    keys.iter().map(|key| if key.0 == 4 { Err(Key(4)) } else { Ok(Key(key.0)) }).collect()
}

#[corio::task(OfRun)]
fn asks_two(key: u64) -> (Result<Key, Key>, Result<Key, Key>) {
    io!(answer(Key(key)), answer(Key(key + 1)))
}

/// Runs askers of all kinds to their ends, each in a task of its own, as a panic ends a task.
fn run_askers(executor: &Executor, hub: &Hub<App>, clock: &VirtualClock) {
    let mut ends = Vec::new();
    let mut start = |asker: BoxFuture<'static, ()>| {
        let (end, over) = oneshot::channel::<()>();
        ends.push(over);
        executor.spawn(async move {
            drop(AssertUnwindSafe(asker).catch_unwind().await);
            drop(end);
        });
    };
    for n in 0..5 {
        let (hub, clock) = (hub.clone(), clock.clone());
        start(Box::pin(async move {
            let ask = hub.ask_for(Part(n % 2), answer(Key(n)));
            if n < 4 {
                drop(ask.await);
            } else {
                drop(select(ask, Box::pin(clock.sleep(Duration::from_millis(1)))).await);
            }
        }));
    }
    let driven = hub.clone();
    start(Box::pin(async move {
        let asks = (0..4).map(|key| driven.ask_for(Part(key % 2), answer(Key(key))));
        drop(driven.drive(join_all(asks)).await);
    }));
    let (config, clock) = (Config::new().through(hub), clock.clone());
    start(Box::pin(async move {
        let mut schedule = config.schedule(OfRun { clock, part: Part(1) });
        drop(schedule.run_async(asks_two(1)).await);
    }));
    executor.block_on(join_all(ends));
}

/// Runs the askers with a panic at this call. Returns how many calls there were.
fn inject(target: u64, is_observed: bool) -> u64 {
    let executor = Executor::new();
    let clock = executor.clock();
    // An executor of tasks, each of which may panic.
    let spawner = executor.spawner();
    let spawner = move |work: corio::Work| {
        spawner(Box::pin(AssertUnwindSafe(work).catch_unwind().map(drop)));
    };
    let mut hub = Hub::new(App { clock: clock.clone() }, spawner)
        .clock(clock.clone())
        .share(answer)
        // A place that is lost is missed at the end.
        .max_in_flight(if is_observed { 1 } else { 2 });
    if is_observed {
        hub = hub.observe(|_: &corio::Event<'_>| call());
    }
    let calls = Rc::new(Cell::new(0));
    let counted = calls.clone();
    user_code::set(move || {
        counted.set(counted.get() + 1);
        if counted.get() == target && !std::thread::panicking() {
            std::panic::resume_unwind(Box::new("injected"));
        }
    });
    run_askers(&executor, &hub, &clock);
    executor.settle();
    user_code::clear();
    let again = executor.block_on(hub.ask_for(Part(0), answer(Key(2))));
    assert!(matches!(again, Ok(Ok(Key(2)))), "after a panic at call {target}: {again:?}");
    drop(again);
    executor.settle();
    for of in hub.snapshot().dispatchers() {
        let left = (of.queued, of.aboard, of.in_flight, of.lanes);
        assert_eq!(left, (0, 0, 0, 0), "after a panic at call {target}");
    }
    assert_eq!(executor.jobs(), 0, "after a panic at call {target}");
    calls.get()
}

#[test]
fn a_panic_at_any_call_leaves_nobody_waiting_and_the_hub_goes_on() {
    for is_observed in [false, true] {
        let calls = inject(0, is_observed);
        assert!(calls > 100, "{calls} calls");
        (1..=calls).for_each(|target| {
            inject(target, is_observed);
        });
    }
}
