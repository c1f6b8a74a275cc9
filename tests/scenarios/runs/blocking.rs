//! `Schedule::run` puts its thread to sleep: where it may, where it must not, and by what it is
//! woken.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use corio::{Batch, Clock, Elapsed, Error, Event, Schedule};
use support::{Counts, ends, healthy};

mod on_executors {
    use super::*;
    use expect_test::{Expect, expect};
    use tokio::runtime::{Builder, Handle, Runtime};
    use tokio::sync::oneshot;
    use tokio::task::{LocalSet, block_in_place, coop, spawn_blocking};

    /// Answered by another task of the runtime: somebody else has to drive it.
    #[corio::dispatcher]
    async fn fetch(keys: &[u64]) -> Vec<u64> {
        let keys = keys.to_vec();
        tokio::spawn(async move { keys }).await.unwrap()
    }

    #[corio::dispatcher]
    fn in_place(keys: &[u64]) -> Vec<u64> {
        keys.to_vec()
    }

    #[corio::dispatcher]
    async fn never(_: &[u64]) -> Vec<u64> {
        std::future::pending().await
    }

    /// Where it would sleep for ever, and where it need not sleep.
    fn run() -> String {
        format!(
            "{:?}, {:?} in place",
            Schedule::new(()).run(never(7)),
            Schedule::new(()).run(in_place(8))
        )
    }

    /// Where it may sleep.
    fn sleep() -> String {
        format!(
            "{:?}, {:?} in place",
            Schedule::new(()).run(fetch(7)),
            Schedule::new(()).run(in_place(8))
        )
    }

    #[corio::task]
    fn runs_another(how: fn() -> String) -> String {
        how()
    }

    async fn below_an_asynchronous_run(how: fn() -> String) -> String {
        Schedule::new(()).run_async(runs_another(how)).await.unwrap()
    }

    fn multi_thread() -> Runtime {
        Builder::new_multi_thread().worker_threads(1).build().unwrap()
    }

    fn current_thread() -> Runtime {
        Builder::new_current_thread().build().unwrap()
    }

    /// Drives the runtime, until the thread has its result.
    fn on_a_plain_thread(runtime: &Runtime) -> String {
        let (sender, receiver) = oneshot::channel();
        let handle = runtime.handle().clone();
        thread::spawn(move || {
            let _entered = handle.enter();
            sender.send(sleep()).unwrap();
        });
        runtime.block_on(receiver).unwrap()
    }

    async fn without_budget() -> String {
        while coop::has_budget_remaining() {
            coop::consume_budget().await;
        }
        run()
    }

