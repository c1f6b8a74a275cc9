//! `Schedule::run` puts its thread to sleep: where it may, where it must not, and by what it is
//! woken.

use std::cell::RefCell;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use corio::{Batch, Clock, Elapsed, Error, Event, Schedule};

/// Fails a program that hangs.
#[track_caller]
fn ends<T: Send + 'static>(program: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(program()));
    receiver.recv_timeout(Duration::from_secs(20)).expect("it ends, and does not hang")
}

mod park_token {
    use super::*;

    /// What code of the user's does with the token of its thread.
    #[derive(Clone, Copy)]
    enum Habit {
        Leaves,
        Takes,
    }

    thread_local! {
        static HABIT: RefCell<Option<Habit>> = const { RefCell::new(None) };
    }

    /// Called wherever corio calls code of the user's on the thread of the run.
    fn user_code() {
        match HABIT.with_borrow(|habit| *habit) {
            Some(Habit::Leaves) => thread::current().unpark(),
            Some(Habit::Takes) => thread::park_timeout(Duration::ZERO),
            None => {}
        }
    }

    struct Key(u64);

    impl Clone for Key {
        fn clone(&self) -> Self {
            user_code();
            Key(self.0)
        }
    }

    impl PartialEq for Key {
        fn eq(&self, other: &Self) -> bool {
            user_code();
            self.0 == other.0
        }
    }

    impl Eq for Key {}

    impl Hash for Key {
        fn hash<H: Hasher>(&self, hasher: &mut H) {
            user_code();
            self.0.hash(hasher);
        }
    }

    impl Drop for Key {
        fn drop(&mut self) {
            user_code();
        }
    }

    /// Tells when the answers are on their way, so that the run is about to sleep when they come.
    type Sent = Rc<RefCell<Option<mpsc::Receiver<()>>>>;

    #[derive(corio::Context)]
    struct Lab {
        sent: Sent,
    }

    #[corio::dispatcher(dedup, cache)]
    fn threaded(sent: &Sent, batch: Batch<Key, u64>) {
        user_code();
        let (sender, receiver) = mpsc::channel();
        *sent.borrow_mut() = Some(receiver);
        // A thread of its own: what it does with its token is its affair.
        thread::spawn(move || {
            batch.into_iter().for_each(|slot| slot.answer_with(|key| key.0));
            sender.send(())
        });
    }

    #[corio::dispatcher]
    async fn awaited(keys: &[u64]) -> Vec<u64> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let keys = keys.to_vec();
        thread::spawn(move || sender.send(keys));
        user_code();
        let keys = receiver.await.unwrap();
        user_code();
        keys
    }

    struct Guard;

    impl Drop for Guard {
        fn drop(&mut self) {
            user_code();
        }
    }

    #[corio::task(Lab)]
    fn program() -> u64 {
        let _guard = Guard;
        let mut sum = 0;
        for n in 0..20 {
            user_code();
            let (one, other) = timeout!(Duration::from_secs(3600), task!((io!(threaded(Key(n))), io!(threaded(Key(n)))))).unwrap();
            sum += one + other + io!(awaited(n));
        }
        sum
    }

    struct Parks {
        start: Instant,
        sent: Sent,
    }

    struct Sleeping;

    impl Future for Sleeping {
        type Output = ();

        fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            // Woken although it is not time: a clock may do so.
            context.waker().wake_by_ref();
            user_code();
            Poll::Pending
        }
    }

    impl Drop for Sleeping {
        fn drop(&mut self) {
            user_code();
        }
    }

    impl Clock for Parks {
        fn now(&self) -> Duration {
            user_code();
            self.start.elapsed()
        }

        fn sleep_until(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()>>> {
            user_code();
            Box::pin(Sleeping)
        }

        fn idle(&self) {
            // The answer, if it comes by a thread, is announced by now, and not seen yet.
            if let Some(sent) = self.sent.take() {
                sent.recv().unwrap();
            }
            user_code();
        }
    }

    fn run(habit: Habit) -> Result<u64, Error> {
        HABIT.set(Some(habit));
        let sent = Sent::default();
        let mut schedule = Schedule::new(Lab { sent: sent.clone() });
        schedule.clock(Parks { start: Instant::now(), sent }).observe(|_: &Event<'_>| user_code());
        let result = schedule.run(program());
        HABIT.set(None);
        result
    }

    #[test]
    fn code_that_parks_takes_no_news_of_the_run() {
        assert_eq!(ends(|| run(Habit::Takes)), Ok(570));
    }

    #[test]
    fn code_that_unparks_does_no_harm() {
        assert_eq!(ends(|| run(Habit::Leaves)), Ok(570));
    }

    #[test]
    fn the_callers_is_still_there() {
        #[corio::task]
        fn program() -> Result<u64, Elapsed> {
            timeout!(Duration::from_secs(3600), awaited(7))
        }

        ends(|| {
            thread::current().unpark();
            assert_eq!(Schedule::new(()).run(awaited(7)), Ok(7));
            thread::park();
            thread::current().unpark();
            assert_eq!(Schedule::new(()).run(program()), Ok(Ok(7)));
            thread::park();
        });
    }
}
