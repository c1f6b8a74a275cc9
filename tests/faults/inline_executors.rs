//! Executors that poll or drop a future as soon as it is woken, in the waker: whatever is done to a
//! primitive from outside of a run, its run may go on, or be gone, before that call has returned.

use std::cell::RefCell;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use corio::sync::{
    Mutex, Notify, OnceCell, Receiver, RwLock, Semaphore, Sender, WaitGroup, channel,
};
use corio::{CancellationToken, RunOptions, Schedule};

type BoxFuture = Pin<Box<dyn Future<Output = &'static str>>>;

thread_local! {
    /// The future that the executor of this thread runs.
    static FUTURE: RefCell<Option<BoxFuture>> = const { RefCell::new(None) };
    static LOG: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

struct PollsAtOnce;

impl Wake for PollsAtOnce {
    fn wake(self: Arc<Self>) {
        log("wakes");
        poll();
    }
}

fn log(event: &'static str) {
    LOG.with_borrow_mut(|log| log.push(event));
}

fn poll() {
    let Some(mut future) = FUTURE.take() else { return };
    match future.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::new(PollsAtOnce)))) {
        Poll::Ready(what) => log(what),
        Poll::Pending => FUTURE.set(Some(future)),
    }
}

/// Runs `future` until it sleeps, then does `act`, and returns what has happened from then on.
fn log_of(future: impl Future<Output = &'static str> + 'static, act: impl FnOnce()) -> String {
    FUTURE.set(Some(Box::pin(future)));
    poll();
    LOG.take();
    act();
    log("returns");
    // What waits for something that never comes is dropped here.
    FUTURE.take();
    LOG.take().join(", ")
}

#[corio::dispatcher]
async fn never(_: Vec<u32>) -> Vec<u32> {
    pending().await
}

/// Keeps its run from being stuck.
#[corio::task]
fn is_in_flight() -> &'static str {
    io!(never(1));
    "in flight"
}

macro_rules! waits_for {
    ($($name:ident($argument:ident: $ty:ty) $body:block)*) => {$(
        #[corio::task]
        fn $name($argument: $ty) -> &'static str {
            race!(
                task!({
                    $body
                    "goes on"
                }),
                is_in_flight(),
            )
        }
    )*};
}

waits_for! {
    acquires(semaphore: Arc<Semaphore>) { call!(semaphore.acquire()).forget(); }
    locks(mutex: Arc<Mutex<u32>>) { drop(call!(mutex.lock())); }
    reads(lock: Arc<RwLock<u32>>) { drop(call!(lock.read())); }
    writes(lock: Arc<RwLock<u32>>) { drop(call!(lock.write())); }
    is_notified(notify: Arc<Notify>) { call!(notify.notified()); }
    waits_for_all(group: Arc<WaitGroup>) { call!(group.wait()); }
    receives(receiver: Receiver<u32>) {
        let mut receiver = receiver;
        call!(receiver.recv());
    }
    sends(sender: Sender<u32>) { call!(sender.send(1)).ok(); }
}

#[corio::task]
fn makes() -> u32 {
    io!(never(1))
}

#[corio::task]
fn gets(cell: Arc<OnceCell<u32>>) -> &'static str {
    race!(
        task!({
            call!(cell.get_or_init(makes()));
            "made"
        }),
        task!({
            call!(cell.get_or_init(makes()));
            "goes on"
        }),
    )
}

/// Drops what an act leaves.
fn finish<T>(_: T) {}

/// The log of a run of `$task` while which `$act` is done.
macro_rules! log_of {
    ($task:expr, $act:expr) => {
        log_of(async move { Schedule::new(()).run_async($task).await.unwrap() }, || {
            finish($act);
        })
    };
}

/// A primitive, which the test and the run share.
macro_rules! shared {
    ($primitive:expr) => {{
        let ours = Arc::new($primitive);
        (ours.clone(), ours)
    }};
}

