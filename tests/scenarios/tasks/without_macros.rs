//! The same without macros: tasks from async closures, requests and their dispatchers by hand. What
//! is not `Send` is in `local`.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::future::{Future, pending, poll_fn, ready};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;

use corio::{
    Batch, Cx, Dispatch, Error, JoinHandle, Keys, LocalCx, Log, Options, Provide, Request,
    RequestError, Requests, Schedule, SendTask, Task, task_fn, task_fn_local,
};
use expect_test::{Expect, expect};
use support::{Number, message};

/// Asks for the double of a number.
struct Double(u64);

impl Request for Double {
    type Key = u64;
    type Answer = u64;
    const OPTIONS: Options<u64, u64> = Options::new().show_keys();

    fn into_key(self) -> u64 {
        self.0
    }
}

impl<S> Dispatch<S> for Double {
    fn dispatch<'r>(_: &'r S, requests: Requests<'_, 'r, Self>) {
        requests.answer(|keys| keys.iter().map(|key| key * 2).collect::<Vec<_>>());
    }
}

fn run<T>(task: impl Task<(), Output = T>) -> T {
    Schedule::new(()).run(task).unwrap()
}

/// Runs a program, and compares the batches that it took and its result.
#[track_caller]
fn check<T: Debug>(task: impl Task<(), Output = T>, expect: Expect) {
    let log = Log::new();
    let result = Schedule::new(()).observe(log.observer()).run(task).unwrap();
    expect.assert_eq(&format!("{log}{result:?}"));
}

mod tasks {
    use super::*;

    #[test]
    fn from_an_async_closure() {
        let quadruple = task_fn(async |cx: Cx<'_, ()>| {
            let twice = cx.io(Double(10)).await;
            cx.io(Double(twice)).await
        });
        check(
            quadruple,
            expect![[r#"
            round 1: Double[10]
            round 2: Double[20]
            40"#]],
        );
    }

    /// A function that gives a task, as the macros make one.
    fn quadruple<S: Sync>(number: u64) -> impl SendTask<S, Output = u64> {
        task_fn(async move |cx: Cx<'_, S>| {
            let twice = cx.io(Double(number)).await;
            cx.io(Double(twice)).await
        })
    }

    /// A plain async function that asks: it has the `Cx` of its caller.
    async fn octuple<S>(cx: Cx<'_, S>, number: u64) -> u64 {
        let twice = cx.io(Double(number)).await;
        twice + cx.io(Double(twice)).await + cx.io(Double(number)).await
    }

    #[test]
    fn everything_that_cx_can_do() {
        let program = task_fn(async |cx: Cx<'_, ()>| {
            let many = cx.io_all((0..3).map(Double)).await;
            let called = cx.call(quadruple(10)).await;
            let handle: JoinHandle<u64> = cx.spawn(quadruple(20));
            let forgotten = cx.spawn(quadruple(30));
            drop(forgotten);
            cx.wait().await;
            let handled = cx.call(handle).await;
            let all = cx.all((40..43).map(quadruple)).await;
            let helped = octuple(cx, 50).await;
            let nothing = (
                cx.io_all(std::iter::empty::<Double>()).await,
                cx.all(Vec::<JoinHandle<()>>::new()).await,
            );
            (many, called, handled, all, helped, nothing)
        });
        check(
            program,
            expect![[r#"
            round 1: Double[0, 1, 2]
            round 2: Double[10]
            round 3: Double[20]
            round 4: Double[20, 30]
            round 5: Double[40, 60]
            round 6: Double[40, 41, 42]
            round 7: Double[80, 82, 84]
            round 8: Double[50]
            round 9: Double[100]
            round 10: Double[50]
            ([0, 2, 4], 40, 80, [160, 164, 168], 400, ([], []))"#]],
        );
    }

    #[test]
    fn run_on_an_executor_that_may_move_them() {
        let run = smol::spawn(async {
            let program = task_fn(async |cx: Cx<'_, ()>| {
                let handle = cx.spawn(quadruple(1));
                let all = cx.all((2..4).map(quadruple)).await;
                (all, cx.call(handle).await, octuple(cx, 5).await)
            });
            Schedule::new(()).run_async(program).await
        });
        assert_eq!(smol::block_on(run), Ok((vec![8, 12], 4, 40)));
    }