    type Place = (&'static str, fn(&Runtime) -> String);

    /// Runs at every place of a runtime, and tells what came of it.
    fn everywhere(runtime: fn() -> Runtime) -> String {
        let places: [Place; 9] = [
            ("block_on", |runtime| runtime.block_on(async { run() })),
            ("a task", |runtime| {
                runtime.block_on(async { tokio::spawn(async { run() }).await.unwrap() })
            }),
            ("a task that has used up its budget", |runtime| {
                runtime.block_on(async { tokio::spawn(without_budget()).await.unwrap() })
            }),
            ("a local set", |runtime| LocalSet::new().block_on(runtime, async { run() })),
            ("a task of a local set", |runtime| {
                LocalSet::new().block_on(runtime, async {
                    tokio::task::spawn_local(async { run() }).await.unwrap()
                })
            }),
            ("a task of an asynchronous run", |runtime| {
                runtime.block_on(below_an_asynchronous_run(run))
            }),
            ("block_on in spawn_blocking", |runtime| {
                let nested = || Handle::current().block_on(async { run() });
                runtime.block_on(async { spawn_blocking(nested).await.unwrap() })
            }),
            ("spawn_blocking", |runtime| {
                runtime.block_on(async { spawn_blocking(sleep).await.unwrap() })
            }),
            ("a plain thread with a handle", on_a_plain_thread),
        ];
        places.iter().fold(String::new(), |text, (place, run)| {
            text + &format!("{place}: {}\n", run(&runtime()))
        })
    }

    const EVERYWHERE: Expect = expect![[r#"
        block_on: Err(WouldBlockExecutor), Ok(8) in place
        a task: Err(WouldBlockExecutor), Ok(8) in place
        a task that has used up its budget: Err(WouldBlockExecutor), Ok(8) in place
        a local set: Err(WouldBlockExecutor), Ok(8) in place
        a task of a local set: Err(WouldBlockExecutor), Ok(8) in place
        a task of an asynchronous run: Err(WouldBlockExecutor), Ok(8) in place
        block_on in spawn_blocking: Err(WouldBlockExecutor), Ok(8) in place
        spawn_blocking: Ok(7), Ok(8) in place
        a plain thread with a handle: Ok(7), Ok(8) in place
    "#]];

    #[test]
    fn of_tokio_with_many_threads() {
        EVERYWHERE.assert_eq(&ends(|| everywhere(multi_thread)));
    }

    #[test]
    fn of_tokio_with_one_thread() {
        EVERYWHERE.assert_eq(&ends(|| everywhere(current_thread)));
    }

    #[test]
    fn of_tokio_in_block_in_place() {
        let places = || {
            let in_block_on = multi_thread().block_on(async { block_in_place(sleep) });
            let in_a_task = multi_thread()
                .block_on(async { tokio::spawn(async { block_in_place(sleep) }).await.unwrap() });
            let below =
                multi_thread().block_on(below_an_asynchronous_run(|| block_in_place(sleep)));
            [in_block_on, in_a_task, below]
        };
        assert_eq!(ends(places), ["Ok(7), Ok(8) in place"; 3]);
    }

    /// Answered by another thread, whatever executor there is.
    #[corio::dispatcher]
    fn threaded(batch: Batch<u64, u64>) {
        thread::spawn(|| batch.into_iter().for_each(|slot| slot.answer_with(|key| key)));
    }

    #[test]
    fn of_others_where_it_is_known_and_only_there() {
        let text = ends(|| {
            let below = smol::block_on(below_an_asynchronous_run(|| {
                format!("{:?}", Schedule::new(()).run(never(1)))
            }));
            let in_place = smol::block_on(below_an_asynchronous_run(|| {
                format!("{:?}", Schedule::new(()).run(in_place(8)))
            }));
            let beside =
                smol::block_on(async { format!("{:?}", Schedule::new(()).run(threaded(7))) });
            let afterwards = format!("{:?}", Schedule::new(()).run(threaded(7)));
            [below, in_place, beside, afterwards].join(", ")
        });
        assert_eq!(text, "Err(WouldBlockExecutor), Ok(8), Ok(7), Ok(7)");
    }

    #[test]
    fn a_pause_and_a_limit_are_waited_for_as_answers_are() {
        #[corio::dispatcher(retry(attempts = 2, backoff = "1h"))]
        fn pauses(batch: Batch<u64, u64>) {
            batch.into_iter().for_each(|slot| slot.retry());
        }

        let error = ends(|| current_thread().block_on(async { Schedule::new(()).run(pauses(1)) }));
        assert_eq!(error, Err(Error::WouldBlockExecutor));
    }

    #[corio::task]
    fn waits(counts: Counts) -> u64 {
        let _local = counts.one();
        io!(fetch(7))
    }

    #[test]
    fn the_error_says_the_way_out_which_works_on_the_same_schedule() {
        ends(|| {
            current_thread().block_on(async {
                let (mut schedule, counts) = (Schedule::new(()), Counts::default());
                let error = schedule.run(waits(counts.clone())).unwrap_err();
                counts.check_built(1);
                expect!["`run` has to wait for answers, and this thread runs an async executor, which must not sleep: `.await` `run_async`, or call `run` where a thread may block (in tokio's `spawn_blocking` or `block_in_place`, or on a thread of its own)"].assert_eq(&error.to_string());
                assert_eq!(schedule.run(healthy()), Ok(10));
                assert_eq!(schedule.run_async(waits(counts)).await, Ok(7));
            });
        });
    }

    #[test]
    fn the_budget_of_a_task_is_afterwards_what_it_was() {
        /// How many steps are left, of which none is taken.
        fn left() -> usize {
            let mut context = Context::from_waker(Waker::noop());
            let Poll::Ready(_as_before) = coop::poll_proceed(&mut context) else { return 0 };
            let mut step =
                || coop::poll_proceed(&mut context).map(|step| step.made_progress()).is_ready();
            1 + std::iter::from_fn(|| step().then_some(())).count()
        }

        ends(|| {
            current_thread().block_on(async {
                coop::consume_budget().await;
                let before = left();
                assert_eq!(Schedule::new(()).run(never(1)), Err(Error::WouldBlockExecutor));
                assert!(before > 0);
                assert_eq!(left(), before);
            });
        });
    }
}

mod without_an_executor {
    use super::*;
    use corio::RequestError;
    use expect_test::expect;
    use std::env;
    use std::process::Command;

    #[corio::dispatcher]
    async fn needs_tokio(keys: &[u64]) -> Vec<u64> {
        tokio::spawn(std::future::ready(keys.to_vec())).await.unwrap()
    }

    #[corio::dispatcher(faults = "error")]
    async fn says_so(keys: &[u64]) -> Vec<u64> {
        tokio::spawn(std::future::ready(keys.to_vec())).await.unwrap()
    }

    #[test]
    fn a_client_that_needs_one_panics_and_the_report_says_what_to_do() {
        const AGAIN: &str = "CORIO_TEST_OF_A_REPORT";
        if env::var_os(AGAIN).is_some() {
            Schedule::new(()).observe(corio::print_panics()).run(needs_tokio(1)).unwrap();
        }
        // The name of this test, without that of the crate.
        let (_, module) = module_path!().split_once("::").unwrap();
        let name =
            format!("{module}::a_client_that_needs_one_panics_and_the_report_says_what_to_do");
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", &name, "--nocapture"])
            .env(AGAIN, "")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let report: Vec<&str> =
            said.lines().skip_while(|line| !line.starts_with("corio:")).take(2).collect();
        expect![[r#"
            corio: the panic ends the run; it came from dispatcher `needs_tokio`
              it needs the context of a tokio runtime: hold `let _entered = handle.enter();` around `schedule.run(..)`, or `.await` `schedule.run_async(..)` on the runtime"#]]
        .assert_eq(&report.join("\n"));
    }

    #[test]
    fn so_does_the_error_of_its_requests() {
        let error = Schedule::new(()).run(says_so(1)).unwrap().unwrap_err();
        assert!(matches!(error, RequestError::Panicked { .. }), "{error:?}");
        expect!["dispatcher `says_so` panicked: there is no reactor running, must be called from the context of a Tokio 1.x runtime; it needs the context of a tokio runtime: hold `let _entered = handle.enter();` around `schedule.run(..)`, or `.await` `schedule.run_async(..)` on the runtime"]
            .assert_eq(&error.to_string());
    }

    #[test]
    fn with_a_handle_it_works() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let _entered = runtime.enter();
        assert_eq!(Schedule::new(()).run(needs_tokio(1)), Ok(1));
    }
}

mod park_token {
    use super::*;
    use support::user_code::{self, Guard, Key};

    /// What code of the user's does with the token of its thread.
    #[derive(Clone, Copy)]
    enum Habit {
        Leaves,
        Takes,
    }

    /// Called wherever corio calls code of the user's on the thread of the run.
    fn follow(habit: Habit) {
        match habit {
            Habit::Leaves => thread::current().unpark(),
            Habit::Takes => thread::park_timeout(Duration::ZERO),
        }
    }

    /// Tells when the answers are on their way, so that the run is about to sleep when they come.
    type Sent = Arc<Mutex<Option<mpsc::Receiver<()>>>>;

    #[derive(corio::Context)]
    struct Lab {
        sent: Sent,
    }

    #[corio::dispatcher(dedup, cache)]
    fn threaded(sent: &Sent, batch: Batch<Key, u64>) {
        user_code::call();
        let (sender, receiver) = mpsc::channel();
        *sent.lock().unwrap() = Some(receiver);
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
        user_code::call();
        let keys = receiver.await.unwrap();
        user_code::call();
        keys
    }

    #[corio::task(Lab)]
    fn program() -> u64 {
        let _guard = Guard;
        let mut sum = 0;
        for n in 0..20 {
            user_code::call();
            let (one, other) = timeout!(
                Duration::from_secs(3600),
                task!((io!(threaded(Key(n))), io!(threaded(Key(n)))))
            )
            .unwrap();
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
            user_code::call();
            Poll::Pending
        }
    }

    impl Drop for Sleeping {
        fn drop(&mut self) {
            user_code::call();
        }
    }

    impl Clock for Parks {
        fn now(&self) -> Duration {
            user_code::call();
            self.start.elapsed()
        }

        fn sleep_until(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            user_code::call();
            Box::pin(Sleeping)
        }

        fn idle(&self) {
            // The answer, if it comes by a thread, is announced by now, and not seen yet.
            let sent = self.sent.lock().unwrap().take();
            if let Some(sent) = sent {
                sent.recv().unwrap();
            }
            user_code::call();
        }
    }

    fn run(habit: Habit) -> Result<u64, Error> {
        user_code::set(move || follow(habit));
        let sent = Sent::default();
        let mut schedule = Schedule::new(Lab { sent: sent.clone() })
            .clock(Parks { start: Instant::now(), sent })
            .observe(|_: &Event<'_>| user_code::call());
        let result = schedule.run(program());
        user_code::clear();
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
