//! What was wrong once, each as a program that failed. Those that were slow are so large that they
//! would not end.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use corio::sync::WaitGroup;
use corio::testing::VirtualClock;
use corio::{Batch, Cx, Dispatch, Error, Request, Requests, Schedule, Slot, cache, task_fn};
use support::{double, gated, heap, set_open};

const SECOND: Duration = Duration::from_secs(1);

/// Fails a program that hangs or spins.
#[track_caller]
fn ends<T: Send + 'static>(program: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(program()));
    receiver.recv_timeout(Duration::from_secs(5)).expect("it ends, and does not hang")
}

thread_local! {
    static SLOTS: RefCell<Vec<Slot<u64, u64>>> = const { RefCell::new(Vec::new()) };
    static SEEN: RefCell<Vec<Vec<u64>>> = const { RefCell::new(Vec::new()) };
    static FLAG: Cell<bool> = const { Cell::new(false) };
}

/// Keeps its slots for the test.
#[corio::dispatcher(show_keys)]
fn stash(batch: Batch<u64, u64>) {
    SLOTS.with_borrow_mut(|slots| slots.extend(batch));
}

// ── news that nobody takes ──

/// A future that is woken as it ends.
#[corio::dispatcher]
async fn wakes_itself(keys: &[u64]) -> Vec<u64> {
    poll_fn(|context| {
        context.waker().wake_by_ref();
        Poll::Ready(())
    })
    .await;
    keys.to_vec()
}

#[test]
fn news_for_nobody_does_not_keep_the_run_awake() {
    #[corio::task]
    fn program() -> bool {
        io!(wakes_itself(1));
        let never = WaitGroup::new();
        never.add(1);
        timeout!(SECOND, task! { call!(never.wait()) }).is_err()
    }
    assert!(ends(|| {
        let mut schedule = Schedule::new(()).clock(VirtualClock::new());
        schedule.run(program()).unwrap()
    }));
}