    #[test]
    fn may_borrow_from_the_caller_of_run() {
        let mut list = Vec::new();
        let number = 4;
        run(task_fn(async |cx: Cx<'_, ()>| {
            list.push(cx.io(Double(number)).await);
            list.push(number);
        }));
        assert_eq!(list, [8, 4]);
    }

    #[test]
    fn see_the_context() {
        struct App {
            name: String,
        }

        let program = task_fn(async |cx: Cx<'_, App>| {
            let before: &str = &cx.context().name;
            let double = cx.io(Double(1)).await;
            format!("{before} {double} {}", cx.context().name.len())
        });
        let app = App { name: "app".into() };
        assert_eq!(Schedule::new(&app).run(program).unwrap(), "app 2 3");
    }

    #[test]
    fn and_those_of_macros_call_each_other() {
        #[corio::dispatcher(show_keys)]
        fn triple(keys: &[u64]) -> Vec<u64> {
            keys.iter().map(|key| key * 3).collect()
        }

        #[corio::task(())]
        fn by_macro(number: u64) -> u64 {
            let (a, b) = io!(triple(number), Double(number));
            let by_hand = task_fn(async move |cx: Cx<'_, ()>| {
                cx.io(triple(a)).await + cx.call(quadruple(b)).await
            });
            call!(by_hand) + call!(quadruple(number))
        }

        let program =
            task_fn(async |cx: Cx<'_, ()>| cx.call(by_macro(1)).await + cx.io(triple(1)).await);
        check(
            program,
            expect![[r#"
            round 1: triple[1]
            round 1: Double[1]
            round 2: triple[3]
            round 3: Double[2]
            round 4: Double[4]
            round 5: Double[1]
            round 6: Double[2]
            round 7: triple[1]
            24"#]],
        );
    }

    #[test]
    fn a_call_is_a_scope_of_its_own() {
        let trace = Arc::new(Mutex::new(Vec::new()));
        let note = |line: &'static str| {
            let trace = trace.clone();
            move || trace.lock().unwrap().push(line)
        };
        let steps = |count, done: Box<dyn Fn() + Send>| {
            task_fn(async move |cx: Cx<'_, ()>| {
                for n in 0..count {
                    cx.io(Double(n)).await;
                }
                done();
            })
        };
        let (child, grandchild, returns, after) = (
            note("child ends"),
            note("grandchild ends"),
            note("called returns"),
            note("after the call"),
        );
        let called = {
            let grandchild = steps(2, Box::new(grandchild));
            task_fn(async move |cx: Cx<'_, ()>| {
                cx.spawn(grandchild);
                returns();
            })
        };
        let child = steps(3, Box::new(child));
        run(task_fn(async move |cx: Cx<'_, ()>| {
            cx.spawn(child);
            cx.call(called).await;
            after();
        }));
        assert_eq!(
            *trace.lock().unwrap(),
            ["called returns", "grandchild ends", "after the call", "child ends"]
        );
    }

    #[test]
    fn futures_that_are_ready_may_be_awaited() {
        let program =
            task_fn(async |cx: Cx<'_, ()>| ready(1).await + async { cx.io(Double(1)).await }.await);
        assert_eq!(run(program), 3);
    }

    #[test]
    fn a_future_that_is_not_corios_is_an_error_that_names_the_task() {
        fn waits_for_ever() -> impl Task<(), Output = ()> {
            task_fn(async |cx: Cx<'_, ()>| {
                cx.io(Double(1)).await;
                pending().await
            })
        }

        let mut schedule = Schedule::new(());
        let Err(Error::ForeignFuture { task, .. }) = schedule.run(waits_for_ever()) else {
            panic!("should be found")
        };
        assert!(task.contains("waits_for_ever"), "{task}");
        assert_eq!(schedule.run(quadruple(1)).unwrap(), 4);
    }
}

mod requests {
    use super::*;

    struct Offset(u64);

    struct App {
        offset: Offset,
    }

    impl Provide<Offset> for App {
        fn provide(&self) -> &Offset {
            &self.offset
        }
    }

