//! Primitives that are touched from outside of the run whose tasks wait: on another thread, in
//! another run, or in none.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;

use corio::sync::{
    Mutex, MutexGuard, Notify, RunCell, RwLock, Semaphore, SingleFlight, WaitGroup, channel,
};
use corio::{Error, Schedule};
use support::message;
use support::threads::{elsewhere, everywhere};
use tokio::sync::oneshot;

/// Something in flight: the run sleeps until the sender is used or dropped.
async fn until(receiver: oneshot::Receiver<()>) {
    let _ = receiver.await;
}

#[corio::task]
fn in_flight(receiver: oneshot::Receiver<()>) {
    io!(corio::future(until(receiver)));
}

/// Polls a run that has to wait, lets `act` do something on another thread, and polls the run to its
/// end there: it has to be woken by what `act` did.
fn woken_by<T: Send>(
    run: impl Future<Output = Result<T, Error>> + Send,
    act: impl FnOnce() + Send,
) -> T {
    let mut run = pin!(run);
    let mut act = Some(act);
    let future = std::future::poll_fn(|context| {
        let polled = run.as_mut().poll(context);
        if polled.is_pending()
            && let Some(act) = act.take()
        {
            elsewhere(act, |act| act());
        }
        polled
    });
    everywhere(future).unwrap()
}

// ── guards ──

#[corio::task]
fn locks_twice<'m>(
    mutex: &'m Mutex<u64>,
    away: &std::sync::Mutex<Option<MutexGuard<'m, u64>>>,
) -> u64 {
    let guard = call!(mutex.lock());
    *away.lock().unwrap() = Some(guard);
    // Waits for the guard that it has given away.
    let guard = call!(mutex.lock());
    *guard
}

#[corio::task]
fn locks_beside<'m>(
    mutex: &'m Mutex<u64>,
    away: &std::sync::Mutex<Option<MutexGuard<'m, u64>>>,
    receiver: oneshot::Receiver<()>,
) -> u64 {
    race!(
        locks_twice(mutex, away),
        task!(move {
            call!(in_flight(receiver));
            0
        })
    )
}

#[test]
fn a_guard_dropped_on_another_thread_wakes_who_waits() {
    let (mutex, away) = (Mutex::new(1), std::sync::Mutex::new(None));
    let (sender, receiver) = oneshot::channel();
    let mut schedule = Schedule::new(());
    let answer = woken_by(schedule.run_async(locks_beside(&mutex, &away, receiver)), || {
        let mut guard = away.lock().unwrap().take().unwrap();
        *guard = 7;
    });
    assert_eq!(answer, 7);
    drop(sender);
}

#[test]
fn a_guard_that_nobody_gives_back_is_a_deadlock() {
    let (mutex, away) = (Mutex::new(1), std::sync::Mutex::new(None));
    let mut schedule = Schedule::new(());
    assert!(matches!(schedule.run(locks_twice(&mutex, &away)), Err(Error::Deadlock(_))));
    drop(away);
    assert_eq!(mutex.into_inner(), 1);
}

#[corio::task]
fn ends_with_guard<'m>(mutex: &'m Mutex<u64>) -> MutexGuard<'m, u64> {
    call!(mutex.lock())
}

#[corio::task]
fn adds(mutex: &Mutex<u64>, n: u64) -> u64 {
    let mut guard = call!(mutex.lock());
    *guard += n;
    *guard
}

#[test]
fn a_guard_outlives_its_run_and_is_dropped_anywhere() {
    let mutex = Mutex::new(0);
    for round in 1..=3 {
        let guard = everywhere(Schedule::new(()).run_async(ends_with_guard(&mutex))).unwrap();
        assert!(mutex.try_lock().is_none());
        elsewhere(guard, |mut guard| *guard += 1);
        assert_eq!(*mutex.try_lock().unwrap(), round);
    }
    assert_eq!(Schedule::new(()).run(adds(&mutex, 1)), Ok(4));
}

#[corio::task]
fn adds_and_waits(mutex: &Mutex<u64>, receivers: [oneshot::Receiver<()>; 2]) -> u64 {
    let [first, second] = receivers;
    call!(adds(mutex, 1));
    call!(in_flight(first));
    call!(adds(mutex, 10));
    call!(in_flight(second));
    call!(adds(mutex, 100))
}