#[test]
fn news_for_nobody_does_not_spin_with_the_systems_clock() {
    // A waker that counts how often an executor is asked to poll again.
    #[derive(Default)]
    struct Counter(std::sync::atomic::AtomicUsize);
    impl std::task::Wake for Counter {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
    #[corio::task]
    fn program() {
        io!(wakes_itself(1));
        let never = WaitGroup::new();
        never.add(1);
        let _ = timeout!(10 * SECOND, task! { call!(never.wait()) });
    }
    let counter = std::sync::Arc::new(Counter::default());
    let waker = Waker::from(counter.clone());
    let mut schedule = Schedule::new(());
    let mut run = pin!(schedule.run_async(program()));
    for _ in 0..100 {
        assert!(run.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert!(
        counter.0.load(std::sync::atomic::Ordering::Relaxed) < 3,
        "woken at once by every poll: {counter}",
        counter = counter.0.load(std::sync::atomic::Ordering::Relaxed)
    );
}

// ── the order of retries in an ordered dispatcher ──

#[corio::dispatcher(ordered, max_batch = 2, retry(attempts = 3))]
fn in_order(batch: Batch<u64, u64>) {
    SEEN.with_borrow_mut(|seen| seen.push(batch.keys().copied().collect()));
    for slot in batch {
        if *slot.key() == 2 && !FLAG.replace(true) {
            slot.retry()
        } else {
            slot.answer_with(|key| key)
        }
    }
}

#[test]
fn ordered_retries_go_before_the_rest() {
    #[corio::task]
    fn program() {
        io_all!((1..=5).map(in_order));
    }
    Schedule::new(()).run(program()).unwrap();
    assert_eq!(SEEN.take(), [vec![1, 2], vec![2, 3], vec![4, 5]]);
}

#[corio::dispatcher(ordered, max_batch = 2, retry(attempts = 3))]
fn in_order_paused(batch: Batch<u64, u64>) {
    SEEN.with_borrow_mut(|seen| seen.push(batch.keys().copied().collect()));
    for slot in batch {
        if *slot.key() == 2 && !FLAG.replace(true) {
            slot.retry_after(SECOND)
        } else {
            slot.answer_with(|key| key)
        }
    }
}

#[test]
fn ordered_retries_go_before_the_rest_after_a_pause() {
    #[corio::task]
    fn program() {
        io_all!((1..=5).map(in_order_paused));
    }
    let mut schedule = Schedule::new(()).clock(VirtualClock::new());
    schedule.run(program()).unwrap();
    assert_eq!(SEEN.take(), [vec![1, 2], vec![2, 3], vec![4, 5]]);
}

#[corio::dispatcher(ordered, retry(attempts = 3))]
fn in_order_two_pauses(batch: Batch<u64, u64>) {
    SEEN.with_borrow_mut(|seen| seen.push(batch.keys().copied().collect()));
    let first = !FLAG.replace(true);
    for slot in batch {
        match *slot.key() {
            1 if first => slot.retry_after(2 * SECOND),
            2 if first => slot.retry_after(SECOND),
            _ => slot.answer_with(|key| key),
        }
    }
}

#[test]
fn ordered_retries_keep_their_order_whatever_their_pauses() {
    #[corio::task]
    fn program() {
        io!(in_order_two_pauses(1), in_order_two_pauses(2));
    }
    let mut schedule = Schedule::new(()).clock(VirtualClock::new());
    schedule.run(program()).unwrap();
    assert_eq!(SEEN.take().concat(), [1, 2, 1, 2]);
}

// ── a key twice in a batch of a map ──

#[corio::dispatcher(cache, max_in_flight = 1)]
async fn mapped(keys: &[u64]) -> HashMap<u64, u64> {
    SEEN.with_borrow_mut(|seen| seen.push(keys.to_vec()));
    poll_fn(|context| {
        if FLAG.get() {
            Poll::Ready(())
        } else {
            SLEEPER.set(Some(context.waker().clone()));
            Poll::Pending
        }
    })
    .await;
    keys.iter().map(|key| (*key, key * 10)).collect()
}

thread_local! {
    static SLEEPER: Cell<Option<Waker>> = const { Cell::new(None) };
}

#[test]
fn invalidated_while_queued_every_request_still_gets_its_answer() {
    #[corio::task]
    fn ask(key: u64) -> Option<u64> {
        io!(mapped(key))
    }
    #[corio::task]
    fn program() -> Vec<Option<u64>> {
        let first = spawn!(ask(1)); // takes the one place
        io!(double(0));
        let (a, b) = (spawn!(ask(2)), spawn!(ask(2))); // gather; the second joins
        io!(double(0));
        call!(cache::invalidate(mapped(2)));
        io!(double(0));
        FLAG.set(true);
        SLEEPER.take().unwrap().wake();
        vec![call!(first), call!(a), call!(b)]
    }
    assert_eq!(
        Schedule::new(()).run(program()).unwrap(),
        [Some(10), Some(20), Some(20)],
        "{:?}",
        SEEN.take()
    );
}

// ── maps where nobody dedups ──

struct ByHand(u64);

impl Request for ByHand {
    type Key = u64;
    type Answer = Option<u64>;

    fn into_key(self) -> u64 {
        self.0
    }
}

impl<S> Dispatch<S> for ByHand {
    fn dispatch<'r>(_: &'r S, requests: Requests<'_, 'r, Self>) {
        requests.answer(|keys| keys.iter().map(|key| (*key, *key)).collect::<HashMap<u64, u64>>());
    }
}

#[test]
fn a_map_answers_equal_keys_also_where_the_options_know_nothing_of_it() {
    #[corio::task]
    fn program() -> Vec<Option<u64>> {
        io_all!([1, 1].map(ByHand))
    }
    assert_eq!(Schedule::new(()).run(program()).unwrap(), [Some(1), Some(1)]);
}

#[test]
fn a_map_may_stand_in_for_a_vec() {
    #[corio::dispatcher]
    fn find(keys: &[u64]) -> Vec<Option<u64>> {
        keys.iter().map(|key| Some(*key)).collect()
    }
    #[corio::task]
    fn program() -> Vec<Option<u64>> {
        io_all!([1, 1].map(find))
    }
    let mut schedule = Schedule::new(()).answer_with(find, |keys| {
        keys.iter().map(|key| (*key, *key)).collect::<HashMap<u64, u64>>()
    });
    assert_eq!(schedule.run(program()).unwrap(), [Some(1), Some(1)]);
}

// ── kept answers starve everything else ──

#[corio::dispatcher(cache)]
fn kept(keys: &[u64]) -> Vec<u64> {
    keys.to_vec()
}

#[corio::dispatcher]
async fn soon(keys: &[u64]) -> Vec<u64> {
    let mut polls = 0;
    poll_fn(|context| {
        polls += 1;
        context.waker().wake_by_ref();
        if polls == 4 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    keys.to_vec()
}

#[test]
fn kept_answers_do_not_starve_those_that_arrive() {
    #[corio::task]
    fn waits() {
        io!(soon(1));
        FLAG.set(true);
    }
    #[corio::task]
    fn program() -> bool {
        spawn!(waits());
        for _ in 0..10_000 {
            io!(kept(1));
            if FLAG.get() {
                return true;
            }
        }
        false
    }
    assert!(
        Schedule::new(()).run(program()).unwrap(),
        "an answer was there, and was not taken in 10,000 CPU phases"
    );
}

#[test]
fn kept_answers_do_not_hide_the_deadline() {
    #[corio::task]
    fn program(clock: VirtualClock) {
        for _ in 0..1000 {
            io!(kept(1));
            clock.advance(SECOND);
        }
    }
    let clock = VirtualClock::new();
    let mut schedule = Schedule::new(()).clock(clock.clone()).timeout(10 * SECOND);
    let result = schedule.run(program(clock.clone()));
    assert!(
        matches!(result, Err(Error::TimedOut { limit, .. }) if limit == 10 * SECOND),
        "{result:?}"
    );
}

// ── an alarm taken off another run's clock ──

#[test]
fn a_timeout_dropped_in_another_run_leaves_its_alarms_alone() {
    #[corio::task]
    fn limited() -> bool {
        let never = WaitGroup::new();
        never.add(1);
        timeout!(SECOND, task! { call!(never.wait()) }).is_err()
    }
    let clock = VirtualClock::new();
    let mut outer = Schedule::new(()).clock(clock.clone());
    let result = outer.run(task_fn(async |cx: Cx<'_, ()>| {
        let mut child = Box::pin(cx.call(limited()));
        assert!(child.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        cx.io(double(1)).await; // the child has set its alarm
        let mut inner = Schedule::new(()).clock(clock.clone());
        inner.run(task_fn(async move |cx: Cx<'_, ()>| {
            let handle = cx.spawn(limited());
            cx.io(double(1)).await;
            drop(child);
            cx.call(handle).await
        }))
    }));
    assert_eq!(result, Ok(Ok(true)));
}

// ── requests of dropped tasks go out again ──

#[corio::dispatcher(retry(attempts = 9), max_in_flight = 9)]
fn retried(batch: Batch<u64, u64>) {
    SEEN.with_borrow_mut(|seen| seen.push(batch.keys().copied().collect()));
    for slot in batch {
        if *slot.key() == 0 { slot.retry_after(10 * SECOND) } else { slot.answer_with(|key| key) }
    }
}

#[test]
fn a_retry_of_a_dropped_task_is_withdrawn() {
    #[corio::task]
    fn program(clock: VirtualClock) {
        assert!(timeout!(SECOND, retried(0)).is_err());
        io!(retried(1)); // the queue has seen the drop
        io!(sleeps(&clock, 60));
        assert!(clock.now() > 30 * SECOND);
    }
    let clock = VirtualClock::new();
    let mut schedule = Schedule::new(()).clock(clock.clone());
    schedule.run(program(clock)).unwrap();
    assert_eq!(SEEN.take(), [vec![0], vec![1]], "nobody waits for 0 any more");
}

fn sleeps(
    clock: &VirtualClock,
    seconds: u32,
) -> corio::FutureRequest<impl Future<Output = ()> + 'static> {
    let sleep = clock.sleep(seconds * SECOND);
    corio::future(sleep)
}

#[corio::dispatcher(ordered, retry(attempts = 9))]
fn written(batch: Batch<u64, u64>) {
    for slot in batch {
        if *slot.key() == 0 { slot.retry_after(3600 * SECOND) } else { slot.answer_with(|key| key) }
    }
}

#[test]
fn a_pause_of_a_dropped_task_does_not_hold_an_ordered_dispatcher() {
    #[corio::task]
    fn program(clock: VirtualClock) -> Duration {
        assert!(timeout!(SECOND, written(0)).is_err());
        io!(written(1));
        clock.now()
    }
    let clock = VirtualClock::new();
    let mut schedule = Schedule::new(()).clock(clock.clone());
    assert_eq!(schedule.run(program(clock)).unwrap(), SECOND);
}

// ── trouble that concerns nobody ──

#[corio::dispatcher(timeout = "5s")]
async fn never(_keys: &[u64]) -> Vec<u64> {
    std::future::pending().await
}

#[test]
fn a_time_limit_of_requests_that_nobody_waits_for_does_not_end_the_run() {
    #[corio::task]
    fn program(clock: VirtualClock) -> bool {
        let late = timeout!(SECOND, never(0)).is_err();
        io!(sleeps(&clock, 60));
        late
    }
    let clock = VirtualClock::new();
    let mut schedule = Schedule::new(()).clock(clock.clone());
    assert_eq!(schedule.run(program(clock)), Ok(true));
}

// ── ordered, until the schedule says in_flight ──

#[corio::dispatcher(ordered)]
async fn ordered_async(keys: &[u64]) -> Vec<u64> {
    SEEN.with_borrow_mut(|seen| seen.push(keys.to_vec()));
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if FLAG.get() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    keys.to_vec()
}

#[test]
fn a_schedule_can_not_undo_the_order_by_accident() {
    #[corio::task]
    fn program() -> usize {
        spawn!(task! { io!(ordered_async(1)); });
        io!(double(0));
        spawn!(task! { io!(ordered_async(2)); });
        io!(double(0));
        let sent = SEEN.take().len();
        FLAG.set(true);
        sent
    }
    let mut schedule = Schedule::new(()).options(ordered_async, |options| options.max_in_flight(8));
    assert_eq!(schedule.run(program()), Ok(1), "the second has to wait for the first");
}

// ── primed while on its way ──

#[corio::dispatcher(cache)]
async fn slow_read(keys: &[u64]) -> Vec<u64> {
    poll_fn(|context| {
        if FLAG.get() {
            Poll::Ready(())
        } else {
            SLEEPER.set(Some(context.waker().clone()));
            Poll::Pending
        }
    })
    .await;
    keys.to_vec()
}

#[test]
fn what_is_primed_is_not_overwritten_by_what_was_asked_before() {
    #[corio::task]
    fn program() -> u64 {
        let old = spawn!(task! { io!(slow_read(1)); });
        io!(double(0));
        call!(cache::prime(slow_read(1), 100)); // after a write, say
        FLAG.set(true);
        SLEEPER.take().unwrap().wake();
        call!(old);
        io!(slow_read(1))
    }
    assert_eq!(Schedule::new(()).run(program()).unwrap(), 100);
}

// ── quadratic ──

#[test]
fn ordered_parts_are_not_quadratic() {
    #[corio::dispatcher(ordered, max_batch = 1)]
    fn one_by_one(keys: &[u64]) -> Vec<u64> {
        keys.to_vec()
    }
    #[corio::task]
    fn program(n: u64) {
        io_all!((0..n).map(one_by_one));
    }
    Schedule::new(()).run(program(200_000)).unwrap();
}

#[test]
fn many_pauses_are_not_quadratic() {
    #[corio::dispatcher]
    fn each_its_pause(batch: Batch<u64, u64>) {
        for slot in batch {
            match *slot.key() {
                key if SEEN.with_borrow(|seen| seen.is_empty()) => {
                    slot.retry_after(Duration::from_micros(key + 1))
                }
                _ => slot.answer_with(|key| key),
            }
        }
        SEEN.with_borrow_mut(|seen| seen.push(Vec::new()));
    }
    #[corio::task]
    fn program(n: u64) {
        io_all!((0..n).map(each_its_pause));
    }
    SEEN.take();
    let mut schedule = Schedule::new(()).clock(VirtualClock::new());
    schedule.run(program(50_000)).unwrap();
}

#[test]
fn futures_that_wait_beside_drops_are_not_quadratic() {
    #[corio::task]
    fn waits() {
        io!(corio::future(std::future::pending::<()>()));
    }
    #[corio::task]
    fn asks() -> u64 {
        io!(double(1))
    }
    #[corio::task]
    fn forever() -> u64 {
        let never = WaitGroup::new();
        never.add(1);
        call!(never.wait());
        0
    }
    #[corio::task]
    fn work(n: u64) {
        for _ in 0..n {
            race!(asks(), forever()); // a drop a phase
        }
    }
    #[corio::task]
    fn program(n: u64) {
        race!(work(n), task! { all!((0..n).map(|_| waits())); });
    }
    Schedule::new(()).run(program(50_000)).unwrap();
}

// ── what a large run leaves behind ──

#[test]
fn small_runs_after_a_large_one_do_not_carry_it_along() {
    #[corio::task]
    fn many(n: u64) {
        io_all!((0..n).map(|key| corio::future(async move { key })));
    }
    #[corio::task]
    fn small() -> u64 {
        io!(double(1))
    }
    let mut schedule = Schedule::new(());
    schedule.run(many(300_000)).unwrap();
    for _ in 0..50_000 {
        schedule.run(small()).unwrap();
    }
}

#[test]
fn runs_do_not_carry_a_large_cache_along_that_they_do_not_ask() {
    #[corio::dispatcher(cache = "schedule", by = || (), capacity = 300_000)]
    fn remembered(keys: &[u64]) -> Vec<u64> {
        keys.to_vec()
    }
    #[corio::task]
    fn many() {
        io_all!((0..300_000).map(remembered));
    }
    #[corio::task]
    fn small() -> u64 {
        io!(double(1))
    }
    let mut schedule = Schedule::new(());
    schedule.run(many()).unwrap();
    for _ in 0..50_000 {
        schedule.run(small()).unwrap();
    }
}

// ── a waker that is dropped under the bell's lock ──

#[test]
fn a_waker_that_is_replaced_may_do_anything_in_its_destructor() {
    struct Holds(
        #[expect(dead_code, reason = "only there to be dropped")]
        std::sync::Mutex<Option<Slot<u64, u64>>>,
    );
    impl std::task::Wake for Holds {
        fn wake(self: std::sync::Arc<Self>) {}
    }
    ends(|| {
        #[corio::task]
        fn program() {
            io!(stash(1), stash(2));
        }
        let mut schedule = Schedule::new(());
        let mut run = pin!(schedule.run_async(program()));
        // The first poll only gets the slots out.
        assert!(run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let slot = SLOTS.with_borrow_mut(|slots| slots.pop());
        let first = Waker::from(std::sync::Arc::new(Holds(std::sync::Mutex::new(slot))));
        assert!(run.as_mut().poll(&mut Context::from_waker(&first)).is_pending());
        drop(first); // the bell has the last
        let _ = run.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    });
}

// ── memory ──

/// Bytes that a thousand calls leave behind, and allocations of each, when a thousand were made
/// before.
macro_rules! after_a_thousand {
    ($n:ident => $each:expr) => {{
        #[corio::task]
        fn each($n: u64) {
            let _ = $n;
            $each
        }
        #[corio::task]
        fn program() -> (isize, f64) {
            for n in 0..1000 {
                call!(each(n));
            }
            let (live, count) = (heap::in_use(), heap::allocations());
            for n in 0..1000 {
                call!(each(n));
            }
            (heap::in_use() - live, (heap::allocations() - count) as f64 / 1000.0)
        }
        Schedule::new(()).run(program()).unwrap()
    }};
}

#[test]
fn an_ordered_dispatcher_that_splits_does_not_grow() {
    #[corio::dispatcher(ordered, max_batch = 2)]
    fn pairs(keys: &[u64], answers: &mut Vec<u64>) {
        answers.extend_from_slice(keys);
    }
    let (bytes, _) = after_a_thousand!(n => { io!(pairs(n), pairs(n + 1), pairs(n + 2)); });
    assert!(bytes < 1000, "a thousand calls leave {bytes} bytes behind");
}

#[test]
fn a_kept_answer_costs_no_allocation() {
    #[corio::dispatcher(cache)]
    fn kept(keys: &[u64], answers: &mut Vec<u64>) {
        answers.extend_from_slice(keys);
    }
    let (_, allocations) = after_a_thousand!(n => { io!(kept(1)); });
    assert_eq!(allocations, 0.0, "for each");
}

// ── answers that are too old are let go of ──

#[derive(Clone)]
struct Held(#[expect(dead_code, reason = "counted")] Arc<()>);

thread_local! {
    static HELD: Arc<()> = Arc::new(());
}

#[test]
fn no_answer_is_kept_for_longer_than_its_time() {
    #[corio::dispatcher(cache = "schedule", by = || (), ttl = "1s")]
    fn aging(keys: &[u64]) -> Vec<Held> {
        keys.iter().map(|_| Held(HELD.with(Arc::clone))).collect()
    }
    #[corio::task]
    fn program(n: u64) {
        io!(aging(n));
    }
    let clock = VirtualClock::new();
    let mut schedule = Schedule::new(()).clock(clock.clone());
    for n in 0..1000 {
        schedule.run(program(n)).unwrap();
        clock.advance(10 * SECOND);
    }
    let kept = HELD.with(Arc::strong_count) - 1;
    assert!(kept < 500, "{kept} answers that are too old are kept");
}

// ── rounds and futures ──

#[test]
fn futures_are_not_held_by_rounds() {
    #[corio::task]
    fn opens() {
        io!(double(0)); // the batch is on its way
        io!(corio::future(async { set_open(true) }));
    }
    #[corio::task]
    fn asks() -> u64 {
        io!(gated(1))
    }
    #[corio::task]
    fn program() -> u64 {
        let opens = spawn!(opens());
        let answer = spawn!(asks());
        call!(opens);
        call!(answer)
    }
    assert_eq!(
        ends(|| {
            let mut schedule = Schedule::new(()).barrier();
            schedule.run(program())
        }),
        Ok(1)
    );
}

// ── a run inside a destructor, while the thread panics ──

#[test]
fn ignored_requests_are_told_also_while_the_thread_panics() {
    struct Ignored(u64);
    impl Request for Ignored {
        type Key = u64;
        type Answer = u64;
        fn into_key(self) -> u64 {
            self.0
        }
    }
    impl<S> Dispatch<S> for Ignored {
        fn dispatch<'r>(_: &'r S, _: Requests<'_, 'r, Self>) {}
    }
    struct RunsOnDrop;
    impl Drop for RunsOnDrop {
        fn drop(&mut self) {
            assert!(Schedule::new(()).run(Ignored(1)).is_err());
        }
    }
    ends(|| {
        let _ = std::panic::catch_unwind(|| {
            let _runs = RunsOnDrop;
            std::panic::resume_unwind(Box::new(()));
        });
    });
}

// ── the end of a race ──

#[test]
fn a_race_is_won_by_the_first_that_ends_and_a_task_ends_after_its_children() {
    #[corio::task]
    fn pause(clock: VirtualClock, seconds: u32) {
        io!(corio::future(async move { clock.sleep(SECOND * seconds).await }));
    }
    #[corio::task]
    fn returns_first(clock: VirtualClock) -> &'static str {
        spawn!(pause(clock, 10));
        "returned first"
    }
    #[corio::task]
    fn ends_first(clock: VirtualClock) -> &'static str {
        call!(pause(clock, 1));
        "ended first"
    }
    #[corio::task]
    fn program(clock: VirtualClock) -> &'static str {
        race!(returns_first(clock.clone()), ends_first(clock))
    }
    let clock = VirtualClock::new();
    let winner = Schedule::new(()).clock(clock.clone()).run(program(clock.clone())).unwrap();
    assert_eq!((winner, clock.now()), ("ended first", SECOND));
}