    /// One request for each form in which a batch can be answered. All of them answer with the key
    /// and the offset, added.
    macro_rules! forms {
        ($($name:ident $options:expr, |$offset:ident, $requests:ident| $answer:expr;)*) => {
            $(
                struct $name(u64);

                impl Request for $name {
                    type Key = u64;
                    type Answer = u64;
                    const OPTIONS: Options<u64, u64> = $options;

                    fn into_key(self) -> u64 {
                        self.0
                    }
                }

                impl<S: Provide<Offset>> Dispatch<S> for $name {
                    fn dispatch<'r>(context: &'r S, $requests: Requests<'_, 'r, Self>) {
                        let $offset = &context.provide().0;
                        $answer
                    }
                }
            )*
        };
    }

    forms! {
        BySlice Options::new().show_keys(), |offset, requests| requests.answer(|keys| keys.iter().map(|key| key + offset).collect::<Vec<_>>());
        Owned Options::new().show_keys().max_batch(2), |offset, requests| requests.answer_owned(|keys| keys.into_iter().map(|key| key + offset).collect::<Vec<_>>());
        Filled Options::new().show_keys().dedup(), |offset, requests| requests.fill(|keys, answers| answers.extend(keys.iter().map(|key| key + offset)));
        AsyncBySlice Options::new().show_keys().concurrent(), |offset, requests| {
            requests.answer_async(move |keys: Keys<Self>| async move {
                yield_once().await;
                let answers: Vec<_> = keys.iter().map(|key| key + offset).collect();
                keys.answer(answers)
            })
        };
        AsyncOwned Options::new().show_keys().concurrent().dedup().max_batch(2), |offset, requests| {
            requests.answer_owned_async(async move |keys: Vec<u64>| {
                yield_once().await;
                keys.into_iter().map(|key| key + offset).collect::<Vec<_>>()
            })
        };
        Slots Options::new().show_keys().concurrent(), |offset, requests| {
            let offset = *offset;
            let batch = requests.into_batch();
            thread::spawn(move || answer_backwards(batch, offset));
        };
        AsyncSlots Options::new().show_keys().concurrent(), |offset, requests| {
            requests.batch_async(async move |batch: Batch<u64, u64>| {
                yield_once().await;
                answer_backwards(batch, *offset);
            })
        };
        Looking Options::new().show_keys(), |offset, requests| {
            // The keys can be seen before the form is chosen.
            let answers: Vec<_> = requests.keys().iter().map(|key| key + offset).collect();
            requests.answer_owned(|_| answers);
        };
    }

    fn answer_backwards(batch: Batch<u64, u64>, offset: u64) {
        for slot in batch.into_iter().collect::<Vec<_>>().into_iter().rev() {
            slot.answer_with(|key| key + offset);
        }
    }

    async fn yield_once() {
        let mut polled = false;
        poll_fn(|context| {
            context.waker().wake_by_ref();
            if mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    #[test]
    fn in_every_form_of_answering() {
        let program = task_fn(async |cx: Cx<'_, App>| {
            let keys = [1, 2, 1, 3];
            [
                cx.io_all(keys.map(BySlice)).await,
                cx.io_all(keys.map(Owned)).await,
                cx.io_all(keys.map(Filled)).await,
                cx.io_all(keys.map(AsyncBySlice)).await,
                cx.io_all(keys.map(AsyncOwned)).await,
                cx.io_all(keys.map(Slots)).await,
                cx.io_all(keys.map(AsyncSlots)).await,
                cx.io_all(keys.map(Looking)).await,
            ]
        });
        let log = Log::new();
        let results = Schedule::new(&App { offset: Offset(10) })
            .observe(log.observer())
            .run(program)
            .unwrap();
        for result in &results {
            assert_eq!(*result, [11, 12, 11, 13]);
        }
        expect![[r#"
            round 1: BySlice[1, 2, 1, 3]
            round 2: Owned[1, 2]
            round 2: Owned[1, 3]
            round 3: Filled[1, 2, 3]
            round 4: AsyncBySlice[1, 2, 1, 3]
            round 5: AsyncOwned[1, 2]
            round 5: AsyncOwned[3]
            round 6: Slots[1, 2, 1, 3]
            round 7: AsyncSlots[1, 2, 1, 3]
            round 8: Looking[1, 2, 1, 3]
        "#]]
        .assert_eq(&log.take());
    }

    /// Asks for a name, by a map.
    struct Name(u64);

    impl Request for Name {
        type Key = u64;
        type Answer = Option<&'static str>;
        const OPTIONS: Options<u64, Option<&'static str>> =
            Options::of::<HashMap<u64, &'static str>>().show_keys();

        fn name() -> &'static str {
            "my own name"
        }

        fn into_key(self) -> u64 {
            self.0
        }
    }

    impl<S> Dispatch<S> for Name {
        fn dispatch<'r>(_: &'r S, requests: Requests<'_, 'r, Self>) {
            requests.answer(|_| BTreeMap::from([(1, "one"), (2, "two")]));
        }
    }

    #[test]
    fn with_options_and_a_name_of_their_own() {
        check(
            task_fn(async |cx: Cx<'_, ()>| cx.io_all([2, 3, 2].map(Name)).await),
            expect![[r#"
            round 1: my own name[2, 3]
            [Some("two"), None, Some("two")]"#]],
        );
    }

    #[test]
    fn that_nobody_answers_are_an_error() {
        struct Ignored;

        impl Request for Ignored {
            type Key = u64;
            type Answer = u64;

            fn into_key(self) -> u64 {
                7
            }
        }

        impl<S> Dispatch<S> for Ignored {
            fn dispatch<'r>(_: &'r S, _: Requests<'_, 'r, Self>) {}
        }

        let mut schedule = Schedule::new(());
        let error = schedule.run(Ignored).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Batch(RequestError::Unanswered {
                    dispatcher: "Ignored",
                    position: 0,
                    requests: 1,
                    key: None,
                    ..
                })
            ),
            "{error:?}"
        );
        assert_eq!(schedule.run(Double(1)).unwrap(), 2);
    }

    #[test]
    fn may_be_generic() {
        struct Get<T>(T);

        impl<T: Clone + Debug + 'static> Request for Get<T> {
            type Key = T;
            type Answer = T;
            const OPTIONS: Options<T, T> = Options::new().show_keys();

            fn into_key(self) -> T {
                self.0
            }
        }

        impl<S, T: Clone + Debug + 'static> Dispatch<S> for Get<T> {
            fn dispatch<'r>(_: &'r S, requests: Requests<'_, 'r, Self>) {
                requests.answer(<[T]>::to_vec);
            }
        }

        #[corio::task]
        fn program() -> (u64, &'static str, u64) {
            io!(Get(1), Get("text"), Get(2))
        }

        check(
            program(),
            expect![[r#"
            round 1: Get[1, 2]
            round 1: Get["text"]
            (1, "text", 2)"#]],
        );
    }

    #[test]
    fn may_be_answered_otherwise_under_another_context() {
        struct Greeting;

        impl Request for Greeting {
            type Key = ();
            type Answer = &'static str;

            fn into_key(self) {}
        }

        struct English;
        struct French;

        impl Dispatch<English> for Greeting {
            fn dispatch<'r>(_: &'r English, requests: Requests<'_, 'r, Self>) {
                requests.answer(|keys| vec!["hello"; keys.len()]);
            }
        }

        impl Dispatch<French> for Greeting {
            fn dispatch<'r>(_: &'r French, requests: Requests<'_, 'r, Self>) {
                requests.answer(|keys| vec!["bonjour"; keys.len()]);
            }
        }

        assert_eq!(Schedule::new(&English).run(Greeting).unwrap(), "hello");
        assert_eq!(Schedule::new(&French).run(Greeting).unwrap(), "bonjour");
    }
}

