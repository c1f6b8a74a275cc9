//! What dispatchers and tasks get wrong ends the run with an error that says what, instead of a
//! hang; nobody gets a wrong answer, and the schedule runs the next task.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::resume_unwind;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::thread;

use corio::sync::{Mutex, WaitGroup};
use corio::{
    Batch, Cx, Dispatch, Error, Keys, Options, Request, RequestError, Requests, Schedule,
    StuckTask, Task, task_fn,
};
use support::{double, healthy};

#[track_caller]
fn check_goes_on(schedule: &mut Schedule<()>) {
    for _ in 0..2 {
        assert_eq!(
            schedule.run(healthy()),
            Ok(10),
            "after an error the schedule runs the next task"
        );
    }
}

/// The error of a program that must fail, in a schedule that must go on.
#[track_caller]
fn error_of<T>(task: impl Task<(), Output = T>) -> Error {
    let mut schedule = Schedule::new(());
    check_goes_on(&mut schedule);
    let Err(error) = schedule.run(task) else { panic!("the run must fail") };
    check_goes_on(&mut schedule);
    error
}

#[corio::task(())]
fn ask_one<R: Dispatch<()>>(request: R, got: Rc<Cell<usize>>) {
    io!(request);
    got.set(got.get() + 1);
}

#[corio::task(())]
fn ask_each<R: Dispatch<()>>(make: fn(u64) -> R, keys: Vec<u64>, got: Rc<Cell<usize>>) {
    for key in keys {
        spawn!(ask_one(make(key), got.clone()));
    }
}

/// The error of tasks that ask for a key each, none of which may go on.
#[track_caller]
fn error_of_asking<R: Dispatch<()>>(
    make: fn(u64) -> R,
    keys: impl IntoIterator<Item = u64>,
) -> Error {
    let got = Rc::new(Cell::new(0));
    let error = error_of(ask_each(make, keys.into_iter().collect(), got.clone()));
    assert_eq!(got.get(), 0, "nobody gets an answer");
    assert_eq!(Rc::strong_count(&got), 1, "every task was dropped");
    error
}

/// The errors that batches end with here, whose variants nobody but corio can make.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    WrongCount {
        dispatcher: &'static str,
        requests: usize,
        answers: usize,
        key: Option<&'static str>,
    },
    Unanswered {
        dispatcher: &'static str,
        position: usize,
        requests: usize,
        key: Option<&'static str>,
    },
}

impl PartialEq<Trouble> for Error {
    fn eq(&self, expected: &Trouble) -> bool {
        let Error::Batch(error) = self else { return false };
        match (error, *expected) {
            (
                RequestError::WrongCount { dispatcher, requests, answers, key, .. },
                Trouble::WrongCount { dispatcher: d, requests: r, answers: a, key: k },
            ) => (*dispatcher, *requests, *answers, key.as_deref()) == (d, r, a, k),
            (
                RequestError::Unanswered { dispatcher, position, requests, key, .. },
                Trouble::Unanswered { dispatcher: d, position: p, requests: r, key: k },
            ) => (*dispatcher, *position, *requests, key.as_deref()) == (d, p, r, k),
            _ => false,
        }
    }
}

fn wrong_count(
    dispatcher: &'static str,
    requests: usize,
    answers: usize,
    key: Option<&'static str>,
) -> Trouble {
    Trouble::WrongCount { dispatcher, requests, answers, key }
}

fn unanswered(
    dispatcher: &'static str,
    position: usize,
    requests: usize,
    key: Option<&'static str>,
) -> Trouble {
    Trouble::Unanswered { dispatcher, position, requests, key }
}

mod a_wrong_number_of_answers {
    use super::*;

    #[test]
    fn too_few_inline() {
        #[corio::dispatcher]
        fn few(keys: &[u64]) -> Vec<u64> {
            keys[1..].to_vec()
        }

        assert_eq!(error_of_asking(few, 1..=3), wrong_count("few", 3, 2, None));
        assert_eq!(error_of_asking(few, 1..=1), wrong_count("few", 1, 0, None));
    }

    #[test]
    fn too_many_inline() {
        #[corio::dispatcher]
        fn many(keys: &[u64]) -> Vec<u64> {
            keys.iter().chain(keys).copied().collect()
        }

        assert_eq!(error_of_asking(many, 1..=3), wrong_count("many", 3, 6, None));
    }

    #[test]
    fn from_keys_by_value() {
        #[corio::dispatcher]
        fn few(keys: Vec<u64>) -> Vec<u64> {
            keys[1..].to_vec()
        }

        assert_eq!(error_of_asking(few, 1..=3), wrong_count("few", 3, 2, None));
    }

