//! `wait!(future)`: a task waits for a future from outside of corio.

use std::future::{Future, pending, ready};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use corio::sync::{Mutex, Semaphore};
use corio::testing::{VirtualClock, assert_batches};
use corio::{CancellationToken, Elapsed, Error, Log, Schedule};
use support::{double, ends, message, run};
use tokio::sync::oneshot;

#[corio::task]
fn receives(receiver: oneshot::Receiver<u64>) -> u64 {
    wait!(receiver).unwrap_or(0)
}

#[test]
fn what_is_ready_suspends_nobody() {
    #[corio::task]
    fn program() -> (u64, u64) {
        let mut local = 1;
        // It may borrow from the task, also mutably.
        let other = wait!(async {
            local += 1;
            local * 10
        });
        (local, other)
    }
    assert_eq!(run(program()), (2, 20));
}

#[test]
fn another_thread_wakes_a_run_that_sleeps() {
    let (sender, receiver) = oneshot::channel();
    let answer = ends(move || {
        let sends = std::thread::spawn(move || sender.send(7).unwrap());
        let answer = Schedule::new(()).run(receives(receiver));
        sends.join().unwrap();
        answer
    });
    assert_eq!(answer, Ok(7));
}

#[test]
fn batches_leave_while_a_task_waits_outside() {
    #[corio::task]
    fn asks(n: u64) -> u64 {
        io!(double(n))
    }
    #[corio::task]
    fn program() -> u64 {
        let (sender, receiver) = oneshot::channel();
        let waits = spawn!(receives(receiver));
        let asked: u64 = all!((1..=3).map(asks)).into_iter().sum();
        sender.send(asked).unwrap();
        call!(waits)
    }
    let log = Log::new();
    let mut schedule = Schedule::new(()).observe(log.observer());
    assert_eq!(schedule.run(program()), Ok(12));
    assert_batches!(log, "double" == 1);
}

#[test]
fn each_task_is_woken_by_its_own_future() {
    #[corio::task]
    fn program(receivers: Vec<oneshot::Receiver<u64>>) -> Vec<u64> {
        all!(receivers.into_iter().map(receives))
    }
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| oneshot::channel()).unzip();
    let mut schedule = Schedule::new(());
    let mut future = pin!(schedule.run_async(program(receivers)));
    let woken = Arc::new(Count::default());
    let waker = Waker::from(woken.clone());
    let mut context = Context::from_waker(&waker);
    for (at, sender) in senders.into_iter().enumerate().rev() {
        assert!(future.as_mut().poll(&mut context).is_pending());
        assert_eq!(woken.0.load(Ordering::Relaxed), 2 - at);
        sender.send(at as u64).unwrap();
    }
    assert_eq!(future.poll(&mut context), Poll::Ready(Ok(vec![0, 1, 2])));
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Pending so many times, and wakes itself each time.
async fn yields(times: usize) -> usize {
    for _ in 0..times {
        let mut is_first = true;
        std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }
    times
}

#[test]
fn a_future_that_wakes_itself_holds_up_nobody() {
    #[corio::task]
    fn program() -> (usize, u64) {
        let (yielded, asked) = join!(task!({ wait!(yields(100)) }), double(1));
        (yielded, asked)
    }
    assert_eq!(run(program()), (100, 2));
}

#[test]
fn a_time_limit_drops_the_future() {
    #[corio::task(VirtualClock)]
    fn program(clock: VirtualClock) -> Result<(), Elapsed> {
        let name = String::from("borrowed");
        let limit = Duration::from_secs(1);
        timeout!(
            limit,
            task!({
                wait!(clock.sleep(Duration::from_secs(5)));
                assert_eq!(name, "borrowed");
            })
        )
    }
    let clock = VirtualClock::new();
    let mut schedule = Schedule::new(&clock).clock(clock.clone());
    let limit = Duration::from_secs(1);
    assert_eq!(schedule.run(program(clock.clone())), Ok(Err(Elapsed::new(limit))));
}

#[test]
fn the_loser_of_a_race_is_dropped_with_its_future() {
    struct Says<'a>(&'a AtomicUsize);
    impl Drop for Says<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    #[corio::task]
    fn program() -> (u64, usize) {
        let dropped = AtomicUsize::new(0);
        let won = race!(
            task!({
                let says = Says(&dropped);
                wait!(async {
                    let _says = says;
                    pending::<()>().await;
                });
                0
            }),
            double(2)
        );
        (won, dropped.into_inner())
    }
    assert_eq!(run(program()), (4, 1));
}

