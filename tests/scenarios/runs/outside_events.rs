//! What can come from outside at any moment: a run is cancelled, an answer comes, time passes. Each
//! program is run once for each call of the user's code, and at that call it happens. A run that
//! waits for what is on its way, or is cancelled, is no deadlock.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use corio::testing::VirtualClock;
use corio::{Batch, CancellationToken, Clock, Event, Schedule, Slot};
use expect_test::expect;
use support::user_code::{self, Guard, Key};

// ── moments ──

type Happening = Rc<dyn Fn()>;

/// Runs a program once for each of its moments, and counts how it ended.
fn at_every_moment(run: impl Fn(&dyn Fn(Happening)) -> String) -> String {
    let mut endings = BTreeMap::<String, usize>::new();
    for at in 1.. {
        let calls = Rc::new(Cell::new(0));
        let ending = run(&|happening| {
            let calls = calls.clone();
            user_code::set(move || {
                calls.set(calls.get() + 1);
                if calls.get() == at {
                    happening();
                }
            });
        });
        user_code::clear();
        if calls.get() < at {
            break;
        }
        *endings.entry(ending).or_default() += 1;
    }
    assert!(endings.values().sum::<usize>() > 100, "there are that many moments");
    endings.keys().map(|ending| ending.clone() + "\n").collect()
}

// ── code of the user's ──

#[derive(Clone)]
struct Watched(VirtualClock);

impl Clock for Watched {
    fn now(&self) -> Duration {
        user_code::call();
        self.0.now()
    }

    fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        user_code::call();
        self.0.sleep_until(time)
    }

    fn idle(&self) {
        user_code::call();
        self.0.idle();
    }
}

/// Is called a few times until it is ready.
async fn soon() {
    let _guard = Guard;
    let mut polls = 0;
    poll_fn(|context: &mut Context<'_>| {
        user_code::call();
        polls += 1;
        context.waker().wake_by_ref();
        if polls > 2 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await
}

#[derive(corio::Context)]
struct Lab {
    slots: Slots,
    first: First,
}

/// The next batch is to be tried again.
struct First(AtomicBool);

#[derive(Clone, Default)]
struct Slots(Arc<Mutex<Vec<Slot<Key, u64>>>>);

#[corio::dispatcher(show_keys)]
fn in_place(keys: &[Key]) -> Vec<u64> {
    user_code::call();
    keys.iter().map(|key| key.0).collect()
}

#[corio::dispatcher(cache = "schedule", by = || (), ttl = "1h")]
fn shared(keys: &[Key]) -> Vec<u64> {
    user_code::call();
    keys.iter().map(|key| key.0).collect()
}

#[corio::dispatcher(timeout = "1h", group_by = |key| key.0 % 2)]
async fn awaited(keys: &[Key]) -> Vec<u64> {
    soon().await;
    keys.iter().map(|key| key.0).collect()
}

#[corio::dispatcher(retry(attempts = 2, backoff = "10ms"))]
fn tried_again(first: &First, batch: Batch<Key, u64>) {
    user_code::call();
    for slot in batch {
        if first.0.load(Ordering::Relaxed) { slot.retry() } else { slot.answer_with(|key| key.0) }
    }
    first.0.fetch_not(Ordering::Relaxed);
}

/// Gives the slots to the test.
#[corio::dispatcher(timeout = "1h", faults = "error")]
fn slotted(slots: &Slots, batch: Batch<Key, u64>) {
    user_code::call();
    slots.0.lock().unwrap().extend(batch);
}

fn answer_all(slots: &Slots) {
    let slots = mem::take(&mut *slots.0.lock().unwrap());
    thread::spawn(move || slots.into_iter().for_each(|slot| slot.answer_with(|key| key.0)))
        .join()
        .unwrap();
}

#[corio::dispatcher]
async fn answers_the_slots(slots: &Slots, keys: &[()]) -> Vec<()> {
    soon().await;
    answer_all(slots);
    keys.to_vec()
}

#[corio::task(Lab)]
fn in_any_way(n: u64) -> u64 {
    let _guard = Guard;
    let kept = io!(shared(Key(n / 2)));
    let (one, other) = io!(in_place(Key(n)), shared(Key(n / 2)));
    let first =
        race!(awaited(Key(n)), task!(-> u64 { io!(in_place(Key(n))); io!(in_place(Key(n))) }));
    let limited = timeout!(Duration::from_secs(60), awaited(Key(n))).unwrap_or(n);
    kept + one + other + first + limited + io!(tried_again(Key(n)))
}

#[corio::task(Lab)]
fn program(is_answered: bool) {
    for n in 0..4 {
        spawn!(in_any_way(n));
    }
    if is_answered {
        let (answer, ()) = io!(slotted(Key(7)), answers_the_slots(()));
        assert_eq!(answer.unwrap(), 7);
    } else {
        io!(slotted(Key(7))).ok();
    }
}

/// Runs it in every way, with something that happens.
fn run(is_answered: bool, happens: fn(&CancellationToken, &VirtualClock, &Slots)) -> String {
    let ways: [(bool, Option<u64>); 4] =
        [(false, None), (true, None), (false, Some(1)), (true, Some(2))];
    let endings = ways.map(|(is_async, seed)| {
        at_every_moment(|set| {
            let (token, clock, slots) =
                (CancellationToken::new(), VirtualClock::new(), Slots::default());
            let mut schedule =
                Schedule::new(Lab { slots: slots.clone(), first: First(AtomicBool::new(true)) })
                    .clock(Watched(clock.clone()))
                    .cancel_on(&token)
                    .observe(|_: &Event<'_>| user_code::call());
            if let Some(seed) = seed {
                schedule = schedule.shuffle(seed);
            }
            set(Rc::new(move || happens(&token, &clock, &slots)));
            let ending = if is_async {
                smol::block_on(schedule.run_async(program(is_answered)))
            } else {
                schedule.run(program(is_answered))
            };
            match ending {
                Ok(()) => "it has come to its end".to_string(),
                Err(error) => error.to_string(),
            }
        })
    });
    assert!(endings.iter().all(|ending| *ending == endings[0]), "{endings:#?}");
    endings[0].clone()
}

#[test]
fn a_run_that_is_cancelled_is_cancelled_unless_it_has_come_to_its_end() {
    let text = run(true, |token, _, _| {
        let token = token.clone();
        thread::spawn(move || token.cancel()).join().unwrap();
    });
    expect![[r#"
        it has come to its end
        the run was cancelled
    "#]]
    .assert_eq(&text);
}

#[test]
fn an_answer_is_taken_whenever_it_comes() {
    expect![[r#"
        it has come to its end
    "#]]
    .assert_eq(&run(false, |_, _, slots| answer_all(slots)));
}

#[test]
fn time_may_pass() {
    expect![[r#"
        it has come to its end
    "#]]
    .assert_eq(&run(true, |_, clock, _| clock.advance(Duration::from_secs(30))));
}