    #[test]
    fn too_few_async() {
        #[corio::dispatcher]
        async fn few(keys: &[u64]) -> Vec<u64> {
            keys[1..].to_vec()
        }

        #[corio::dispatcher]
        async fn few_of_owned(keys: Vec<u64>) -> Vec<u64> {
            keys[1..].to_vec()
        }

        assert_eq!(error_of_asking(few, 1..=3), wrong_count("few", 3, 2, None));
        assert_eq!(error_of_asking(few_of_owned, 1..=3), wrong_count("few_of_owned", 3, 2, None));
    }

    #[test]
    fn too_many_async() {
        #[corio::dispatcher]
        async fn many(keys: &[u64]) -> Vec<u64> {
            keys.iter().chain(keys).copied().collect()
        }

        assert_eq!(error_of_asking(many, 1..=3), wrong_count("many", 3, 6, None));
    }

    #[test]
    fn too_few_filled_in() {
        #[corio::dispatcher]
        fn few(keys: &[u64], answers: &mut Vec<u64>) {
            answers.extend_from_slice(&keys[1..]);
        }

        assert_eq!(error_of_asking(few, 1..=3), wrong_count("few", 3, 2, None));
    }

    #[test]
    fn too_many_filled_in() {
        #[corio::dispatcher]
        fn many(keys: &[u64], answers: &mut Vec<u64>) {
            answers.extend_from_slice(keys);
            answers.extend_from_slice(keys);
        }

        assert_eq!(error_of_asking(many, 1..=3), wrong_count("many", 3, 6, None));
    }

    #[test]
    fn none_filled_in_after_batches_that_were_right() {
        // The vector is kept from batch to batch; what an earlier one left must not stand in for
        // this one's answers.
        #[corio::dispatcher]
        fn forgetful(keys: &[u64], answers: &mut Vec<u64>) {
            if !keys.contains(&13) {
                answers.extend_from_slice(keys);
            }
        }

        #[corio::task]
        fn program() {
            for key in 10..=20 {
                assert_eq!(io!(forgetful(key)), key);
            }
        }

        assert_eq!(error_of(program()), wrong_count("forgetful", 1, 0, None));
    }

    #[test]
    fn in_the_ok_of_a_result() {
        #[corio::dispatcher]
        fn few(keys: &[u64]) -> Result<Vec<u64>, String> {
            Ok(keys[1..].to_vec())
        }

        assert_eq!(error_of_asking(few, 1..=3), wrong_count("few", 3, 2, None));
    }

    #[test]
    fn counted_without_the_doubles() {
        #[corio::dispatcher(dedup)]
        fn one_for_each_request_in_vain(_keys: &[u64]) -> Vec<u64> {
            vec![7; 3]
        }

        assert_eq!(
            error_of_asking(one_for_each_request_in_vain, [5, 6, 5]),
            wrong_count("one_for_each_request_in_vain", 2, 3, None)
        );
    }

    #[test]
    fn the_first_key_without_an_answer_is_named_if_keys_are_shown() {
        #[corio::dispatcher(show_keys)]
        fn two(keys: &[u64]) -> Vec<u64> {
            keys[..2].to_vec()
        }

        #[corio::dispatcher(show_keys)]
        fn two_filled_in(keys: &[u64], answers: &mut Vec<u64>) {
            answers.extend_from_slice(&keys[..2]);
        }

        #[corio::dispatcher(show_keys)]
        async fn two_async(keys: &[u64]) -> Vec<u64> {
            keys[..2].to_vec()
        }

        let error = error_of_asking(two, 71..=74);
        assert_eq!(error, wrong_count("two", 4, 2, Some("73")));
        assert!(error.to_string().contains("position 2, key 73"), "{error}");
        assert_eq!(
            error_of_asking(two_filled_in, 71..=74),
            wrong_count("two_filled_in", 4, 2, Some("73"))
        );
        assert_eq!(error_of_asking(two_async, 71..=74), wrong_count("two_async", 4, 2, Some("73")));
    }

    #[test]
    fn the_first_key_without_an_answer_is_named_also_where_keys_go_by_value() {
        #[corio::dispatcher(show_keys)]
        fn two(keys: Vec<u64>) -> Vec<u64> {
            keys[..2].to_vec()
        }

        assert_eq!(error_of_asking(two, 71..=74), wrong_count("two", 4, 2, Some("73")));
    }

    #[test]
    fn there_is_no_key_to_name_when_answers_are_too_many() {
        #[corio::dispatcher(show_keys)]
        fn many(keys: &[u64]) -> Vec<u64> {
            keys.iter().chain(keys).copied().collect()
        }

        assert_eq!(error_of_asking(many, 71..=74), wrong_count("many", 4, 8, None));
    }