mod futures_by_hand {
    use super::*;

    type Pinned<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

    /// Polls both whenever it is polled.
    async fn join<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
        let (mut a, mut b) = (pin!(a), pin!(b));
        let (mut a_is, mut b_is) = (Poll::Pending, Poll::Pending);
        poll_fn(move |context| {
            if a_is.is_pending() {
                a_is = a.as_mut().poll(context);
            }
            if b_is.is_pending() {
                b_is = b.as_mut().poll(context);
            }
            match (mem::replace(&mut a_is, Poll::Pending), mem::replace(&mut b_is, Poll::Pending)) {
                (Poll::Ready(a), Poll::Ready(b)) => Poll::Ready((a, b)),
                either => {
                    (a_is, b_is) = either;
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Polls the future once, and gives whether it is still pending.
    async fn is_pending<T>(future: &mut Pinned<'_, T>) -> bool {
        poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
    }

    #[test]
    fn two_that_are_polled_together_ask_in_one_batch() {
        let program = task_fn(async |cx: Cx<'_, ()>| {
            let both = join(cx.io(Double(1)), cx.io(Double(2))).await;
            // Uneven: one goes on asking while the other is through.
            let uneven = join(
                async {
                    let twice = cx.io(Double(3)).await;
                    cx.io(Double(twice)).await
                },
                cx.io(Double(4)),
            )
            .await;
            let nested =
                join(join(cx.io(Double(5)), cx.io(Double(6))), join(cx.io(Double(7)), ready(0)))
                    .await;
            (both, uneven, nested)
        });
        check(
            program,
            expect![[r#"
            round 1: Double[1, 2]
            round 2: Double[3, 4]
            round 3: Double[6]
            round 4: Double[5, 6, 7]
            ((2, 4), (12, 8), ((10, 12), (14, 0)))"#]],
        );
    }

    #[test]
    fn combinators_of_another_crate_work() {
        let program = task_fn(async |cx: Cx<'_, ()>| {
            let both = smol::future::zip(cx.io(Double(1)), cx.io_all([Double(2), Double(3)])).await;
            let first = smol::future::or(
                async {
                    let twice = cx.io(Double(10)).await;
                    cx.io(Double(twice)).await
                },
                cx.io(Double(20)),
            )
            .await;
            (both, first, cx.io(Double(30)).await)
        });
        check(
            program,
            expect![[r#"
            round 1: Double[1, 2, 3]
            round 2: Double[10, 20]
            round 3: Double[30]
            ((2, [4, 6]), 40, 60)"#]],
        );
    }

    #[test]
    fn asking_happens_when_first_polled() {
        let program = task_fn(async |cx: Cx<'_, ()>| {
            let (later, never) = (cx.io(Double(1)), cx.io(Double(2)));
            let first = cx.io(Double(3)).await;
            drop(never);
            (first, later.await)
        });
        check(
            program,
            expect![[r#"
            round 1: Double[3]
            round 2: Double[1]
            (6, 2)"#]],
        );
    }

    #[test]
    fn one_that_is_dropped_half_way_is_withdrawn() {
        let program = task_fn(async |cx: Cx<'_, ()>| {
            let mut dropped: Pinned<'_, u64> = Box::pin(cx.io(Double(100)));
            assert!(is_pending(&mut dropped).await);
            drop(dropped);
            let next = cx.io(Double(1)).await;
            (next, cx.io(Double(2)).await)
        });
        check(
            program,
            expect![[r#"
            round 1: Double[1]
            round 2: Double[2]
            (2, 4)"#]],
        );
    }

    #[test]
    fn the_answer_to_one_that_is_dropped_while_it_is_away_reaches_nobody() {
        thread_local! {
            static AWAY: RefCell<Option<Batch<u64, Arc<u64>>>> = const { RefCell::new(None) };
        }

        /// Is answered only after the next round.
        struct Slow(u64);

        impl Request for Slow {
            type Key = u64;
            type Answer = Arc<u64>;
            const OPTIONS: Options<u64, Arc<u64>> = Options::new().concurrent();

            fn into_key(self) -> u64 {
                self.0
            }
        }

        impl<S> Dispatch<S> for Slow {
            fn dispatch<'r>(_: &'r S, requests: Requests<'_, 'r, Self>) {
                AWAY.set(Some(requests.into_batch()));
            }
        }

        let answer = Arc::new(1000);
        let late = answer.clone();
        let program = task_fn(async move |cx: Cx<'_, ()>| {
            let mut slow: Pinned<'_, Arc<u64>> = Box::pin(cx.io(Slow(1)));
            assert!(is_pending(&mut slow).await);
            let first = cx.io(Double(1)).await;
            // It is on its way now.
            let batch = AWAY.take().unwrap();
            drop(slow);
            let mut next: Pinned<'_, u64> = Box::pin(cx.io(Double(2)));
            assert!(is_pending(&mut next).await);
            batch.answer_all([late]);
            (first, next.await, cx.io(Double(3)).await)
        });
        assert_eq!(run(program), (2, 4, 6));
        assert_eq!(Arc::strong_count(&answer), 1, "the late answer is kept somewhere");
    }

    /// Asks for something, and forgets that it did.
    async fn forget_one(cx: Cx<'_, ()>, key: u64) {
        let mut forgotten: Pinned<'_, u64> = Box::pin(cx.io(Double(key)));
        assert!(is_pending(&mut forgotten).await);
        mem::forget(forgotten);
    }

    #[test]
    fn one_that_is_forgotten_half_way_is_answered_to_nobody() {
        let answers = RefCell::new(Vec::new());
        let program = task_fn(async |cx: Cx<'_, ()>| {
            for n in 1..=3 {
                forget_one(cx, n * 100).await;
                let answer = cx.io(Double(n)).await;
                answers.borrow_mut().push(answer);
            }
        });
        let mut schedule = Schedule::new(());
        // However it ends: that is another test.
        let _ = schedule.run(program);
        assert_eq!(*answers.borrow(), [2, 4, 6]);
        assert_eq!(schedule.run(Double(4)).unwrap(), 8);
    }

    #[test]
    fn a_run_ends_though_a_request_was_forgotten_half_way() {
        let program = task_fn(async |cx: Cx<'_, ()>| {
            forget_one(cx, 100).await;
            cx.io(Double(1)).await
        });
        assert_eq!(Schedule::new(()).run(program), Ok(2));
    }

    fn counts(steps: Number) -> impl SendTask<(), Output = u64> {
        task_fn(async move |cx: Cx<'_, ()>| {
            for n in 0..5 {
                cx.io(Double(n)).await;
                steps.add(1);
            }
            100
        })
    }

    #[test]
    fn a_call_that_is_dropped_half_way_runs_no_further() {
        let steps = Number::default();
        let program = task_fn(async |cx: Cx<'_, ()>| {
            let mut dropped: Pinned<'_, u64> = Box::pin(cx.call(counts(steps.clone())));
            assert!(is_pending(&mut dropped).await);
            let before = cx.io(Double(10)).await;
            drop(dropped);
            let steps_at_drop = steps.get();
            let after = [cx.io(Double(11)).await, cx.io(Double(12)).await];
            assert_eq!(steps.get(), steps_at_drop);
            (before, after, cx.call(counts(steps.clone())).await)
        });
        assert_eq!(run(program), (20, [22, 24], 100));
    }

    #[test]
    fn a_call_that_is_forgotten_half_way_does_not_confuse_its_caller() {
        let answers = RefCell::new(Vec::new());
        let program = task_fn(async |cx: Cx<'_, ()>| {
            let mut forgotten: Pinned<'_, u64> = Box::pin(cx.call(counts(Number::default())));
            assert!(is_pending(&mut forgotten).await);
            mem::forget(forgotten);
            for n in 0..7 {
                let answer = cx.io(Double(10 + n)).await;
                answers.borrow_mut().push(answer);
            }
        });
        // However it ends: that is another test.
        let _ = Schedule::new(()).run(program);
        assert_eq!(*answers.borrow(), [20, 22, 24, 26, 28, 30, 32]);
    }

    #[test]
    fn one_may_be_kept_while_others_come_and_go() {
        let program = task_fn(async |cx: Cx<'_, ()>| {
            let mut kept: Pinned<'_, u64> = Box::pin(cx.io(Double(1)));
            assert!(is_pending(&mut kept).await);
            let mut sum = 0;
            for n in 10..13 {
                sum += cx.io(Double(n)).await;
            }
            // Its answer has been there since the first round.
            (sum, kept.await)
        });
        check(
            program,
            expect![[r#"
            round 1: Double[1, 10]
            round 2: Double[11]
            round 3: Double[12]
            (66, 2)"#]],
        );
    }

    #[test]
    fn a_task_may_end_with_some_still_pending() {
        let program = task_fn(async |cx: Cx<'_, ()>| {
            let kept: &'static Mutex<Vec<u64>> = Box::leak(Box::default());
            for n in 0..3 {
                cx.spawn(task_fn(async move |cx: Cx<'_, ()>| {
                    let mut pending: Pinned<'_, u64> = Box::pin(cx.io(Double(100 + n)));
                    assert!(is_pending(&mut pending).await);
                    kept.lock().unwrap().push(n);
                }));
            }
            cx.wait().await;
            let kept = mem::take(&mut *kept.lock().unwrap());
            (kept, cx.io(Double(1)).await)
        });
        check(
            program,
            expect![[r#"
            round 1: Double[1]
            ([0, 1, 2], 2)"#]],
        );
    }

    /// A source of numbers that look like chance.
    struct Chance(u64);

    impl Chance {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % limit
        }
    }

    /// Asks, polls, waits and drops as it comes, and checks every answer. Counts the answers to
    /// what was not awaited at once.
    fn wander(seed: u64, forgets: bool, answered: Number) -> impl SendTask<(), Output = ()> {
        task_fn(async move |cx: Cx<'_, ()>| {
            let mut chance = Chance(seed);
            let mut open: Vec<(u64, Pinned<'_, u64>)> = Vec::new();
            for step in 0..60 {
                let key = seed * 1000 + step;
                match chance.below(8) {
                    0..3 if open.len() < 6 => open.push((key, Box::pin(cx.io(Double(key))))),
                    3 => assert_eq!(cx.io(Double(key)).await, key * 2),
                    4 if !open.is_empty() => {
                        let (_, future) =
                            open.swap_remove(chance.below(open.len() as u64) as usize);
                        if forgets { mem::forget(future) } else { drop(future) }
                    }
                    5 if !open.is_empty() => {
                        let (key, future) =
                            open.swap_remove(chance.below(open.len() as u64) as usize);
                        assert_eq!(future.await, key * 2);
                        answered.add(1);
                    }
                    _ => {
                        for at in (0..open.len()).rev() {
                            let (key, future) = &mut open[at];
                            let key = *key;
                            let answer =
                                poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
                            if let Poll::Ready(answer) = answer {
                                assert_eq!(answer, key * 2);
                                answered.add(1);
                                drop(open.swap_remove(at));
                            }
                        }
                    }
                }
            }
        })
    }

    /// How many answers a hundred of them got, and how the run ended.
    fn wanderers(forget: bool) -> (usize, Result<(), Error>) {
        let answered = Number::default();
        let tasks = answered.clone();
        let program = task_fn(async move |cx: Cx<'_, ()>| {
            cx.all((0..100).map(|seed| wander(seed, forget, tasks.clone()))).await;
        });
        let end = Schedule::new(()).run(program);
        (answered.get(), end)
    }