/// Polls a run that waits for something else than it was woken for.
fn poll<T>(run: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
    std::pin::Pin::new(run).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn an_idle_lock_goes_from_one_live_run_to_another_and_back() {
    let mutex = Mutex::new(0);
    let channels: [_; 2] = std::array::from_fn(|_| oneshot::channel::<()>());
    let [(first, of_first), (second, of_second)] = channels;
    let mut one = Schedule::new(());
    let mut run = one.run_async(adds_and_waits(&mutex, [of_first, of_second]));
    assert!(poll(&mut run).is_pending());
    assert_eq!(Schedule::new(()).run(adds(&mutex, 1000)), Ok(1001));
    first.send(()).unwrap();
    elsewhere(&mut run, |run| assert!(poll(run).is_pending()));
    assert_eq!(elsewhere((), |()| Schedule::new(()).run(adds(&mutex, 1000))), Ok(2011));
    second.send(()).unwrap();
    assert_eq!(poll(&mut run), Poll::Ready(Ok(2111)));
}

#[corio::task]
fn holds_and_waits(mutex: &Mutex<u64>, receiver: oneshot::Receiver<()>) {
    let _guard = call!(mutex.lock());
    call!(in_flight(receiver));
}

#[test]
fn a_lock_that_is_in_use_in_another_live_run_is_refused() {
    let mutex = Mutex::new(0);
    let (_sender, receiver) = oneshot::channel();
    let mut one = Schedule::new(());
    let mut run = one.run_async(holds_and_waits(&mutex, receiver));
    assert!(poll(&mut run).is_pending());
    let refused = elsewhere((), |()| message(|| Schedule::new(()).run(adds(&mutex, 1))));
    assert_eq!(
        refused,
        "corio: this mutex is locked in another run; a lock belongs to one run at a time"
    );
    elsewhere(run, drop);
    assert_eq!(Schedule::new(()).run(adds(&mutex, 1)), Ok(1));
}

// ── other primitives ──

#[corio::task]
fn waits_in_all_ways(
    semaphore: &Semaphore,
    notify: &Notify,
    group: &WaitGroup,
    lock: &RwLock<u64>,
    receiver: oneshot::Receiver<()>,
) -> u64 {
    let (permits, (), (), value, ()) = join!(
        semaphore.acquire_many(2),
        notify.notified(),
        group.wait(),
        task!({ *call!(lock.read()) }),
        in_flight(receiver),
    );
    drop(permits);
    value
}

#[test]
fn whatever_is_released_on_another_thread_wakes_who_waits() {
    let (semaphore, notify, group) = (Semaphore::new(1), Notify::new(), WaitGroup::new());
    let lock = RwLock::new(1);
    let (sender, receiver) = oneshot::channel();
    group.add(1);
    let writer = lock.try_write().unwrap();
    let mut schedule = Schedule::new(());
    let run = schedule.run_async(waits_in_all_ways(&semaphore, &notify, &group, &lock, receiver));
    let answer = woken_by(run, || {
        semaphore.add_permits(1);
        notify.notify_one();
        group.done();
        let mut writer = writer;
        *writer = 8;
        drop(writer);
        sender.send(()).unwrap();
    });
    assert_eq!(answer, 8);
    assert_eq!(semaphore.available_permits(), 2);
}

#[corio::task]
fn notified_in_order(
    notify: &Notify,
    order: &RunCell<Vec<u64>>,
    end: &RunCell<Option<oneshot::Sender<()>>>,
    n: u64,
) {
    call!(notify.notified());
    if order.with(|order| {
        order.push(n);
        order.len() == 2
    }) {
        end.take().unwrap().send(()).unwrap();
    }
}

#[corio::task]
fn three_wait(notify: &Notify) -> Vec<u64> {
    let (sender, receiver) = oneshot::channel();
    let (order, end) = (RunCell::new(Vec::new()), RunCell::new(Some(sender)));
    race!(
        task!({
            all!((1..=3).map(|n| notified_in_order(notify, &order, &end, n)));
        }),
        in_flight(receiver)
    );
    order.take()
}

#[test]
fn each_notification_from_another_thread_goes_to_one_task_in_order() {
    let notify = Notify::new();
    let mut schedule = Schedule::new(());
    let order = woken_by(schedule.run_async(three_wait(&notify)), || {
        notify.notify_one();
        notify.notify_one();
    });
    assert_eq!(order, [1, 2]);
}

#[corio::task]
fn two_are_notified(notify: &Notify, receiver: oneshot::Receiver<()>) {
    join!(notify.notified(), notify.notified(), in_flight(receiver));
}

#[test]
fn notifications_of_all_from_another_thread_leave_none_behind() {
    let notify = Notify::new();
    let (sender, receiver) = oneshot::channel();
    let mut schedule = Schedule::new(());
    woken_by(schedule.run_async(two_are_notified(&notify, receiver)), || {
        notify.notify_one();
        notify.notify_waiters();
        sender.send(()).unwrap();
    });
    assert_eq!(format!("{notify:?}"), "Notify { stored: false, waiting: 0 }");
    notify.notify_one();
    assert_eq!(format!("{notify:?}"), "Notify { stored: true, waiting: 0 }");
}

#[corio::task]
fn receives(mut receiver: corio::sync::Receiver<Box<u64>>, ends: oneshot::Receiver<()>) -> u64 {
    let mut sum = 0;
    join!(
        task!({
            while let Some(n) = call!(receiver.recv()) {
                sum += *n;
            }
        }),
        in_flight(ends)
    );
    sum
}

#[test]
fn values_sent_on_another_thread_are_received() {
    let (sender, receiver) = channel(3);
    let (end, ends) = oneshot::channel();
    let mut schedule = Schedule::new(());
    let sum = woken_by(schedule.run_async(receives(receiver, ends)), || {
        let other = sender.clone();
        (1..=2).for_each(|n| sender.try_send(Box::new(n)).unwrap());
        drop(sender);
        other.try_send(Box::new(40)).unwrap();
        end.send(()).unwrap();
    });
    assert_eq!(sum, 43);
}

#[corio::task]
fn forgets_a_lock(mutex: &Mutex<u64>) {
    let mut lock = mutex.lock();
    // Polled by hand, it stands in the queue of the mutex, and then it is forgotten.
    let _ = std::pin::Pin::new(&mut lock).poll(&mut Context::from_waker(Waker::noop()));
    std::mem::forget(lock);
}

#[corio::task]
fn waits_behind_a_forgotten(mutex: &Mutex<u64>, receiver: oneshot::Receiver<()>) -> u64 {
    call!(forgets_a_lock_as_a_child(mutex));
    race!(
        adds(mutex, 1),
        task!(move {
            call!(in_flight(receiver));
            0
        })
    )
}

#[corio::task]
fn forgets_a_lock_as_a_child(mutex: &Mutex<u64>) {
    // In a child, so that the one in the queue is gone.
    all!([forgets_a_lock(mutex)]);
}

#[test]
fn a_lock_released_on_another_thread_passes_over_who_is_gone() {
    let mutex = Mutex::new(1);
    let guard = mutex.try_lock().unwrap();
    let (_sender, receiver) = oneshot::channel();
    let mut schedule = Schedule::new(());
    let run = schedule.run_async(waits_behind_a_forgotten(&mutex, receiver));
    assert_eq!(woken_by(run, || drop(guard)), 2);
}

#[corio::task]
fn tries_behind_a_forgotten(mutex: &Mutex<u64>, receiver: oneshot::Receiver<()>) -> Option<u64> {
    call!(forgets_a_lock_as_a_child(mutex));
    call!(in_flight(receiver));
    mutex.try_lock().map(|guard| *guard)
}

#[test]
fn a_lock_released_on_another_thread_is_free_for_who_only_tries() {
    let mutex = Mutex::new(1);
    let guard = mutex.try_lock().unwrap();
    let (sender, receiver) = oneshot::channel();
    let mut schedule = Schedule::new(());
    let run = schedule.run_async(tries_behind_a_forgotten(&mutex, receiver));
    let tried = woken_by(run, || {
        drop(guard);
        sender.send(()).unwrap();
    });
    assert_eq!(tried, Some(1));
}

// ── what belongs to a run ──

#[corio::task]
fn makes_a_cell() -> RunCell<u64> {
    let cell = RunCell::new(1);
    cell.set(cell.get() + 1);
    cell
}

#[corio::task]
fn shows<T: std::fmt::Debug>(value: &T) -> String {
    format!("{value:?}")
}

#[test]
fn a_cell_lets_nobody_in_but_its_run() {
    let cell = Schedule::new(()).run(makes_a_cell()).unwrap();
    let refused = "corio: a `RunCell` can only be used in the run that it was made in";
    assert_eq!(message(|| cell.get()), refused);
    assert_eq!(message(|| elsewhere(&cell, |cell| cell.set(1))), refused);
    assert_eq!(Schedule::new(()).run(shows(&cell)).unwrap(), "RunCell(<of another run>)");
    assert_eq!(
        message(|| RunCell::new(1)),
        "corio: a `RunCell` is made in a task: it belongs to its run"
    );
    assert_eq!(cell.into_inner(), 2);
}

#[corio::task]
fn uses_a_cell_in_a_nested_run() -> (u64, String) {
    let cell = RunCell::new(1);
    // The nested run is on the same thread, in the midst of this one.
    let nested = Schedule::new(()).run(reads(&cell)).unwrap();
    let within = message(|| cell.with(|_| cell.get()));
    (nested, within)
}

#[corio::task]
fn reads(cell: &RunCell<u64>) -> u64 {
    cell.get()
}

#[test]
fn a_cell_is_used_by_a_nested_run_but_not_within_itself() {
    let (nested, within) = Schedule::new(()).run(uses_a_cell_in_a_nested_run()).unwrap();
    assert_eq!(nested, 1);
    assert!(within.contains("already mutably borrowed"), "{within}");
}

#[corio::task]
fn spawned(n: u64) -> Box<u64> {
    Box::new(n)
}

#[corio::task]
fn sends_its_handle_away(receiver: oneshot::Receiver<()>) -> u64 {
    let (dropped, called) = (spawn!(spawned(1)), spawn!(spawned(2)));
    call!(in_flight(receiver));
    elsewhere(dropped, drop);
    *call!(called)
}

#[test]
fn a_handle_dropped_on_another_thread_is_no_interest_in_the_result() {
    let (sender, receiver) = oneshot::channel();
    let mut schedule = Schedule::new(());
    let run = schedule.run_async(sends_its_handle_away(receiver));
    assert_eq!(woken_by(run, || sender.send(()).unwrap()), 2);
}

/// Counts its destructors.
struct Counts(Arc<AtomicU64>);

impl Drop for Counts {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn what_a_cx_gave_is_forgotten_on_another_thread() {
    let drops = Arc::new(AtomicU64::new(0));
    let (counts, seen) = (Counts(drops.clone()), drops.clone());
    let (end, ends) = oneshot::channel();
    let task = corio::task_fn(async move |cx: corio::Cx<'_, ()>| {
        let child = corio::task_fn(async move |cx: corio::Cx<'_, ()>| {
            let _counts = counts;
            cx.io(corio::future(until(ends))).await;
        });
        let mut future = Box::pin(cx.call(child));
        let polled = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context)));
        assert!(polled.await.is_pending());
        let refused = elsewhere(future, |mut future| message(|| poll(&mut future.as_mut())));
        assert_eq!(refused, "corio: this only works in a task, while its schedule runs it");
        // What it has called goes on, as a child of this task.
        let before = seen.load(Ordering::Relaxed);
        end.send(()).unwrap();
        before
    });
    assert_eq!(Schedule::new(()).run(task), Ok(0));
    assert_eq!(drops.load(Ordering::Relaxed), 1);
}