    #[test]
    fn in_one_part_of_a_batch_that_was_split() {
        // Right for the first and the last part, and one short for the one between.
        #[corio::dispatcher(max_batch = 2, show_keys)]
        fn parts(keys: &[u64]) -> Vec<u64> {
            keys.iter().copied().filter(|key| *key != 4).collect()
        }

        assert_eq!(error_of_asking(parts, 1..=5), wrong_count("parts", 2, 1, Some("4")));
    }

    #[test]
    fn beside_a_dispatcher_that_is_right() {
        #[corio::dispatcher]
        fn few(keys: &[u64]) -> Vec<u64> {
            keys[1..].to_vec()
        }

        #[corio::task(())]
        fn program(got: Rc<Cell<usize>>) {
            join!(
                ask_one(double(1), got.clone()),
                ask_one(few(1), got.clone()),
                ask_one(double(2), got.clone())
            );
        }

        let got = Rc::new(Cell::new(0));
        assert_eq!(error_of(program(got.clone())), wrong_count("few", 1, 0, None));
        assert_eq!(got.get(), 0);
    }

    #[test]
    fn in_a_later_round() {
        #[corio::dispatcher]
        fn until_three(keys: &[u64]) -> Vec<u64> {
            keys.iter().copied().filter(|key| *key < 3).collect()
        }

        #[corio::task]
        fn program(got: Rc<Cell<usize>>) {
            for key in 0..5 {
                assert_eq!(io!(until_three(key)), key);
                got.set(got.get() + 1);
            }
        }

        let got = Rc::new(Cell::new(0));
        assert_eq!(error_of(program(got.clone())), wrong_count("until_three", 1, 0, None));
        assert_eq!(got.get(), 3);
    }
}

mod a_slot_dropped_unanswered {
    use super::*;

    #[test]
    fn in_the_dispatcher() {
        #[corio::dispatcher]
        fn all_but_two(batch: Batch<u64, u64>) {
            for slot in batch {
                if *slot.key() != 2 {
                    slot.answer_with(|key| key);
                }
            }
        }

        assert_eq!(error_of_asking(all_but_two, 1..=3), unanswered("all_but_two", 1, 3, None));
    }

    #[test]
    fn as_a_whole_batch() {
        #[corio::dispatcher(show_keys)]
        fn dropped(batch: Batch<u64, u64>) {
            drop(batch);
        }

        let error = error_of_asking(dropped, 71..=73);
        assert_eq!(error, unanswered("dropped", 0, 3, Some("71")));
        assert_eq!(
            error.to_string(),
            "dispatcher `dropped` dropped the request at position 0 of a batch of 3 without an answer (key 71)"
        );
    }

    #[test]
    fn in_an_async_dispatcher() {
        #[corio::dispatcher(show_keys)]
        async fn last_is_missing(mut batch: Batch<u64, u64>) {
            let last = batch.split_off(2);
            for slot in batch {
                slot.answer_with(|key| key);
            }
            drop(last);
        }

        assert_eq!(
            error_of_asking(last_is_missing, 71..=73),
            unanswered("last_is_missing", 2, 3, Some("73"))
        );
    }

    #[test]
    fn for_want_of_answers_to_all() {
        #[corio::dispatcher]
        fn two(batch: Batch<u64, u64>) {
            batch.answer_all([1, 2]);
        }

        assert_eq!(error_of_asking(two, 1..=3), unanswered("two", 2, 3, None));
    }

    #[test]
    fn on_another_thread() {
        #[corio::dispatcher(show_keys)]
        fn elsewhere(batch: Batch<u64, u64>) {
            thread::spawn(move || drop(batch));
        }

        assert_eq!(error_of_asking(elsewhere, 71..=73), unanswered("elsewhere", 0, 3, Some("71")));
    }

    #[test]
    fn by_a_thread_that_panics_with_slots_in_hand() {
        #[corio::dispatcher(show_keys)]
        fn panicking(batch: Batch<u64, u64>) {
            thread::spawn(move || {
                let mut slots = batch.into_iter();
                let first = slots.next().unwrap();
                let _in_hand = slots;
                drop(first);
                resume_unwind(Box::new("with slots in hand"));
            });
        }

        assert_eq!(error_of_asking(panicking, 71..=73), unanswered("panicking", 0, 3, Some("71")));
    }