    #[test]
    fn whatever_is_polled_and_dropped_nobody_gets_the_answer_of_another() {
        let (answered, end) = wanderers(false);
        assert_eq!(end, Ok(()));
        assert!(answered > 500, "{answered}");
    }

    #[test]
    fn whatever_is_polled_and_forgotten_nobody_gets_the_answer_of_another() {
        let (answered, _) = wanderers(true);
        assert!(answered > 500, "{answered}");
    }
}

mod nested {
    use super::*;

    /// Both runs are over a context of this type: so they differ only in what it says.
    struct Name(&'static str);

    /// Asks the context for its name.
    struct AskName;

    impl Request for AskName {
        type Key = ();
        type Answer = &'static str;

        fn into_key(self) {}
    }

    impl Dispatch<Name> for AskName {
        fn dispatch<'r>(context: &'r Name, requests: Requests<'_, 'r, Self>) {
            requests.answer(|keys| vec![context.0; keys.len()]);
        }
    }

    /// Runs `body` in a task of an inner run, with the `Cx` of the outer one, and notes what it
    /// gives. It may also be refused: by a panic or an error of a run.
    fn with_the_outer_cx_in_an_inner_run(
        body: impl AsyncFn(Cx<'_, Name>) -> &'static str,
    ) -> Option<&'static str> {
        let given = Cell::new(None);
        let refused = catch_unwind(AssertUnwindSafe(|| {
            let outer = task_fn(async |cx: Cx<'_, Name>| {
                cx.io(AskName).await;
                let inner = task_fn(async |inner: Cx<'_, Name>| {
                    inner.io(AskName).await;
                    given.set(Some(body(cx).await));
                });
                let _ = Schedule::new(&Name("inner")).run(inner);
            });
            let _ = Schedule::new(&Name("outer")).run(outer);
        }));
        // A panic is one way to refuse.
        drop(refused);
        given.get()
    }

    #[test]
    fn an_outer_cx_never_shows_the_context_of_an_inner_run() {
        assert_ne!(with_the_outer_cx_in_an_inner_run(async |cx| cx.context().0), Some("inner"));
    }

    #[test]
    fn an_outer_cx_never_asks_in_an_inner_run() {
        assert_ne!(
            with_the_outer_cx_in_an_inner_run(async |cx| cx.io(AskName).await),
            Some("inner")
        );
    }

    #[test]
    fn an_outer_cx_never_spawns_or_calls_in_an_inner_run() {
        let named = || task_fn(async |cx: Cx<'_, Name>| cx.context().0);
        assert_ne!(
            with_the_outer_cx_in_an_inner_run(async |cx| cx.call(named()).await),
            Some("inner")
        );
        assert_ne!(
            with_the_outer_cx_in_an_inner_run(async |cx| cx.call(cx.spawn(named())).await),
            Some("inner")
        );
        assert_ne!(
            with_the_outer_cx_in_an_inner_run(async |cx| cx.all([named()]).await[0]),
            Some("inner")
        );
    }
}