// ── many at once, for ThreadSanitizer ──

#[test]
fn many_threads_look_at_one_primitive() {
    const ROUNDS: u64 = if cfg!(miri) { 5 } else { 200 };
    let (mutex, notify, semaphore) = (Mutex::new(0), Notify::new(), Semaphore::new(0));
    let (sender, mut receiver) = channel(4);
    let flights: SingleFlight<u64, u64> = SingleFlight::new();
    let taken = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            let sender = sender.clone();
            let (mutex, notify, semaphore, taken) = (&mutex, &notify, &semaphore, &taken);
            let flights = &flights;
            scope.spawn(move || {
                for n in 0..ROUNDS {
                    if let Some(mut guard) = mutex.try_lock() {
                        *guard += 1;
                        taken.fetch_add(1, Ordering::Relaxed);
                    }
                    notify.notify_one();
                    semaphore.add_permits(1);
                    let _ = sender.try_send(Box::new(n));
                    let _ = format!("{mutex:?} {notify:?} {flights:?} {sender:?}");
                }
            });
        }
        drop(sender);
        let mut schedule = Schedule::new(());
        for _ in 0..ROUNDS {
            // It is in use by another thread, perhaps.
            let _ = catch_unwind(AssertUnwindSafe(|| schedule.run(takes_permits(&semaphore))));
            while receiver.try_recv().is_ok() {}
        }
    });
    assert_eq!(mutex.into_inner(), taken.into_inner());
}

#[corio::task]
fn takes_permits(semaphore: &Semaphore) {
    let _permit = call!(semaphore.acquire());
}