#[test]
fn find_the_primitive_that_woke_them_ready_for_use() {
    let mut logs = Vec::new();
    let mut add = |what: &str, log: String| logs.push(format!("{what}: {log}"));

    let (semaphore, theirs) = shared!(Semaphore::new(0));
    add("permits are added", log_of!(acquires(theirs), semaphore.add_permits(1)));
    let (semaphore, theirs) = shared!(Semaphore::new(1));
    let permit = semaphore.try_acquire();
    add("a permit is dropped", log_of!(acquires(theirs), permit));

    let (mutex, theirs) = shared!(Mutex::new(1));
    let guard = mutex.try_lock();
    add("a mutex is unlocked", log_of!(locks(theirs), guard));
    let (lock, theirs) = shared!(RwLock::new(1));
    let guard = lock.try_write();
    add("a writer ends", log_of!(reads(theirs), guard));
    let (lock, theirs) = shared!(RwLock::new(1));
    let guard = lock.try_read();
    add("a reader ends", log_of!(writes(theirs), guard));

    let (notify, theirs) = shared!(Notify::new());
    add("one is notified", log_of!(is_notified(theirs), notify.notify_one()));
    let (notify, theirs) = shared!(Notify::new());
    add("all are notified", log_of!(is_notified(theirs), notify.notify_waiters()));

    let (cell, theirs) = shared!(OnceCell::new());
    add("a cell is set", log_of!(gets(theirs), cell.set(1)));

    let (group, theirs) = shared!(WaitGroup::new());
    group.add(1);
    add("all is done", log_of!(waits_for_all(theirs), group.done()));

    let (sender, receiver) = channel(1);
    add("a value is sent", log_of!(receives(receiver), sender.try_send(1)));
    let (sender, receiver) = channel(1);
    add("the last sender is dropped", log_of!(receives(receiver), sender));
    let (sender, mut receiver) = channel(1);
    sender.try_send(0).unwrap();
    add("a value is received", log_of!(sends(sender), receiver.try_recv()));
    let (sender, receiver) = channel(1);
    sender.try_send(0).unwrap();
    add("the receiver is dropped", log_of!(sends(sender), receiver));

    expect_test::expect![[r#"
        permits are added: wakes, goes on, returns
        a permit is dropped: wakes, goes on, returns
        a mutex is unlocked: wakes, goes on, returns
        a writer ends: wakes, goes on, returns
        a reader ends: wakes, goes on, returns
        one is notified: wakes, goes on, returns
        all are notified: wakes, goes on, returns
        a cell is set: wakes, goes on, returns
        all is done: wakes, goes on, returns
        a value is sent: wakes, goes on, returns
        the last sender is dropped: wakes, goes on, returns
        a value is received: wakes, goes on, returns
        the receiver is dropped: wakes, goes on, returns"#]]
    .assert_eq(&logs.join("\n"));
}

#[test]
fn see_a_run_that_was_cancelled_end_at_once() {
    let token = CancellationToken::new();
    let options = RunOptions::new().cancel_on(&token);
    let run = async move {
        let result = Schedule::new(()).run_async_with(options, is_in_flight()).await;
        if result.is_err() { "is cancelled" } else { "is over" }
    };
    assert_eq!(log_of(run, || token.cancel()), "wakes, is cancelled, returns");
}

struct DropsAtOnce;

impl Wake for DropsAtOnce {
    fn wake(self: Arc<Self>) {
        log("wakes");
        FUTURE.take();
        log("dropped");
    }
}

#[test]
fn that_drop_the_run_get_nothing_of_what_they_were_woken_for() {
    let (semaphore, theirs) = shared!(Semaphore::new(0));
    let run = async move { Schedule::new(()).run_async(acquires(theirs)).await.unwrap() };
    let mut run: BoxFuture = Box::pin(run);
    let waker = Waker::from(Arc::new(DropsAtOnce));
    assert!(run.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    FUTURE.set(Some(run));
    LOG.take();

    semaphore.add_permits(1);
    log("returns");
    assert_eq!(LOG.take().join(", "), "wakes, dropped, returns");
    assert_eq!(semaphore.available_permits(), 1);
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("the waker panics");
    }
}

#[test]
fn that_panic_leave_the_primitive_as_if_they_had_not() {
    let semaphore = Arc::new(Semaphore::new(0));
    let mut schedule = Schedule::new(());
    let mut run = Box::pin(schedule.run_async(acquires(semaphore.clone())));
    let panics = Waker::from(Arc::new(Panics));
    assert!(run.as_mut().poll(&mut Context::from_waker(&panics)).is_pending());

    catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(2))).unwrap_err();
    assert_eq!(semaphore.available_permits(), 2);
    let result = run.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(result, Poll::Ready(Ok("goes on"))));
    assert_eq!(semaphore.available_permits(), 1);
}