/// Tasks that share what is not `Send`, as keys, answers, outputs and locals.
mod local {
    use super::*;

    /// Asks for a longer text.
    #[derive(Clone)]
    struct Longer(Rc<str>);

    impl Request for Longer {
        type Key = Rc<str>;
        type Answer = Rc<str>;
        const OPTIONS: Options<Rc<str>, Rc<str>> = Options::new().show_keys();

        fn into_key(self) -> Rc<str> {
            self.0
        }
    }

    impl<S> Dispatch<S> for Longer {
        fn dispatch<'r>(_: &'r S, requests: Requests<'_, 'r, Self>) {
            requests.answer(|keys| keys.iter().map(|key| longer(key)).collect::<Vec<_>>());
        }
    }

    fn longer(key: &str) -> Rc<str> {
        format!("{key}+").into()
    }

    fn ask(key: &str) -> Longer {
        Longer(key.into())
    }

    /// Counts what it has asked, in a cell that others have as well.
    fn twice<S>(key: &str, asked: Rc<Cell<u64>>) -> impl Task<S, Output = Rc<str>> + use<S> {
        let request = ask(key);
        task_fn_local(async move |cx: LocalCx<'_, S>| {
            let once = cx.io(request).await;
            asked.set(asked.get() + 1);
            let twice = cx.io(Longer(once)).await;
            asked.set(asked.get() + 1);
            twice
        })
    }

    /// A plain async function that asks, with the `LocalCx` of its caller.
    async fn helps<S>(cx: LocalCx<'_, S>, key: &str) -> Rc<str> {
        let once = cx.io(ask(key)).await;
        cx.io(Longer(once)).await
    }

    fn everything(asked: Rc<Cell<u64>>) -> impl Task<(), Output = Vec<Rc<str>>> {
        task_fn_local(async move |cx: LocalCx<'_, ()>| {
            let mut all = cx.io_all(["a", "b"].map(ask)).await;
            all.push(cx.call(twice("c", asked.clone())).await);
            let handle: JoinHandle<Rc<str>> = cx.spawn(twice("d", asked.clone()));
            drop(cx.spawn(twice("e", asked.clone())));
            cx.wait().await;
            all.push(cx.call(handle).await);
            all.extend(cx.all(["f", "g"].map(|key| twice(key, asked.clone()))).await);
            all.push(helps(cx, "h").await);
            all.extend(cx.all(Vec::<JoinHandle<Rc<str>>>::new()).await);
            all
        })
    }

    #[test]
    fn everything_that_local_cx_can_do() {
        let asked = Rc::new(Cell::new(0));
        check(
            everything(asked.clone()),
            expect![[r#"
            round 1: Longer["a", "b"]
            round 2: Longer["c"]
            round 3: Longer["c+"]
            round 4: Longer["d", "e"]
            round 5: Longer["d+", "e+"]
            round 6: Longer["f", "g"]
            round 7: Longer["f+", "g+"]
            round 8: Longer["h"]
            round 9: Longer["h+"]
            ["a+", "b+", "c++", "d++", "f++", "g++", "h++"]"#]],
        );
        assert_eq!((asked.get(), Rc::strong_count(&asked)), (10, 1));
    }

    #[test]
    fn runs_on_an_executor_too() {
        let asked = Rc::new(Cell::new(0));
        let mut schedule = Schedule::new(());
        let all = smol::block_on(schedule.run_local(everything(asked.clone()))).unwrap();
        assert_eq!(all.concat(), "a+b+c++d++f++g++h++");
        assert_eq!((asked.get(), Rc::strong_count(&asked)), (10, 1));
    }

    #[test]
    fn with_tasks_of_every_kind_they_call_each_other() {
        #[corio::task(())]
        fn by_macro(key: Rc<str>) -> Rc<str> {
            let (twice, double) = join!(twice(&key, Rc::default()), sent(1));
            format!("{} {double}", call!(helped(twice))).into()
        }

        fn sent(number: u64) -> impl SendTask<(), Output = u64> {
            task_fn(async move |cx: Cx<'_, ()>| cx.io(Double(number)).await)
        }

        fn helped(key: Rc<str>) -> impl Task<(), Output = Rc<str>> {
            task_fn_local(async move |cx: LocalCx<'_, ()>| helps(cx, &key).await)
        }

        let program = task_fn_local(async |cx: LocalCx<'_, ()>| {
            let by_macro = cx.call(by_macro("a".into())).await;
            (by_macro, cx.call(sent(2)).await, cx.call(cx.spawn(sent(3))).await)
        });
        assert_eq!(run(program), ("a++++ 2".into(), 4, 6));
    }

    #[test]
    fn see_the_context_which_is_not_sync() {
        let program = task_fn_local(async |cx: LocalCx<'_, RefCell<Vec<Rc<str>>>>| {
            let text = cx.io(ask("a")).await;
            cx.context().borrow_mut().push(text);
            format!("{cx:?}")
        });
        let context = RefCell::new(vec![]);
        assert_eq!(Schedule::new(&context).run(program).unwrap(), "LocalCx");
        assert_eq!(context.take(), ["a+".into()]);
    }

    #[test]
    fn the_late_answer_to_one_that_is_dropped_reaches_nobody() {
        thread_local! {
            static AWAY: RefCell<Option<Batch<(), Rc<u64>>>> = const { RefCell::new(None) };
        }

        /// Is answered only after the next round.
        struct Slow;

        impl Request for Slow {
            type Key = ();
            type Answer = Rc<u64>;
            const OPTIONS: Options<(), Rc<u64>> = Options::new().concurrent();

            fn into_key(self) {}
        }

        impl<S> Dispatch<S> for Slow {
            fn dispatch<'r>(_: &'r S, requests: Requests<'_, 'r, Self>) {
                AWAY.set(Some(requests.into_batch()));
            }
        }

        let answer = Rc::new(1000);
        let late = answer.clone();
        let program = task_fn_local(async move |cx: LocalCx<'_, ()>| {
            let mut slow = Box::pin(cx.io(Slow));
            assert!(poll_fn(|context| Poll::Ready(slow.as_mut().poll(context).is_pending())).await);
            let first = cx.io(ask("a")).await;
            // It is on its way now.
            let batch = AWAY.take().unwrap();
            drop(slow);
            batch.answer_all([late]);
            (first, cx.io(ask("b")).await)
        });
        assert_eq!(run(program), ("a+".into(), "b+".into()));
        assert_eq!(Rc::strong_count(&answer), 1, "the late answer is kept somewhere");
    }

    #[test]
    fn forgotten_half_way_reach_nobody_and_go_with_the_run() {
        let asked = Rc::new(Cell::new(0));
        let program = task_fn_local(async |cx: LocalCx<'_, ()>| {
            let mut forgotten = Box::pin(cx.call(twice("a", asked.clone())));
            assert!(
                poll_fn(|context| Poll::Ready(forgotten.as_mut().poll(context).is_pending())).await
            );
            mem::forget(forgotten);
            let first = cx.io(ask("b")).await;
            (first, cx.io(ask("c")).await, cx.io(ask("d")).await)
        });
        assert_eq!(run(program), ("b+".into(), "c+".into(), "d+".into()));
        assert_eq!((asked.get(), Rc::strong_count(&asked)), (2, 1));
    }

    #[test]
    fn one_of_the_outer_run_does_nothing_in_an_inner_one() {
        let program = task_fn_local(async |cx: LocalCx<'_, ()>| {
            let asked = cx.io(ask("a"));
            let said = message(|| {
                let inner = task_fn_local(async |_: LocalCx<'_, ()>| cx.io(ask("b")).await);
                Schedule::new(()).run(inner)
            });
            (said, asked.await)
        });
        let refused = String::from("corio: a `Cx` can only be used in the run of its own task");
        assert_eq!(run(program), (refused, "a+".into()));
    }
}
