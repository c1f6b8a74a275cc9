//! The schedule: run after run, on any executor, on many threads, one inside another.

use std::cell::Cell;
use std::collections::HashMap;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::{self, Thread};

use corio::{Batch, Context, Error, Event, Log, Observer, RequestError, Schedule, TaskId};
use expect_test::expect;
use tokio::sync::{mpsc, oneshot};

#[corio::dispatcher(show_keys)]
fn double(numbers: &[u64]) -> Vec<u64> {
    numbers.iter().map(|number| number * 2).collect()
}

#[corio::task]
fn quadruple(number: u64) -> u64 {
    let twice = io!(double(number));
    io!(double(twice))
}

#[corio::task]
fn sum_of(count: u64) -> u64 {
    all!((0..count).map(quadruple)).iter().sum()
}

mod reuse {
    use super::*;

    #[test]
    fn run_after_run() {
        let mut schedule = Schedule::new(());
        for count in [3, 0, 1000, 1, 3] {
            assert_eq!(schedule.run(sum_of(count)).unwrap(), (0..count).sum::<u64>() * 4);
            assert_eq!(schedule.run(double(count)).unwrap(), count * 2);
        }
    }

    #[test]
    fn a_task_may_borrow_from_the_caller_of_run() {
        #[corio::task]
        fn record(numbers: &[u64], sums: &mut Vec<u64>, total: &Cell<u64>) -> usize {
            sums.push(0);
            for double in all!(numbers.iter().map(
                |number| task!(move { total.set(total.get() + number); io!(double(*number)) })
            )) {
                sums[0] += double;
            }
            sums.len()
        }

        let mut schedule = Schedule::new(());
        let numbers = vec![1, 2, 3];
        let total = Cell::new(0);
        for run in 1..=2 {
            let mut sums = Vec::new();
            assert_eq!(schedule.run(record(&numbers, &mut sums, &total)).unwrap(), 1);
            assert_eq!((sums, total.get()), (vec![12], 6 * run));
        }
    }

    #[test]
    fn a_result_may_borrow_from_the_caller_of_run() {
        #[corio::task]
        fn longest<'a>(texts: &'a [String]) -> Option<&'a str> {
            io!(double(1));
            texts.iter().map(String::as_str).max_by_key(|text| text.len())
        }

        let texts = ["a", "longest", "longer"].map(String::from);
        let mut schedule = Schedule::new(());
        let first = schedule.run(longest(&texts)).unwrap();
        let second = schedule.run(longest(&texts[2..])).unwrap();
        drop(schedule);
        assert_eq!((first, second), (Some("longest"), Some("longer")));
    }

    #[test]
    fn after_an_error() {
        #[corio::dispatcher]
        fn broken(_: &[u64]) -> Vec<u64> {
            Vec::new()
        }

        #[corio::task]
        fn breaks(rc: Rc<()>) {
            for n in 0..3 {
                spawn!(quadruple(n));
            }
            io!(broken(1));
            drop(rc);
        }

        let mut schedule = Schedule::new(());
        let rc = Rc::new(());
        for _ in 0..2 {
            assert!(matches!(
                schedule.run(breaks(rc.clone())),
                Err(Error::Batch(RequestError::WrongCount {
                    dispatcher: "broken",
                    requests: 1,
                    answers: 0,
                    ..
                }))
            ));
            assert_eq!(Rc::strong_count(&rc), 1, "every task is dropped when the run is over");
            assert_eq!(schedule.run(sum_of(4)).unwrap(), 24);
        }
    }

    #[test]
    fn after_a_panic() {
        #[corio::task]
        fn panics(rc: Rc<()>) -> u64 {
            spawn!(quadruple(1));
            io!(double(2));
            assert_eq!(Rc::strong_count(&rc), 1, "thrown in the task");
            0
        }

        let mut schedule = Schedule::new(());
        let rc = Rc::new(());
        let payload =
            catch_unwind(AssertUnwindSafe(|| schedule.run(panics(rc.clone())))).unwrap_err();
        assert!(payload.downcast::<String>().unwrap().contains("thrown in the task"));
        assert_eq!(Rc::strong_count(&rc), 1);
        assert_eq!(schedule.run(sum_of(4)).unwrap(), 24);
    }

    #[test]
    fn a_schedule_can_be_moved_between_runs() {
        let mut schedule = Schedule::new(Rc::new(()));
        assert_eq!(schedule.run(sum_of(2)).unwrap(), 4);
        let mut moved = Box::new(schedule);
        assert_eq!(moved.run(sum_of(3)).unwrap(), 12);
        let mut list = vec![*moved, Schedule::new(Rc::new(()))];
        list.swap(0, 1);
        for schedule in &mut list {
            assert_eq!(schedule.run(sum_of(4)).unwrap(), 24);
        }
    }
}