#[test]
fn a_token_cancels_a_run_that_waits_outside() {
    #[corio::task]
    fn program() {
        wait!(pending::<()>());
    }
    let token = CancellationToken::new();
    let mut schedule = Schedule::new(()).cancel_on(&token);
    let canceller = token.clone();
    let cancels = std::thread::spawn(move || canceller.cancel());
    assert_eq!(schedule.run(program()), Err(Error::Cancelled));
    cancels.join().unwrap();
}

#[test]
fn a_panic_of_the_future_is_one_of_the_task() {
    #[corio::task]
    fn program() {
        wait!(async { panic!("of the future") });
    }
    assert_eq!(message(|| Schedule::new(()).run(program())), "of the future");
}

#[test]
fn a_lock_of_corio_in_a_future_is_waited_for_as_such() {
    #[corio::task]
    fn locks(mutex: &Mutex<u64>) -> u64 {
        let mut guard = wait!(async { mutex.lock().await });
        *guard += io!(double(1));
        *guard
    }
    #[corio::task]
    fn program() -> Vec<u64> {
        let mutex = Mutex::new(0);
        all!((0..3).map(|_| locks(&mutex)))
    }
    assert_eq!(run(program()), [2, 4, 6]);

    // And so a deadlock is known.
    #[corio::task]
    fn stuck() {
        let semaphore = Semaphore::new(0);
        wait!(async { semaphore.acquire().await.forget() });
    }
    let error = Schedule::new(()).run(stuck()).unwrap_err();
    assert!(matches!(error, Error::Deadlock(_)), "{error}");

    // But not where something from outside is waited for in the same future.
    #[corio::task]
    fn either(receiver: oneshot::Receiver<u64>) -> u64 {
        let semaphore = Semaphore::new(0);
        wait!(async {
            let mut acquire = pin!(semaphore.acquire());
            let mut receiver = pin!(receiver);
            std::future::poll_fn(|context| {
                let _ = acquire.as_mut().poll(context);
                receiver.as_mut().poll(context)
            })
            .await
            .unwrap()
        })
    }
    let answer = ends(|| {
        let (sender, receiver) = oneshot::channel();
        let sends = std::thread::spawn(move || sender.send(3).unwrap());
        let answer = Schedule::new(()).run(either(receiver));
        sends.join().unwrap();
        answer
    });
    assert_eq!(answer, Ok(3));
}

#[test]
fn a_stuck_task_beside_one_that_waits_outside_is_no_deadlock_until_that_one_ends() {
    #[corio::task]
    fn program(receiver: oneshot::Receiver<u64>) {
        let semaphore = Semaphore::new(0);
        let (_received, _permit) = join!(receives(receiver), semaphore.acquire());
    }
    let error = ends(|| {
        let (sender, receiver) = oneshot::channel();
        let sends = std::thread::spawn(move || sender.send(3).unwrap());
        let error = Schedule::new(()).run(program(receiver)).unwrap_err();
        sends.join().unwrap();
        error
    });
    assert!(matches!(error, Error::Deadlock(_)), "{error}");
}

#[test]
fn a_waker_that_is_used_late_wakes_nobody() {
    let kept: Arc<std::sync::Mutex<Option<Waker>>> = Arc::default();
    #[corio::task]
    fn program(kept: Arc<std::sync::Mutex<Option<Waker>>>) -> u64 {
        wait!(std::future::poll_fn(|context| {
            *kept.lock().unwrap() = Some(context.waker().clone());
            Poll::Ready(1)
        }))
    }
    let mut schedule = Schedule::new(());
    assert_eq!(schedule.run(program(kept.clone())), Ok(1));
    let waker = kept.lock().unwrap().take().unwrap();
    waker.wake_by_ref();
    assert_eq!(schedule.run(program(kept.clone())), Ok(1));
    waker.wake();
    assert_eq!(run(double(1)), 2);
}

#[test]
fn what_becomes_a_future_is_waited_for_too() {
    struct Later(u64);
    impl IntoFuture for Later {
        type Output = u64;
        type IntoFuture = std::future::Ready<u64>;
        fn into_future(self) -> Self::IntoFuture {
            ready(self.0)
        }
    }
    #[corio::task]
    fn program() -> u64 {
        wait!(Later(3))
    }
    assert_eq!(run(program()), 3);
}

#[test]
fn a_run_within_a_run_is_a_future_like_any_other() {
    #[corio::task]
    fn inner() -> u64 {
        wait!(yields(2)) as u64 + io!(double(2))
    }
    #[corio::task]
    fn program() -> u64 {
        let mut schedule = Schedule::new(());
        wait!(schedule.run_async(inner())).unwrap()
    }
    assert_eq!(run(program()), 6);
}