    #[test]
    fn by_a_thread_that_panics_while_it_makes_the_answer() {
        #[corio::dispatcher]
        fn panicking(batch: Batch<u64, u64>) {
            thread::spawn(move || {
                for slot in batch {
                    slot.answer_with(|_| resume_unwind(Box::new("while answering")));
                }
            });
        }

        assert_eq!(error_of_asking(panicking, 1..=3), unanswered("panicking", 0, 3, None));
    }

    #[test]
    fn in_one_part_of_a_batch_that_was_split() {
        #[corio::dispatcher(max_batch = 2, show_keys)]
        fn parts(batch: Batch<u64, u64>) {
            for slot in batch {
                if *slot.key() != 4 {
                    slot.answer_with(|key| key);
                }
            }
        }

        assert_eq!(error_of_asking(parts, 1..=5), unanswered("parts", 1, 2, Some("4")));
    }

    #[test]
    fn after_the_others_were_answered_and_their_tasks_went_on() {
        #[corio::dispatcher]
        fn kept(batch: Batch<u64, u64>) {
            for slot in batch {
                if *slot.key() == 2 {
                    KEPT.with_borrow_mut(|kept| kept.push(slot));
                } else {
                    slot.answer_with(|key| key);
                }
            }
        }

        thread_local! {
            static KEPT: RefCell<Vec<corio::Slot<u64, u64>>> = const { RefCell::new(Vec::new()) };
        }

        #[corio::task]
        fn drops_what_is_kept() {
            io!(kept(1));
            KEPT.with_borrow_mut(Vec::clear);
            io!(double(1));
            unreachable!("the run has failed");
        }

        #[corio::task]
        fn program() {
            join!(drops_what_is_kept(), kept(2));
        }

        assert_eq!(error_of(program()), unanswered("kept", 1, 2, None));
    }
}

mod a_dispatcher_by_hand {
    use super::*;

    macro_rules! request {
        ($name:ident, $options:expr, |$requests:ident| $dispatch:expr) => {
            struct $name(u64);

            impl Request for $name {
                type Key = u64;
                type Answer = u64;
                const OPTIONS: Options<u64, u64> = $options;

                fn into_key(self) -> u64 {
                    self.0
                }
            }

            impl<S> Dispatch<S> for $name {
                fn dispatch<'r>(_: &'r S, $requests: Requests<'_, 'r, Self>) {
                    $dispatch
                }
            }
        };
    }

    #[test]
    fn that_does_nothing() {
        request!(Ignored, Options::new().show_keys(), |_requests| ());
        assert_eq!(error_of_asking(Ignored, 71..=73), unanswered("Ignored", 0, 3, Some("71")));
    }

    #[test]
    fn that_only_looks_at_the_keys() {
        request!(LookedAt, Options::new().max_batch(2), |requests| assert_eq!(
            requests.keys().len(),
            2
        ));
        assert_eq!(error_of_asking(LookedAt, 1..=4), unanswered("LookedAt", 0, 2, None));
    }

    #[test]
    fn that_starts_a_future_which_gives_too_few() {
        request!(Short, Options::new().concurrent(), |requests| requests.answer_async(
            |keys: Keys<Self>| async move {
                let few = keys[1..].to_vec();
                keys.answer(few)
            }
        ));
        assert_eq!(error_of_asking(Short, 1..=3), wrong_count("Short", 3, 2, None));
    }

    #[test]
    fn that_drops_its_slots() {
        request!(Dropped, Options::new(), |requests| drop(requests.into_batch()));
        assert_eq!(error_of_asking(Dropped, 1..=3), unanswered("Dropped", 0, 3, None));
    }
}

mod a_deadlock {
    use super::*;