mod answering {
    use super::*;

    #[derive(Context)]
    struct App {
        server: Server,
    }

    struct Server;

    #[corio::dispatcher(max_batch = 2, show_keys)]
    fn name(_: &Server, _: &[u64]) -> HashMap<u64, String> {
        unreachable!("there is no server")
    }

    #[corio::dispatcher]
    async fn price(_: &Server, _: Vec<u64>) -> Result<Vec<u64>, Arc<String>> {
        unreachable!("there is no server")
    }

    #[corio::dispatcher]
    fn stock(_: &Server, _: Batch<u64, u64>) {
        unreachable!("there is no server")
    }

    #[corio::dispatcher]
    fn generic<T: Clone>(_: &Server, _: &[T]) -> Vec<T> {
        unreachable!("there is no server")
    }

    type Names = Vec<Option<String>>;
    type Prices = (Result<u64, Arc<String>>, u64);

    #[corio::task(App)]
    fn program() -> (Names, Prices, (u64, &'static str)) {
        (
            io_all!([1, 2, 1, 3].map(name)),
            io!(price(4), stock(5)),
            io!(generic(6), generic("seven")),
        )
    }

    #[test]
    fn with_another_function_for_one_schedule() {
        let log = Log::new();
        let mut schedule = Schedule::new(App { server: Server })
            .observe(log.observer())
            // Any shape will do that gives the same answers.
            .answer_with(name, |keys| {
                keys.iter()
                    .map(|key| (*key != 2).then(|| format!("name {key}")))
                    .collect::<Vec<_>>()
            })
            .answer_with(price, |keys| {
                if keys.contains(&9) {
                    Err(Arc::new("no price".to_owned()))
                } else {
                    Ok(keys.to_vec())
                }
            })
            .answer_with(stock, |keys| keys.to_vec())
            .answer_with(generic::<u64>, |keys| keys.to_vec())
            .answer_with(generic::<&str>, |keys| vec!["replaced"; keys.len()]);
        let result = schedule.run(program()).unwrap();
        // The options are still those of the dispatcher: each key once, two in a batch.
        expect![[r#"
            round 1: name[1, 2]
            round 1: name[3]
            round 2: price[1 key]
            round 2: stock[1 key]
            round 3: generic[1 key]
            round 3: generic[1 key]
            ([Some("name 1"), None, Some("name 1"), Some("name 3")], (Ok(4), 5), (6, "replaced"))"#]]
        .assert_eq(&format!("{log}{result:?}"));
    }

    #[test]
    fn with_a_function_that_has_a_state_and_can_be_replaced_again() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut schedule = Schedule::new(());
        assert_eq!(schedule.run(quadruple(1)).unwrap(), 4);
        let factor = AtomicU64::new(10);
        schedule = schedule.answer_with(double, {
            let asked = asked.clone();
            move |keys| {
                asked.lock().unwrap().extend_from_slice(keys);
                let factor = factor.fetch_add(1, Ordering::Relaxed) + 1;
                keys.iter().map(|key| key * factor).collect::<Vec<_>>()
            }
        });
        assert_eq!(schedule.run(quadruple(1)).unwrap(), 11 * 12);
        assert_eq!(schedule.run(quadruple(1)).unwrap(), 13 * 14);
        assert_eq!(*asked.lock().unwrap(), [1, 11, 1, 13]);
        schedule = schedule.answer_with(double, |keys| keys.to_vec());
        assert_eq!(schedule.run(quadruple(1)).unwrap(), 1);
        assert_eq!(Arc::strong_count(&asked), 1, "the replaced function is kept");
        // Other schedules are not concerned.
        assert_eq!(Schedule::new(()).run(quadruple(1)).unwrap(), 4);
    }
}

mod observing {
    use super::*;

    #[test]
    fn hears_of_everything_in_order() {
        #[corio::task]
        fn program() -> u64 {
            spawn!(double(1));
            let (a, b) = join!(quadruple(2), double(3));
            a + b
        }

        let log = Log::new();
        let mut schedule = Schedule::new(()).observe(log.verbose_observer());
        schedule.run(program()).unwrap();
        expect![[r#"
            Started { task: task 1, name: "program", parent: None }
            Resumed { task: task 1 }
            Started { task: task 2, name: "double", parent: Some(task 1) }
            Started { task: task 3, name: "quadruple", parent: Some(task 1) }
            Started { task: task 4, name: "double", parent: Some(task 1) }
            Suspended { task: task 1 }
            Resumed { task: task 2 }
            Asked { task: task 2, dispatcher: "double" }
            Suspended { task: task 2 }
            Resumed { task: task 3 }
            Asked { task: task 3, dispatcher: "double" }
            Suspended { task: task 3 }
            Resumed { task: task 4 }
            Asked { task: task 4, dispatcher: "double" }
            Suspended { task: task 4 }
            Round { round: 1 }
            BatchSent { dispatcher: "double", batch: 1, len: 3, keys: [1, 2, 3] }
            BatchAnswered { dispatcher: "double", batch: 1, len: 3 }
            Resumed { task: task 2 }
            Ended { task: task 2 }
            Resumed { task: task 3 }
            Asked { task: task 3, dispatcher: "double" }
            Suspended { task: task 3 }
            Resumed { task: task 4 }
            Ended { task: task 4 }
            Round { round: 2 }
            BatchSent { dispatcher: "double", batch: 2, len: 1, keys: [4] }
            BatchAnswered { dispatcher: "double", batch: 2, len: 1 }
            Resumed { task: task 3 }
            Ended { task: task 3 }
            Resumed { task: task 1 }
            Ended { task: task 1 }
        "#]]
        .assert_eq(&log.take());
    }

    #[test]
    fn every_task_that_starts_ends_and_every_request_is_answered() {
        #[derive(Default)]
        struct Counts {
            running: HashMap<TaskId, &'static str>,
            ended: u32,
            asked: usize,
            sent: usize,
            answered: usize,
        }

        struct Counting(Arc<Mutex<Counts>>);

        impl Observer for Counting {
            fn on(&mut self, event: &Event<'_>) {
                let mut counts = self.0.lock().unwrap();
                match event {
                    Event::Started { task, name, parent, .. } => {
                        assert!(parent.is_none_or(|parent| counts.running.contains_key(&parent)));
                        assert_eq!(counts.running.insert(*task, name), None, "two tasks of one id");
                    }
                    Event::Resumed { task, .. } | Event::Suspended { task, .. } => {
                        assert!(counts.running.contains_key(task))
                    }
                    Event::Ended { task, .. } => {
                        counts.ended += 1;
                        assert!(counts.running.remove(task).is_some());
                    }
                    Event::Asked { dispatcher, .. } => {
                        assert_eq!(*dispatcher, "double");
                        counts.asked += 1;
                    }
                    Event::BatchSent { len, .. } => counts.sent += len,
                    Event::BatchAnswered { len, .. } => counts.answered += len,
                    _ => {}
                }
            }
        }

        #[corio::task]
        fn program() {
            for n in 0..10 {
                spawn!(sum_of(n));
            }
            wait!();
            spawn!(sum_of(1));
        }

        let counts = Arc::new(Mutex::new(Counts::default()));
        let mut schedule = Schedule::new(()).observe(Counting(counts.clone()));
        for run in 1..=2 {
            schedule.run(program()).unwrap();
            let counts = counts.lock().unwrap();
            assert!(counts.running.is_empty(), "{:?}", counts.running);
            // 45 + 1 calls of `quadruple` ask two things each.
            assert_eq!(
                (counts.asked, counts.sent, counts.answered),
                (92 * run, 92 * run, 92 * run)
            );
            // The program, 10 + 1 sums, 45 + 1 of `quadruple`.
            assert_eq!(counts.ended as usize, 58 * run);
        }
    }

    #[test]
    fn the_next_observer_hears_beside_the_one_before() {
        let (first, second) = (Log::new(), Log::new());
        let mut schedule = Schedule::new(()).observe(first.observer());
        schedule.run(double(1)).unwrap();
        assert_eq!((first.take(), second.take()), ("round 1: double[1]\n".into(), String::new()));
        schedule = schedule.observe(second.observer());
        schedule.run(double(2)).unwrap();
        assert_eq!(
            (first.take(), second.take()),
            ("round 1: double[2]\n".into(), "round 1: double[2]\n".into())
        );
        schedule = schedule.observe(|_: &Event<'_>| {});
        schedule.run(double(3)).unwrap();
        assert_eq!(
            (first.take(), second.take()),
            ("round 1: double[3]\n".into(), "round 1: double[3]\n".into())
        );
    }

    #[test]
    fn rounds_count_from_one_in_every_run() {
        let log = Log::new();
        let mut schedule = Schedule::new(()).observe(log.observer());
        schedule.run(quadruple(1)).unwrap();
        schedule.run(quadruple(2)).unwrap();
        expect![[r#"
            round 1: double[1]
            round 2: double[2]
            round 1: double[2]
            round 2: double[4]
        "#]]
        .assert_eq(&log.take());
    }

    #[test]
    fn keys_are_shown_only_where_the_dispatcher_says_so() {
        #[corio::dispatcher]
        fn secret(keys: &[&'static str]) -> Vec<()> {
            vec![(); keys.len()]
        }

        let log = Log::new();
        let mut schedule = Schedule::new(()).observe(log.verbose_observer());
        schedule.run(secret("password")).unwrap();
        assert!(!log.take().contains("password"));
    }
}

mod executors {
    use super::*;

    /// Answered by another thread, which wakes the run.
    #[corio::dispatcher]
    fn triple(batch: Batch<u64, u64>) {
        thread::spawn(move || {
            for slot in batch {
                slot.answer_with(|key| key * 3);
            }
        });
    }

    /// Asks somebody who runs beside the schedule.
    #[corio::dispatcher]
    async fn ask(
        server: &mpsc::UnboundedSender<(u64, oneshot::Sender<u64>)>,
        keys: Vec<u64>,
    ) -> Vec<u64> {
        let mut answers = Vec::new();
        for key in keys {
            let (sender, receiver) = oneshot::channel();
            server.send((key, sender)).unwrap();
            answers.push(receiver.await.unwrap());
        }
        answers
    }

    #[derive(Context)]
    struct Client {
        server: mpsc::UnboundedSender<(u64, oneshot::Sender<u64>)>,
    }

    #[corio::task(Client)]
    fn one(number: u64) -> u64 {
        let (a, b, c) = io!(triple(number), ask(number), double(number));
        io!(ask(a)) + io!(triple(b)) + c
    }

    #[corio::task(Client)]
    fn program(count: u64) -> u64 {
        all!((0..count).map(one)).iter().sum()
    }

    const COUNT: u64 = 20;
    /// 3n + 1, 3(n + 1) and 2n, added.
    const EXPECTED: u64 = 8 * (COUNT * (COUNT - 1) / 2) + 4 * COUNT;

    fn client() -> (Client, mpsc::UnboundedReceiver<(u64, oneshot::Sender<u64>)>) {
        let (server, requests) = mpsc::unbounded_channel();
        (Client { server }, requests)
    }

    /// Answers until the client is gone.
    async fn serve(mut requests: mpsc::UnboundedReceiver<(u64, oneshot::Sender<u64>)>) {
        while let Some((key, answer)) = requests.recv().await {
            answer.send(key + 1).unwrap();
        }
    }

    async fn run(client: Client) -> u64 {
        let mut schedule = Schedule::new(client);
        let first = schedule.run_async(program(COUNT)).await.unwrap();
        // Reusable as with `run`.
        assert_eq!(schedule.run_async(program(COUNT)).await.unwrap(), first);
        first
    }

    #[test]
    fn tokio_current_thread() {
        let (client, requests) = client();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let served = runtime.spawn(serve(requests));
        assert_eq!(runtime.block_on(run(client)), EXPECTED);
        runtime.block_on(served).unwrap();
    }

    #[test]
    fn tokio_multi_thread_through_block_on() {
        let (client, requests) = client();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let served = runtime.spawn(serve(requests));
        assert_eq!(runtime.block_on(run(client)), EXPECTED);
        runtime.block_on(served).unwrap();
    }

    #[test]
    fn tokio_multi_thread_through_a_local_set() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let local = tokio::task::LocalSet::new();
        // Several at once, on one thread, while their servers run on others.
        let runs: Vec<_> = (0..3)
            .map(|_| {
                let (client, requests) = client();
                runtime.spawn(serve(requests));
                local.spawn_local(run(client))
            })
            .collect();
        runtime.block_on(local);
        for run in runs {
            assert_eq!(runtime.block_on(run).unwrap(), EXPECTED);
        }
    }

    #[test]
    fn smol() {
        let (client, requests) = client();
        let executor = ::smol::LocalExecutor::new();
        let served = executor.spawn(serve(requests));
        let run = executor.spawn(run(client));
        assert_eq!(::smol::block_on(executor.run(run)), EXPECTED);
        ::smol::block_on(executor.run(served));
    }

    /// The smallest executor there is.
    fn block_on<F: Future>(future: F) -> F::Output {
        struct Unpark(Thread);

        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }

        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut future = pin!(future);
        loop {
            match future.as_mut().poll(&mut TaskContext::from_waker(&waker)) {
                Poll::Ready(output) => return output,
                Poll::Pending => thread::park(),
            }
        }
    }

    #[test]
    fn a_block_on_by_hand() {
        let (client, requests) = client();
        let server = thread::spawn(move || block_on(serve(requests)));
        assert_eq!(block_on(run(client)), EXPECTED);
        server.join().unwrap();
    }

    #[test]
    fn none_at_all() {
        let (client, requests) = client();
        let server = thread::spawn(move || block_on(serve(requests)));
        assert_eq!(Schedule::new(client).run(program(COUNT)).unwrap(), EXPECTED);
        server.join().unwrap();
    }

    #[test]
    fn two_runs_on_one_executor_go_on_beside_each_other() {
        /// Passes a number to the other run, and waits for the one from there.
        #[corio::dispatcher]
        async fn exchange(link: &Link, keys: Vec<u64>) -> Vec<u64> {
            let mut answers = Vec::new();
            for key in keys {
                link.to.send(key).unwrap();
                answers.push(link.from.lock().await.recv().await.unwrap());
            }
            answers
        }

        struct Link {
            to: mpsc::UnboundedSender<u64>,
            from: tokio::sync::Mutex<mpsc::UnboundedReceiver<u64>>,
        }

        #[corio::task(Link)]
        fn player(start: u64) -> Vec<u64> {
            let mut got = Vec::new();
            for n in 0..3 {
                got.push(io!(exchange(start + n)));
            }
            got
        }

        let (to_right, from_left) = mpsc::unbounded_channel();
        let (to_left, from_right) = mpsc::unbounded_channel();
        let left = Link { to: to_right, from: tokio::sync::Mutex::new(from_right) };
        let right = Link { to: to_left, from: tokio::sync::Mutex::new(from_left) };
        let (mut left, mut right) = (Schedule::new(&left), Schedule::new(&right));
        let both = ::smol::future::zip(left.run_async(player(10)), right.run_async(player(20)));
        let (left, right) = ::smol::block_on(both);
        assert_eq!((left.unwrap(), right.unwrap()), (vec![20, 21, 22], vec![10, 11, 12]));
    }

    #[test]
    fn a_run_may_move_to_another_waker_while_it_waits() {
        let (client, mut requests) = client();
        let mut schedule = Schedule::new(client);
        let mut run = pin!(schedule.run_async(program(1)));
        // Polled once with a waker that nobody listens to; what counts is the last one.
        let first = run.as_mut().poll(&mut TaskContext::from_waker(Waker::noop()));
        assert!(first.is_pending());
        let (key, answer) = requests.try_recv().unwrap();
        let server = thread::spawn(move || {
            answer.send(key + 1).unwrap();
            block_on(serve(requests));
        });
        assert_eq!(block_on(run.as_mut()).unwrap(), 4);
        // The schedule and with it the client live on; the server would wait for ever.
        drop(server);
    }

    mod left_half_way {
        use super::*;

        #[corio::dispatcher]
        async fn never(_: &[u64]) -> Vec<u64> {
            pending().await
        }

        #[corio::task]
        fn stuck(rc: Arc<()>) {
            spawn!(task!(move {
                io!(never(1));
                drop(rc);
            }));
            join!(never(2), quadruple(3));
        }

        fn poll_once(future: impl Future) -> bool {
            pin!(future).poll(&mut TaskContext::from_waker(Waker::noop())).is_ready()
        }

        #[test]
        fn a_run_that_is_dropped_drops_its_tasks_and_the_schedule_stays_usable() {
            let rc = Arc::new(());
            let mut schedule = Schedule::new(());
            for _ in 0..3 {
                assert!(!poll_once(schedule.run_async(stuck(rc.clone()))));
                assert_eq!(Arc::strong_count(&rc), 1);
                assert_eq!(schedule.run(sum_of(4)).unwrap(), 24);
            }
        }

        #[test]
        fn a_run_that_is_dropped_before_it_began() {
            let rc = Arc::new(());
            let mut schedule = Schedule::new(());
            drop(schedule.run_async(stuck(rc.clone())));
            assert_eq!(Arc::strong_count(&rc), 1);
            assert_eq!(schedule.run(sum_of(4)).unwrap(), 24);
        }

        #[test]
        fn a_run_that_is_forgotten_leaks_and_the_schedule_stays_usable() {
            let rc = Arc::new(());
            let mut schedule = Schedule::new(());
            let mut run = Box::pin(schedule.run_async(stuck(rc.clone())));
            assert!(run.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())).is_pending());
            std::mem::forget(run);
            assert_eq!(schedule.run(sum_of(4)).unwrap(), 24);
            assert!(poll_once(schedule.run_async(sum_of(4))));
        }

        #[test]
        fn a_run_that_is_forgotten_never_touches_what_its_task_borrowed() {
            #[corio::task]
            fn borrows(text: &str) -> usize {
                join!(never(1), task! { io!(double(1)); text.len() });
                text.len()
            }

            let mut schedule = Schedule::new(());
            {
                let text = String::from("gone before the next run");
                let mut run = Box::pin(schedule.run_async(borrows(&text)));
                assert!(
                    run.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())).is_pending()
                );
                std::mem::forget(run);
            }
            assert_eq!(schedule.run(sum_of(4)).unwrap(), 24);
        }
    }
}

mod threads {
    use super::*;

    #[corio::dispatcher]
    fn offset(offset: &u64, keys: &[u64]) -> Vec<u64> {
        keys.iter().map(|key| key + offset).collect()
    }

    #[corio::task(impl corio::Provide<u64>)]
    fn program(start: u64) -> u64 {
        let mut sum = 0;
        for n in 0..50 {
            let doubles = io_all!((0..n).map(double));
            sum += io!(offset(start + n)) + doubles.len() as u64;
        }
        sum
    }

    #[test]
    fn each_has_its_schedule_and_they_share_a_context() {
        let context = 1000_u64;
        let sum = |start: u64| 50 * (1000 + start) + 2 * (0..50).sum::<u64>();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|start| {
                    (
                        start,
                        scope.spawn(move || Schedule::new(&context).run(program(start)).unwrap()),
                    )
                })
                .collect();
            for (start, thread) in threads {
                assert_eq!(thread.join().unwrap(), sum(start));
            }
        });
    }

    #[test]
    fn requests_and_answers_cross_threads() {
        fn assert_send<T: Send>(_: &T) {}
        assert_send(&double(1));

        let answer = thread::scope(|scope| {
            let request = double(21);
            scope.spawn(move || Schedule::new(()).run(request).unwrap()).join().unwrap()
        });
        assert_eq!(answer, 42);
    }
}