// ── what observers hear of members of an error group ──

#[test]
fn a_member_of_an_error_group_is_told_to_be_resumed_whenever_it_runs() {
    type Running = Arc<AtomicBool>;
    #[corio::task]
    fn member(running: Running, told: Rc<RefCell<Vec<bool>>>) -> Result<(), ()> {
        told.borrow_mut().push(running.load(Ordering::Relaxed));
        io!(double(1));
        told.borrow_mut().push(running.load(Ordering::Relaxed));
        Ok(())
    }
    #[corio::task]
    fn program(running: Running, told: Rc<RefCell<Vec<bool>>>) {
        let group = corio::sync::ErrGroup::new();
        spawn!(group.run(member(running, told)));
        call!(group.wait()).unwrap();
    }
    let (running, told) = (Running::default(), Rc::default());
    let hears = running.clone();
    let mut schedule = Schedule::new(()).observe(move |event: &corio::Event<'_>| match event {
        corio::Event::Resumed { .. } => hears.store(true, Ordering::Relaxed),
        corio::Event::Suspended { .. } | corio::Event::Ended { .. } => {
            hears.store(false, Ordering::Relaxed)
        }
        _ => {}
    });
    schedule.run(program(running, Rc::clone(&told))).unwrap();
    assert_eq!(*told.borrow(), [true, true]);
}