    #[track_caller]
    fn check<T>(task: impl Task<(), Output = T>, stuck: &[&str]) {
        match error_of(task) {
            Error::Deadlock(deadlock) => {
                let mut paths: Vec<&str> = deadlock.tasks().iter().map(StuckTask::path).collect();
                paths.sort();
                assert_eq!(paths, stuck);
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn of_deeply_nested_tasks_tells_the_end_of_each_way() {
        #[corio::task]
        fn nested(depth: u64) {
            if depth > 0 {
                spawn!(nested(depth - 1));
            }
            // Each for itself, so that every one of them is stuck.
            let mutex = Mutex::new(());
            let _first = call!(mutex.lock());
            let _second = call!(mutex.lock());
        }

        let Error::Deadlock(deadlock) = error_of(nested(30_000)) else {
            panic!("they are all stuck")
        };
        let paths: Vec<&str> = deadlock.tasks().iter().map(StuckTask::path).collect();
        assert_eq!(paths.len(), 30_001);
        assert!(
            paths.iter().all(|path| path.split(" > ").count() <= 17),
            "or telling them would take for ever"
        );
        assert!(paths.iter().any(|path| path.starts_with("… > nested > ")));
    }

    #[test]
    fn names_a_parent_beside_its_child_if_both_are_stuck() {
        #[corio::task]
        fn child(group: Rc<WaitGroup>) {
            call!(group.wait());
        }

        #[corio::task]
        fn parent(group: Rc<WaitGroup>) {
            spawn!(child(group.clone()));
            call!(group.wait());
        }

        let group = Rc::new(WaitGroup::new());
        group.add(1);
        check(parent(group), &["parent", "parent > child"]);
    }

    #[test]
    fn is_known_only_when_everything_that_is_away_has_come_back() {
        #[corio::dispatcher]
        fn elsewhere(batch: Batch<u64, u64>) {
            thread::spawn(move || batch.into_iter().for_each(|slot| slot.answer_with(|key| key)));
        }

        #[corio::task]
        fn stuck(group: &WaitGroup) {
            group.add(1);
            call!(group.wait());
        }

        #[corio::task]
        fn busy(rounds: &Cell<u64>) {
            for key in 0..10 {
                io!(elsewhere(key));
                rounds.set(rounds.get() + 1);
            }
        }

        #[corio::task]
        fn program(group: &WaitGroup, rounds: &Cell<u64>) {
            join!(stuck(group), busy(rounds));
        }

        let rounds = Cell::new(0);
        check(program(&WaitGroup::new(), &rounds), &["program > stuck"]);
        assert_eq!(rounds.get(), 10);
    }

    #[test]
    fn of_very_many_tasks_says_only_so_much() {
        #[corio::task]
        fn stuck(group: &WaitGroup) {
            call!(group.wait());
        }

        #[corio::task]
        fn program(group: &WaitGroup) {
            group.add(1);
            all!((0..1000).map(|_| stuck(group)));
        }

        let error = error_of(program(&WaitGroup::new()));
        assert!(error.to_string().contains("1000 tasks wait"), "{error}");
        assert!(error.to_string().lines().count() < 30, "{error}");
    }
}

mod a_foreign_future {
    use super::*;

    fn waits_for_ever() -> impl Task<()> {
        task_fn(async |_: Cx<'_, ()>| pending::<()>().await)
    }

    #[track_caller]
    fn check<T>(task: impl Task<(), Output = T>, named: &str) {
        match error_of(task) {
            Error::ForeignFuture { task, .. } => assert!(task.contains(named), "{task}"),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn that_is_pending_for_ever() {
        #[corio::task(())]
        fn program() {
            call!(healthy());
            join!(waits_for_ever(), healthy());
        }

        check(program(), "program");
    }

    #[test]
    fn is_named_by_the_function_that_made_the_task() {
        check(waits_for_ever(), "waits_for_ever");
    }

    #[test]
    fn of_tokio() {
        let (_sender, receiver) = tokio::sync::oneshot::channel::<()>();
        check(task_fn(async |_: Cx<'_, ()>| receiver.await.is_ok()), "");
        let notify = tokio::sync::Notify::new();
        check(task_fn(async |_: Cx<'_, ()>| notify.notified().await), "");
    }

    #[test]
    fn that_would_be_ready_the_next_time() {
        // It asks to be woken, and nobody here could do that.
        let task = task_fn(async |_: Cx<'_, ()>| {
            let mut polled = false;
            poll_fn(|context| {
                context.waker().wake_by_ref();
                if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        });
        check(task, "");
    }

    #[test]
    fn beside_one_of_corio() {
        let got = Cell::new(0);
        let task = task_fn(async |cx: Cx<'_, ()>| {
            let (mut foreign, mut own) = (pin!(pending::<()>()), pin!(cx.io(double(4))));
            poll_fn(|context| {
                let answer =
                    if got.get() == 0 { own.as_mut().poll(context) } else { Poll::Pending };
                if let Poll::Ready(answer) = answer {
                    got.set(answer);
                }
                foreign.as_mut().poll(context)
            })
            .await;
        });
        check(task, "");
        assert_eq!(got.get(), 8, "as long as something of corio's is awaited, that goes on");
    }

    #[test]
    fn in_one_of_a_hundred_tasks() {
        #[corio::task(())]
        fn program(got: Rc<Cell<usize>>) {
            for key in 0..99 {
                spawn!(ask_one(double(key), got.clone()));
            }
            spawn!(waits_for_ever());
        }

        let got = Rc::new(Cell::new(0));
        check(program(got.clone()), "program");
        assert_eq!((got.get(), Rc::strong_count(&got)), (0, 1));
    }
}