mod nested {
    use super::*;

    #[corio::task]
    fn runs_another(depth: u64) -> u64 {
        let before = io!(double(depth));
        let inner =
            if depth == 0 { 0 } else { Schedule::new(()).run(runs_another(depth - 1)).unwrap() };
        let after = io!(double(inner));
        before + after
    }

    #[test]
    fn a_task_may_run_another_schedule() {
        #[corio::task]
        fn program() -> Vec<u64> {
            all!((0..4).map(runs_another))
        }

        // f(0) = 0, f(n) = 2n + 2 f(n - 1)
        let log = Log::new();
        let mut schedule = Schedule::new(()).observe(log.observer());
        assert_eq!(schedule.run(program()).unwrap(), [0, 2, 8, 22]);
        // The inner runs are none of its business, and do not split its batches.
        expect![[r#"
            round 1: double[0, 1, 2, 3]
            round 2: double[0, 0, 2, 8]
        "#]]
        .assert_eq(&log.take());
    }

    #[test]
    fn a_dispatcher_may_run_another_schedule() {
        #[corio::dispatcher]
        fn fourfold(keys: &[u64]) -> Vec<u64> {
            let keys = keys.to_vec();
            #[corio::task]
            fn all(keys: Vec<u64>) -> Vec<u64> {
                all!(keys.into_iter().map(quadruple))
            }
            Schedule::new(()).run(all(keys)).unwrap()
        }

        #[corio::task]
        fn program() -> (u64, u64) {
            let (a, b) = io!(fourfold(1), double(2));
            (io!(fourfold(a)), b)
        }

        assert_eq!(Schedule::new(()).run(program()).unwrap(), (16, 4));
    }

    #[test]
    fn an_async_dispatcher_may_await_another_run() {
        #[corio::dispatcher]
        async fn fourfold(keys: Vec<u64>) -> Vec<u64> {
            let mut schedule = Schedule::new(());
            let mut answers = Vec::new();
            for key in keys {
                answers.push(schedule.run_async(outside(key)).await.unwrap());
            }
            answers
        }

        /// Waits for another thread, so the inner run does not end at once.
        #[corio::dispatcher]
        fn from_a_thread(batch: Batch<u64, u64>) {
            thread::spawn(move || {
                for slot in batch {
                    slot.answer_with(|key| key * 2);
                }
            });
        }

        #[corio::task]
        fn outside(number: u64) -> u64 {
            io!(from_a_thread(io!(double(number))))
        }

        #[corio::task]
        fn program() -> Vec<u64> {
            let (a, b) = join!(fourfold(1), from_a_thread(2));
            vec![a, b, io!(fourfold(a))]
        }

        assert_eq!(Schedule::new(()).run(program()).unwrap(), [4, 4, 16]);
    }

    #[test]
    fn the_same_schedule_in_an_inner_run_is_another_one() {
        // A schedule that is kept in a task, and used between its own requests.
        #[corio::task]
        fn program() -> u64 {
            let mut inner = Schedule::new(());
            let mut sum = 0;
            for n in 0..5 {
                sum += io!(double(n));
                sum += inner.run(quadruple(n)).unwrap();
            }
            sum
        }

        assert_eq!(Schedule::new(()).run(program()).unwrap(), 6 * 10);
    }

    #[test]
    fn a_panic_in_an_inner_run_can_be_caught_and_the_outer_one_goes_on() {
        #[corio::task]
        fn panics() {
            io!(double(1));
            panic!("inner");
        }

        #[corio::task]
        fn program() -> (u64, bool) {
            let before = io!(double(1));
            let caught = catch_unwind(|| Schedule::new(()).run(panics())).is_err();
            (before + io!(double(2)), caught)
        }

        assert_eq!(Schedule::new(()).run(program()).unwrap(), (6, true));
    }
}

#[test]
fn spawners_get_room_also_where_a_cpu_phase_ends_at_its_limit() {
    #[corio::task]
    fn many() {
        for number in 0..20 {
            spawn!(task!(move { io!(double(number)); }));
        }
    }

    for tasks in 1..6 {
        for resumes in 1..12 {
            assert_eq!(
                Schedule::new(()).max_tasks(tasks).max_resumes_per_phase(resumes).run(many()),
                Ok(()),
                "max_tasks {tasks}, fairness {resumes}"
            );
        }
    }
}
