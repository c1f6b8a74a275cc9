//! What attacks in safe code found, and what is right instead.

use std::any::Any;
use std::cell::RefCell;
use std::future::{Future, Ready, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use corio::sync::{Lock, Mutex, MutexGuard, Notified, Notify};
use corio::{Error, LocalCx, Schedule, TaskOver, task_fn_local};
use support::double;
use tokio::sync::oneshot;

use crate::is_send::is_send;

/// Keeps a value for good, and where a leak detector finds it.
fn forever<T: Send + Sync + 'static>(value: T) -> &'static T {
    static KEPT: StdMutex<Vec<&(dyn Any + Send + Sync)>> = StdMutex::new(Vec::new());
    let kept: &'static T = Box::leak(Box::new(value));
    KEPT.lock().unwrap().push(kept);
    kept
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

// ── a task by hand that lets go of its `LocalCx` ──

#[corio::task]
fn holds(held: Rc<u64>) -> u64 {
    io!(double(*held))
}

fn spawns(cx: LocalCx<'_, ()>) -> Ready<()> {
    drop(cx.spawn(holds(Rc::new(1))));
    ready(())
}

fn by_a_function() -> TaskOver<(), impl Future<Output = ()>> {
    task_fn_local(spawns)
}

fn by_a_closure() -> TaskOver<(), impl Future<Output = ()>> {
    task_fn_local(|cx: LocalCx<'_, ()>| {
        drop(cx.spawn(holds(Rc::new(1))));
        async {}
    })
}

#[test]
fn a_local_task_is_not_send_whatever_its_body_keeps() {
    let mut schedule = Schedule::new(());
    assert!(!is_send!(schedule.run_local(by_a_function())));
    assert!(!is_send!(schedule.run_local(by_a_closure())));
    assert_eq!(schedule.run(by_a_function()), Ok(()));
}

// ── a ticket that was passed over, in a poll that panics ──

type Kept<T> = Arc<StdMutex<Option<T>>>;

/// Polls what was kept where nobody can wait.
#[corio::dispatcher]
fn polls_kept(kept: &Kept<Lock<'static, u64>>, keys: &[u64]) -> Vec<bool> {
    let mut lock = kept.lock().unwrap().take().unwrap();
    let panics = catch_unwind(AssertUnwindSafe(|| poll(&mut lock).is_ready())).is_err();
    *kept.lock().unwrap() = Some(lock);
    vec![panics; keys.len()]
}

#[corio::task(Kept<Lock<'static, u64>>)]
fn joins_the_queue(mutex: &'static Mutex<u64>) {
    let mut lock = mutex.lock();
    wait!(poll_fn(|_| {
        assert!(poll(&mut lock).is_pending());
        Poll::Ready(())
    }));
    *context!().lock().unwrap() = Some(lock);
}

#[corio::task(Kept<Lock<'static, u64>>)]
fn locks_after_the_waiter_is_gone(mutex: &'static Mutex<u64>) -> (bool, bool) {
    let guard = call!(mutex.lock());
    let gone = spawn!(joins_the_queue(mutex));
    call!(gone);
    drop(guard);
    let one = call!(mutex.lock());
    let has_panicked = io!(polls_kept(1));
    let mut kept = context!().lock().unwrap().take().unwrap();
    let is_pending = wait!(poll_fn(|_| Poll::Ready(poll(&mut kept).is_pending())));
    drop(one);
    (has_panicked, is_pending)
}

#[test]
fn a_lock_that_was_passed_over_stays_so_after_a_poll_that_panicked() {
    let mutex = forever(Mutex::new(1));
    let kept: Kept<Lock<'static, u64>> = Arc::default();
    let mut schedule = Schedule::new(&kept);
    assert_eq!(schedule.run(locks_after_the_waiter_is_gone(mutex)), Ok((true, true)));
    assert!(mutex.try_lock().is_some());
}

#[corio::dispatcher]
fn polls_notified(kept: &Kept<Notified<'static>>, keys: &[u64]) -> Vec<bool> {
    let mut notified = kept.lock().unwrap().take().unwrap();
    let panics = catch_unwind(AssertUnwindSafe(|| poll(&mut notified).is_ready())).is_err();
    *kept.lock().unwrap() = Some(notified);
    vec![panics; keys.len()]
}

#[corio::task(Kept<Notified<'static>>)]
fn waits_to_be_notified(notify: &'static Notify) {
    let mut notified = notify.notified();
    wait!(poll_fn(|_| {
        assert!(poll(&mut notified).is_pending());
        Poll::Ready(())
    }));
    *context!().lock().unwrap() = Some(notified);
}

#[corio::task(Kept<Notified<'static>>)]
fn notifies_after_the_waiter_is_gone(notify: &'static Notify) -> (bool, bool) {
    let gone = spawn!(waits_to_be_notified(notify));
    call!(gone);
    // Passes over the one that is gone, and is stored; somebody takes it.
    notify.notify_one();
    call!(notify.notified());
    let has_panicked = io!(polls_notified(1));
    let mut kept = context!().lock().unwrap().take().unwrap();
    (has_panicked, wait!(poll_fn(|_| Poll::Ready(poll(&mut kept).is_pending()))))
}

#[test]
fn a_notification_is_not_given_twice_after_a_poll_that_panicked() {
    let notify = forever(Notify::new());
    let kept: Kept<Notified<'static>> = Arc::default();
    let mut schedule = Schedule::new(&kept);
    assert_eq!(schedule.run(notifies_after_the_waiter_is_gone(notify)), Ok((true, true)));
}

// ── a waker that is used when its run is over ──

#[corio::task]
fn keeps_its_waker(kept: Kept<Waker>) {
    wait!(poll_fn(|context| {
        *kept.lock().unwrap() = Some(context.waker().clone());
        Poll::Ready(())
    }));
}

#[corio::task]
fn receives(receiver: oneshot::Receiver<u64>) -> u64 {
    wait!(receiver).unwrap()
}

#[derive(Default)]
struct Count(AtomicU64);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_waker_that_comes_late_does_not_keep_the_next_run_awake() {
    let kept: Kept<Waker> = Arc::default();
    let mut schedule = Schedule::new(());
    schedule.run(keeps_its_waker(kept.clone())).unwrap();
    kept.lock().unwrap().take().unwrap().wake();
    let (sender, receiver) = oneshot::channel();
    let woken = Arc::new(Count::default());
    let waker = Waker::from(woken.clone());
    let mut run = pin!(schedule.run_async(receives(receiver)));
    // It may look once more, for nothing, and then it sleeps.
    for _ in 0..5 {
        assert!(run.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    let before = woken.0.load(Ordering::Relaxed);
    assert!(before <= 1, "{before}");
    sender.send(3).unwrap();
    assert_eq!(woken.0.load(Ordering::Relaxed), before + 1);
    assert_eq!(run.poll(&mut Context::from_waker(&waker)), Poll::Ready(Ok(3)));
}

// ── a guard that a destructor of an ending thread drops ──

type BoxedRun = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

static RUN: StdMutex<Option<BoxedRun>> = StdMutex::new(None);
static ENDED: StdMutex<Option<Result<(), Error>>> = StdMutex::new(None);

/// An executor whose waker polls at once.
struct Inline;

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        poll_run();
    }
}

fn poll_run() {
    let Ok(mut slot) = RUN.try_lock() else { return };
    let Some(run) = slot.as_mut() else { return };
    let waker = Waker::from(Arc::new(Inline));
    if let Poll::Ready(result) = run.as_mut().poll(&mut Context::from_waker(&waker)) {
        *ENDED.lock().unwrap() = Some(result);
        *slot = None;
    }
}

thread_local! {
    static HELD: RefCell<Option<MutexGuard<'static, u64>>> = const { RefCell::new(None) };
}

#[corio::task]
fn lock(mutex: &'static Mutex<u64>) -> u64 {
    *call!(mutex.lock())
}

#[corio::task]
fn in_flight() -> u64 {
    wait!(std::future::pending())
}

#[corio::task]
fn locks_one_after_the_other(first: &'static Mutex<u64>, second: &'static Mutex<u64>) {
    race!(lock(first), in_flight());
    race!(lock(second), in_flight());
}

#[test]
fn a_thread_that_ends_gives_back_its_guards_although_the_waker_polls_at_once() {
    let (first, second) = (forever(Mutex::new(1)), forever(Mutex::new(1)));
    let ending = thread::spawn(move || {
        let guard = first.try_lock().unwrap();
        // Dropped by the destructor of a thread-local, after those that the library has.
        HELD.set(Some(second.try_lock().unwrap()));
        let run = async move {
            Schedule::new(()).run_async(locks_one_after_the_other(first, second)).await
        };
        *RUN.lock().unwrap() = Some(Box::pin(run));
        poll_run();
        drop(guard);
    });
    ending.join().unwrap();
    assert_eq!(*ENDED.lock().unwrap(), Some(Ok(())));
}

// ── a handle that is dropped in a nested run ──

#[corio::task]
fn ends_with_guard(mutex: &'static Mutex<u64>) -> MutexGuard<'static, u64> {
    call!(mutex.lock())
}

#[corio::task]
fn drops<T: 'static>(value: T) {
    drop(value);
}

#[corio::task]
fn drops_a_handle_in_a_nested_run(mutex: &'static Mutex<u64>) -> u64 {
    let handle = spawn!(ends_with_guard(mutex));
    wait!();
    Schedule::new(()).run(drops(handle)).unwrap();
    *call!(mutex.lock())
}

#[test]
fn a_handle_dropped_in_a_nested_run_drops_the_result() {
    let mutex = forever(Mutex::new(1));
    assert_eq!(Schedule::new(()).run(drops_a_handle_in_a_nested_run(mutex)), Ok(1));
}
