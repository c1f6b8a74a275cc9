//! A panic, wherever it comes from, drops every task, leaves `run` with its own payload and is told
//! once; and the schedule runs the next task.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{self, Arc};
use std::task::{Context, Poll, Waker};

use corio::sync::{Mutex, WaitGroup};
use corio::{Batch, Cx, Event, Request, Requests, Schedule, Task, task_fn};
use support::{Counted, Counts, double, healthy};

/// The payload of the panics here, each with a number of its own.
#[derive(Debug, PartialEq, Eq)]
struct Boom(u32);

/// Panics without the hook's message: it would be printed for each.
fn boom(number: u32) -> ! {
    resume_unwind(Box::new(Boom(number)))
}

fn number_of(payload: Box<dyn Any + Send>) -> u32 {
    payload.downcast::<Boom>().expect("the payload is that of the panic").0
}

/// Panics when dropped.
struct BoomOnDrop(u32, #[expect(dead_code, reason = "only there to be dropped")] Counted);

impl Drop for BoomOnDrop {
    fn drop(&mut self) {
        boom(self.0);
    }
}

/// Holds something across a request, for ever if need be: what is still waiting when another task
/// panics.
#[corio::task]
fn bystander(counts: Counts, argument: Counted) {
    let _local = counts.one();
    let group = WaitGroup::new();
    group.add(1);
    spawn!(grandchild(counts.one()));
    io!(double(1));
    call!(group.wait());
    drop(argument);
}

#[corio::task]
fn grandchild(_argument: Counted) {
    for key in 0.. {
        io!(double(key));
    }
}

/// Runs a program that must panic, and gives the number of the panic and where it was said to come
/// from.
#[track_caller]
fn panic_of<T>(program: impl FnOnce(&Counts) -> T) -> (u32, String)
where
    T: Task<()>,
{
    let counts = Counts::default();
    let told = Arc::new(sync::Mutex::new(Vec::new()));
    let tell = told.clone();
    let mut schedule = Schedule::new(()).observe(move |event: &Event<'_>| {
        if let Event::Panicked { place, .. } = event {
            tell.lock().unwrap().push(place.to_string());
        }
    });
    let task = program(&counts);
    let Err(payload) = catch_unwind(AssertUnwindSafe(|| schedule.run(task).is_ok())) else {
        panic!("the run must panic")
    };
    counts.check();
    for _ in 0..2 {
        assert_eq!(
            schedule.run(healthy()),
            Ok(10),
            "after a panic the schedule runs the next task"
        );
    }
    let told = std::mem::take(&mut *told.lock().unwrap());
    assert_eq!(told.len(), 1, "a panic is told once: {told:?}");
    (number_of(payload), told.into_iter().next().unwrap())
}

mod in_a_dispatcher {
    use super::*;

    #[corio::task(())]
    fn asks<R: corio::Dispatch<()>>(request: R, counts: Counts) {
        let _local = counts.one();
        join!(
            bystander(counts.clone(), counts.one()),
            request,
            bystander(counts.clone(), counts.one())
        );
    }

    #[track_caller]
    fn check<R: corio::Dispatch<()>>(request: R, number: u32, name: &str) {
        let (panicked, place) = panic_of(|counts| asks(request, counts.clone()));
        assert_eq!((panicked, place), (number, format!("dispatcher `{name}`")));
    }

    #[test]
    fn inline() {
        #[corio::dispatcher]
        fn inline(_keys: &[u64]) -> Vec<u64> {
            boom(1)
        }

        check(inline(1), 1, "inline");
    }

    #[test]
    fn inline_with_the_keys_by_value() {
        #[corio::dispatcher]
        fn owned(_keys: Vec<u64>) -> Vec<u64> {
            boom(2)
        }

        check(owned(1), 2, "owned");
    }

    #[test]
    fn that_has_filled_in_some_answers() {
        #[corio::dispatcher]
        fn half(keys: &[u64], answers: &mut Vec<u64>) {
            answers.extend_from_slice(keys);
            boom(3)
        }

        check(half(1), 3, "half");
    }

    #[test]
    fn async_before_it_waits() {
        #[corio::dispatcher]
        async fn early(_keys: &[u64]) -> Vec<u64> {
            boom(4)
        }

        check(early(1), 4, "early");
    }

    #[test]
    fn async_after_it_waited() {
        #[corio::dispatcher]
        async fn late(_keys: &[u64]) -> Vec<u64> {
            let mut polled = false;
            poll_fn(|context| {
                context.waker().wake_by_ref();
                if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            boom(5)
        }

        check(late(1), 5, "late");
    }

    #[test]
    fn with_slots_in_hand() {
        #[corio::dispatcher]
        fn slots(batch: Batch<u64, u64>) {
            let _in_hand = batch;
            boom(6)
        }

        #[corio::dispatcher]
        async fn slots_async(batch: Batch<u64, u64>) {
            let _in_hand = batch;
            boom(7)
        }

        check(slots(1), 6, "slots");
        check(slots_async(1), 7, "slots_async");
    }

    #[test]
    fn while_it_makes_the_answer_for_a_slot() {
        #[corio::dispatcher]
        fn slots(batch: Batch<u64, u64>) {
            for slot in batch {
                slot.answer_with(|_| boom(8));
            }
        }

        check(slots(1), 8, "slots");
    }

    #[test]
    fn that_stands_in_for_another() {
        let counts = Counts::default();
        let mut schedule = Schedule::new(()).answer_with(double, |_| -> Vec<u64> { boom(9) });
        let payload = catch_unwind(AssertUnwindSafe(|| {
            schedule.run(bystander(counts.clone(), counts.one()))
        }))
        .unwrap_err();
        assert_eq!(number_of(payload), 9);
        counts.check();
        schedule =
            schedule.answer_with(double, |keys| keys.iter().map(|key| key * 2).collect::<Vec<_>>());
        assert_eq!(schedule.run(healthy()), Ok(10));
    }

    #[test]
    fn of_which_another_part_was_answered_already() {
        #[corio::dispatcher(max_batch = 1)]
        fn parts(keys: &[u64]) -> Vec<u64> {
            if keys[0] == 2 { boom(10) } else { keys.to_vec() }
        }

        #[corio::task]
        fn program(counts: Counts) {
            let _local = counts.one();
            io_all!((0..5).map(parts));
        }

        let (panicked, place) = panic_of(|counts| program(counts.clone()));
        assert_eq!((panicked, &*place), (10, "dispatcher `parts`"));
    }

    #[derive(Clone)]
    struct Key(u32);

    impl PartialEq for Key {
        fn eq(&self, other: &Key) -> bool {
            self.0 == other.0
        }
    }

    impl Eq for Key {}

    impl Hash for Key {
        fn hash<H: Hasher>(&self, _: &mut H) {
            boom(self.0)
        }
    }

    #[test]
    fn whose_keys_panic_when_they_are_compared() {
        #[corio::dispatcher(dedup)]
        fn hashed(keys: &[Key]) -> Vec<u64> {
            vec![0; keys.len()]
        }

        check(hashed(Key(11)), 11, "hashed");
    }

    struct Answer;

    impl Clone for Answer {
        fn clone(&self) -> Answer {
            boom(12)
        }
    }

    #[test]
    fn whose_answers_panic_when_they_are_cloned_for_doubles() {
        #[corio::dispatcher(dedup)]
        fn cloned(keys: &[u64]) -> Vec<Answer> {
            keys.iter().map(|_| Answer).collect()
        }

        #[corio::dispatcher(dedup)]
        fn cloned_slots(batch: Batch<u64, Answer>) {
            for slot in batch {
                slot.answer(Answer);
            }
        }

        #[corio::task]
        fn program(counts: Counts) {
            let _local = counts.one();
            io!(cloned(1), cloned(1));
        }

        #[corio::task]
        fn program_of_slots(counts: Counts) {
            let _local = counts.one();
            io!(cloned_slots(1), cloned_slots(1));
        }

        assert_eq!(panic_of(|counts| program(counts.clone())).0, 12);
        assert_eq!(panic_of(|counts| program_of_slots(counts.clone())).0, 12);
    }
}

mod in_a_task {
    use super::*;

    #[corio::task]
    fn panics_at_once(number: u32, _argument: Counted) {
        boom(number)
    }

    #[corio::task]
    fn panics_after_a_request(number: u32, argument: Counted) {
        io!(double(1));
        let _moved = argument;
        boom(number)
    }

    #[test]
    fn before_its_first_request() {
        #[corio::task]
        fn program(counts: Counts) {
            spawn!(bystander(counts.clone(), counts.one()));
            spawn!(panics_at_once(1, counts.one()));
            spawn!(bystander(counts.clone(), counts.one()));
        }

        assert_eq!(
            panic_of(|counts| program(counts.clone())),
            (1, "task `program > panics_at_once`".into())
        );
    }

    #[test]
    fn after_its_first_request() {
        #[corio::task]
        fn program(counts: Counts) {
            spawn!(bystander(counts.clone(), counts.one()));
            spawn!(panics_after_a_request(2, counts.one()));
            spawn!(bystander(counts.clone(), counts.one()));
        }

        assert_eq!(
            panic_of(|counts| program(counts.clone())),
            (2, "task `program > panics_after_a_request`".into())
        );
    }

    #[test]
    fn that_is_the_first_of_its_run() {
        assert_eq!(
            panic_of(|counts| panics_at_once(3, counts.one())),
            (3, "task `panics_at_once`".into())
        );
        assert_eq!(
            panic_of(|counts| panics_after_a_request(3, counts.one())),
            (3, "task `panics_after_a_request`".into())
        );
    }

    #[test]
    fn far_down_is_told_with_the_path_that_led_there() {
        #[corio::task]
        fn level(left: u32, counts: Counts) {
            let _local = counts.one();
            if left == 0 {
                call!(panics_after_a_request(4, counts.one()));
            }
            match left % 3 {
                0 => drop(spawn!(level(left - 1, counts.clone()))),
                1 => drop(join!(
                    level(left - 1, counts.clone()),
                    bystander(counts.clone(), counts.one())
                )),
                _ => drop(all!([level(left - 1, counts.clone()), level(left - 1, counts.clone())])),
            }
            call!(healthy());
        }

        let (number, place) = panic_of(|counts| level(4, counts.clone()));
        assert_eq!((number, &*place), (4, "task `level > level > level > level > level`"));
    }

    #[test]
    fn the_fifth_of_ten_spawned() {
        #[corio::task]
        fn child(at: u32, counts: Counts) {
            let _local = counts.one();
            io!(double(1));
            if at == 5 {
                boom(5);
            }
            io!(double(2));
        }

        #[corio::task]
        fn program(counts: Counts) {
            for at in 1..=10 {
                spawn!(child(at, counts.clone()));
            }
            wait!();
            unreachable!("a child panicked");
        }

        assert_eq!(
            panic_of(|counts| program(counts.clone())),
            (5, "task `program > child`".into())
        );
    }

    #[test]
    fn the_fifth_of_all_ten() {
        #[corio::task]
        fn child(at: u32, counts: &Counts, borrowed: &Counted) -> Counted {
            let _local = counts.one();
            io!(double(1));
            if at == 5 {
                boom(6);
            }
            let _borrowed = borrowed;
            counts.one()
        }

        #[corio::task]
        fn program(counts: Counts) {
            let lent = counts.one();
            all!((1..=10).map(|at| child(at, &counts, &lent)));
            unreachable!("a child panicked");
        }

        assert_eq!(
            panic_of(|counts| program(counts.clone())),
            (6, "task `program > child`".into())
        );
    }

    #[test]
    fn one_of_a_race_before_there_is_a_winner() {
        #[corio::task]
        fn program(counts: Counts) {
            race!(
                bystander(counts.clone(), counts.one()),
                panics_after_a_request(7, counts.one()),
                bystander(counts.clone(), counts.one())
            );
        }

        assert_eq!(
            panic_of(|counts| program(counts.clone())),
            (7, "task `program > panics_after_a_request`".into())
        );
    }

    #[test]
    fn that_holds_a_lock_and_others_wait_for_it() {
        #[corio::task]
        fn locks(mutex: &Mutex<u32>, counts: &Counts, last: bool) {
            let _local = counts.one();
            let mut locked = call!(mutex.lock());
            io!(double(1));
            *locked += 1;
            if last {
                boom(8);
            }
        }

        #[corio::task]
        fn program(mutex: &Mutex<u32>, counts: Counts) {
            all!((1..=10).map(|at| locks(mutex, &counts, at == 3)));
        }

        let mutex = Mutex::new(0);
        assert_eq!(
            panic_of(|counts| program(&mutex, counts.clone())),
            (8, "task `program > locks`".into())
        );
        assert_eq!(*mutex.try_lock().expect("the guard was dropped, and nobody waits any more"), 3);
    }

    #[test]
    fn in_the_iterator_of_its_children() {
        #[corio::task]
        fn child(_argument: Counted) {
            io!(double(1));
        }

        #[corio::task]
        fn program(counts: Counts) {
            all!((0..10).map(|at| if at == 7 { boom(9) } else { child(counts.one()) }));
        }

        #[corio::task]
        fn program_of_requests(counts: Counts) {
            let _local = counts.one();
            io_all!((0..10).map(|at| if at == 7 { boom(9) } else { double(at) }));
        }

        assert_eq!(panic_of(|counts| program(counts.clone())), (9, "task `program`".into()));
        assert_eq!(
            panic_of(|counts| program_of_requests(counts.clone())),
            (9, "task `program_of_requests`".into())
        );
    }

    #[test]
    fn in_what_makes_the_key_of_one_of_many_requests() {
        struct Keyed(u32, #[expect(dead_code, reason = "only there to be dropped")] Counted);

        impl Request for Keyed {
            type Key = u32;
            type Answer = u32;

            fn into_key(self) -> u32 {
                if self.0 == 3 { boom(10) } else { self.0 }
            }
        }

        impl<S> corio::Dispatch<S> for Keyed {
            fn dispatch<'r>(_: &'r S, requests: Requests<'_, 'r, Self>) {
                requests.answer(<[u32]>::to_vec);
            }
        }

        #[corio::task]
        fn program(counts: Counts) {
            io_all!((0..10).map(|at| Keyed(at, counts.one())));
        }

        assert_eq!(panic_of(|counts| program(counts.clone())), (10, "task `program`".into()));
    }

    #[test]
    fn written_by_hand() {
        let (number, _place) = panic_of(|counts| {
            let counts = counts.clone();
            task_fn(async move |cx: Cx<'_, ()>| {
                let _local = counts.one();
                cx.spawn(bystander(counts.clone(), counts.one()));
                let mut requests = Box::pin(cx.io_all((0..10).map(double)));
                assert!(
                    poll_fn(|context| Poll::Ready(requests.as_mut().poll(context).is_pending()))
                        .await
                );
                let _all = cx.all((0..10).map(|_| bystander(counts.clone(), counts.one())));
                cx.call(panics_after_a_request(11, counts.one())).await;
            })
        });
        assert_eq!(number, 11);
    }

    #[test]
    fn of_a_run_on_an_executor() {
        let counts = Counts::default();
        let mut schedule = Schedule::new(());
        let mut run = schedule.run_async(panics_after_a_request(12, counts.one()));
        let mut context = Context::from_waker(Waker::noop());
        let payload =
            catch_unwind(AssertUnwindSafe(|| Pin::new(&mut run).poll(&mut context).is_ready()))
                .unwrap_err();
        assert_eq!(number_of(payload), 12);
        counts.check();
        drop(run);
        assert_eq!(schedule.run(healthy()), Ok(10));
    }
}

mod in_a_destructor {
    use super::*;

    #[corio::task]
    fn stuck(_argument: Counted) {
        let group = WaitGroup::new();
        group.add(1);
        call!(group.wait());
    }

    #[corio::task]
    fn stuck_with(_bomb: BoomOnDrop) {
        let group = WaitGroup::new();
        group.add(1);
        call!(group.wait());
    }

    /// Nobody panicked but the destructors, when the run had ended otherwise: there is no place to
    /// tell.
    #[track_caller]
    fn panic_of_dropping<T: Task<()>>(program: impl FnOnce(&Counts) -> T) -> u32 {
        let counts = Counts::default();
        let mut schedule = Schedule::new(());
        let task = program(&counts);
        let payload = catch_unwind(AssertUnwindSafe(|| schedule.run(task).is_ok())).unwrap_err();
        counts.check();
        assert_eq!(schedule.run(healthy()), Ok(10));
        number_of(payload)
    }

    #[test]
    fn while_the_tasks_of_a_failed_run_are_dropped() {
        #[corio::task]
        fn program(counts: Counts) {
            for at in 0..10 {
                spawn!(stuck(counts.one()));
                if at == 4 {
                    spawn!(stuck_with(BoomOnDrop(1, counts.one())));
                }
            }
        }

        assert_eq!(panic_of_dropping(|counts| program(counts.clone())), 1);
    }

    #[test]
    fn and_in_another_all_others_run_and_one_of_the_two_gets_out() {
        #[corio::task]
        fn program(counts: Counts) {
            for _ in 0..3 {
                spawn!(stuck(counts.one()));
                spawn!(stuck_with(BoomOnDrop(2, counts.one())));
            }
            all!((0..3).map(|_| stuck_with(BoomOnDrop(2, counts.one()))));
        }

        assert_eq!(panic_of_dropping(|counts| program(counts.clone())), 2);
    }

    #[test]
    fn after_a_task_has_panicked_the_first_panic_gets_out() {
        #[corio::task]
        fn program(counts: Counts) {
            for _ in 0..3 {
                spawn!(stuck(counts.one()));
                spawn!(stuck_with(BoomOnDrop(99, counts.one())));
            }
            io!(double(1));
            boom(3);
        }

        assert_eq!(panic_of(|counts| program(counts.clone())), (3, "task `program`".into()));
    }

    #[test]
    fn at_the_regular_end_of_a_task() {
        #[corio::task]
        fn ends(counts: Counts) {
            io!(double(1));
            let _bomb = BoomOnDrop(4, counts.one());
            let _local = counts.one();
        }

        #[corio::task]
        fn ends_as_argument(_bomb: BoomOnDrop, _local: Counted) {
            io!(double(1));
        }

        #[corio::task]
        fn program(counts: Counts) {
            spawn!(bystander(counts.clone(), counts.one()));
            spawn!(ends(counts.clone()));
        }

        #[corio::task]
        fn program_of_all(counts: Counts) {
            all!((0..5).map(|_| ends_as_argument(BoomOnDrop(5, counts.one()), counts.one())));
        }

        assert_eq!(panic_of(|counts| program(counts.clone())), (4, "task `program > ends`".into()));
        assert_eq!(
            panic_of(|counts| program_of_all(counts.clone())),
            (5, "task `program_of_all > ends_as_argument`".into())
        );
    }

    #[test]
    fn of_a_result_that_nobody_wants() {
        #[corio::task]
        fn gives(counts: Counts) -> BoomOnDrop {
            io!(double(1));
            BoomOnDrop(6, counts.one())
        }

        #[corio::task]
        fn lets_go_at_once(counts: Counts) {
            spawn!(bystander(counts.clone(), counts.one()));
            drop(spawn!(gives(counts.clone())));
            wait!();
        }

        #[corio::task]
        fn lets_go_late(counts: Counts) {
            let handle = spawn!(gives(counts.clone()));
            wait!();
            drop(handle);
        }

        assert_eq!(panic_of(|counts| lets_go_at_once(counts.clone())).0, 6);
        assert_eq!(
            panic_of(|counts| lets_go_late(counts.clone())),
            (6, "task `lets_go_late`".into())
        );
    }

    #[test]
    fn of_a_loser_of_a_race() {
        #[corio::task]
        fn program(counts: Counts) {
            spawn!(bystander(counts.clone(), counts.one()));
            race!(
                stuck(counts.one()),
                stuck_with(BoomOnDrop(7, counts.one())),
                stuck(counts.one()),
                task!({
                    io!(double(1));
                })
            );
            unreachable!("a destructor panicked");
        }

        assert_eq!(panic_of(|counts| program(counts.clone())).0, 7);
    }

    #[test]
    fn of_an_answer_that_came_too_late() {
        #[corio::dispatcher]
        fn bombs(keys: &[Counts]) -> Vec<BoomOnDrop> {
            keys.iter().map(|counts| BoomOnDrop(8, counts.one())).collect()
        }

        #[corio::task]
        fn asks(counts: Counts) {
            std::mem::forget(io!(bombs(counts)));
        }

        // The winner asked first, and is resumed first: the answer of the loser finds nobody.
        #[corio::task]
        fn program(counts: Counts) {
            race!(
                task!({
                    io!(double(1));
                }),
                asks(counts.clone())
            );
        }

        assert_eq!(panic_of(|counts| program(counts.clone())).0, 8);
    }

    #[test]
    fn of_keys_the_panic_of_the_task_gets_out() {
        struct Key(#[expect(dead_code, reason = "only there to be dropped")] BoomOnDrop);

        #[corio::dispatcher]
        fn first(keys: &[Key]) -> Vec<u64> {
            vec![0; keys.len()]
        }

        #[corio::dispatcher]
        fn second(keys: &[Key]) -> Vec<u64> {
            vec![0; keys.len()]
        }

        #[corio::task]
        fn program(counts: Counts) {
            spawn!(first(Key(BoomOnDrop(98, counts.one()))));
            spawn!(second(Key(BoomOnDrop(99, counts.one()))));
            spawn!(task!(-> () { boom(9) }));
        }

        assert_eq!(panic_of(|counts| program(counts.clone())).0, 9);
    }

    #[test]
    fn of_a_run_that_is_dropped_half_way() {
        #[corio::dispatcher]
        async fn never(_keys: &[u64]) -> Vec<u64> {
            std::future::pending().await
        }

        #[corio::task]
        fn asks(_bomb: BoomOnDrop, _local: Counted) {
            io!(never(1));
        }

        #[corio::task]
        fn program(counts: Counts) {
            all!((0..3).map(|_| asks(BoomOnDrop(10, counts.one()), counts.one())));
        }

        let counts = Counts::default();
        let mut schedule = Schedule::new(());
        let mut run = schedule.run_async(program(counts.clone()));
        assert!(Pin::new(&mut run).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let payload = catch_unwind(AssertUnwindSafe(|| drop(run))).unwrap_err();
        assert_eq!(number_of(payload), 10);
        counts.check();
        assert_eq!(schedule.run(healthy()), Ok(10));
    }
}

mod in_an_observer {
    use super::*;

    #[track_caller]
    fn check(mut panics_at: impl FnMut(&Event<'_>) -> bool + Send + 'static) {
        #[corio::task]
        fn program(counts: Counts, _argument: Counted) {
            let _local = counts.one();
            spawn!(bystander(counts.clone(), counts.one()));
            drop(spawn!(task!(move { io!(double(1)); counts.one() })));
            io!(double(1));
            io!(double(2));
            boom(1);
        }

        let counts = Counts::default();
        let mut armed = true;
        let mut schedule = Schedule::new(()).observe(move |event: &Event<'_>| {
            if armed && panics_at(event) {
                armed = false;
                boom(2);
            }
        });
        assert!(
            catch_unwind(AssertUnwindSafe(|| schedule.run(program(counts.clone(), counts.one()))))
                .is_err()
        );
        counts.check();
        assert_eq!(schedule.run(healthy()), Ok(10));
    }

    #[test]
    fn that_hears_of_a_panic() {
        check(|event| matches!(event, Event::Panicked { .. }));
    }

    #[test]
    fn that_hears_of_a_start() {
        let mut started = 0;
        check(move |event| {
            started += u32::from(matches!(event, Event::Started { .. }));
            started == 3
        });
        check(|event| matches!(event, Event::Started { .. }));
    }

    #[test]
    fn that_hears_of_an_end() {
        check(|event| matches!(event, Event::Ended { .. }));
    }

    #[test]
    fn that_hears_of_a_batch() {
        check(|event| matches!(event, Event::BatchSent { .. }));
        check(|event| matches!(event, Event::BatchAnswered { .. }));
        check(|event| matches!(event, Event::Asked { .. }));
    }
}

#[test]
fn of_an_inner_run_goes_through_the_outer_one_and_is_told_by_each() {
    #[corio::task]
    fn inner(_argument: Counted) {
        io!(double(1));
        boom(1);
    }

    #[corio::task]
    fn outer(counts: Counts) {
        let _local = counts.one();
        io!(double(1));
        let _ = Schedule::new(()).run(inner(counts.one()));
    }

    assert_eq!(panic_of(|counts| outer(counts.clone())), (1, "task `outer`".into()));
}

mod on_a_thread_of_the_pool {
    use super::*;
    use corio::{RequestError, Slot};
    use std::sync::mpsc;

    /// The slot of a bystander, and word that he has gone on.
    struct Shelf {
        slot: sync::Mutex<Option<Slot<(), ()>>>,
        went_on: sync::Mutex<mpsc::Receiver<()>>,
    }

    /// When dropped, has the bystander go on, and waits until he has: by then the run has taken all
    /// the post that there was.
    struct Key(Arc<Shelf>);

    impl Drop for Key {
        fn drop(&mut self) {
            if let Some(slot) = self.0.slot.lock().unwrap().take() {
                slot.answer(());
                let _ = self.0.went_on.lock().unwrap().recv();
            }
        }
    }

    #[derive(corio::Context)]
    struct Lab {
        shelf: Arc<Shelf>,
    }

    // Asynchronous, so that it starts before the job, which is asked after it.
    #[corio::dispatcher]
    async fn shelved(shelf: &Arc<Shelf>, batch: Batch<(), ()>) {
        *shelf.slot.lock().unwrap() = batch.into_iter().next();
    }

    #[corio::dispatcher(blocking, faults = "error")]
    fn panics(_batch: Batch<Key, u64>) {
        resume_unwind(Box::new("boom"));
    }

    #[test]
    fn is_not_taken_for_the_slots_that_it_drops() {
        #[corio::task(Lab)]
        fn bystander(go_on: mpsc::Sender<()>) {
            io!(shelved(()));
            go_on.send(()).unwrap();
        }

        #[corio::task(Lab)]
        fn asks(key: Key) -> Result<u64, RequestError> {
            io!(panics(key))
        }

        #[corio::task(Lab)]
        fn program(key: Key, go_on: mpsc::Sender<()>) -> Result<u64, RequestError> {
            let ((), answer) = join!(bystander(go_on), asks(key));
            answer
        }

        let (go_on, went_on) = mpsc::channel();
        let shelf =
            Arc::new(Shelf { slot: sync::Mutex::new(None), went_on: sync::Mutex::new(went_on) });
        let answer =
            Schedule::new(Lab { shelf: shelf.clone() }).run(program(Key(shelf), go_on)).unwrap();
        assert!(
            matches!(&answer, Err(RequestError::Panicked { dispatcher: "panics", message, .. }) if message == "boom"),
            "{answer:?}"
        );
    }
}

mod far_down_tells_the_lines_above {
    use super::*;
    use std::panic::Location;

    const SOURCE: &str = include_str!("panics.rs");

    /// The payload, where it came from, and the tasks above with the text of the line that each
    /// waits on.
    #[track_caller]
    fn told<T>(task: impl Task<(), Output = T>) -> (u32, String) {
        let told = Arc::new(sync::Mutex::new(String::new()));
        let tell = told.clone();
        let mut schedule = Schedule::new(()).observe(move |event: &Event<'_>| {
            if let Event::Panicked { place, above, .. } = event {
                let line = |at: &Location<'_>| {
                    SOURCE.lines().nth(at.line() as usize - 1).unwrap().trim().to_owned()
                };
                let above: String =
                    above.iter().map(|(name, at)| format!("{name}: {}\n", line(at))).collect();
                tell.lock().unwrap().push_str(&format!("{place}\n{above}"));
            }
        });
        let Err(payload) = catch_unwind(AssertUnwindSafe(|| schedule.run(task).is_ok())) else {
            panic!("the run must panic")
        };
        assert_eq!(schedule.run(healthy()), Ok(10));
        (number_of(payload), std::mem::take(&mut *told.lock().unwrap()))
    }

    #[corio::task]
    fn panics() {
        io!(double(1));
        boom(7);
    }

    #[corio::task]
    fn below_a_call() {
        call!(panics());
    }

    #[corio::task]
    fn below_all() {
        all!((0..2).map(|_| below_a_call()));
    }

    #[corio::task]
    fn below_a_window() {
        all!(limit = 1, (0..2).map(|_| below_all()));
    }

    #[corio::task]
    fn below_a_handle() {
        let handle = spawn!(below_a_window());
        call!(handle);
    }

    #[corio::task]
    fn below_wait() {
        spawn!(below_a_handle());
        wait!();
    }

    #[corio::task]
    fn below_a_called_join() {
        call!(joins());
    }

    #[corio::task]
    fn joins() {
        join!(below_wait(), double(1));
    }

    #[test]
    fn of_every_kind_of_level() {
        let (number, told) = told(below_a_called_join());
        assert_eq!(number, 7);
        expect_test::expect![[r#"
            task `below_a_called_join > below_wait > below_a_handle > below_a_window > below_all > below_a_call`
            below_all: all!((0..2).map(|_| below_a_call()));
            below_a_window: all!(limit = 1, (0..2).map(|_| below_all()));
            below_a_handle: call!(handle);
            below_wait: wait!();
            below_a_called_join: join!(below_wait(), double(1));
        "#]]
        .assert_eq(&told);
    }

    #[test]
    fn but_not_of_those_that_have_returned_or_can_go_on() {
        #[corio::task]
        fn returns() {
            spawn!(panics());
        }

        #[corio::task]
        fn waits() {
            call!(spawn!(returns()));
        }

        let (number, told) = told(waits());
        assert_eq!(number, 7);
        expect_test::expect![[r#"
            task `waits > returns > panics`
            waits: call!(spawn!(returns()));
        "#]]
        .assert_eq(&told);
    }
}

#[test]
fn after_which_no_code_of_a_task_by_hand_runs_that_waits_for_the_one_that_panicked() {
    let went_on = Arc::new(AtomicBool::new(false));
    let (flag, tells) = (Arc::new(AtomicBool::new(false)), went_on.clone());
    let program = task_fn(async move |cx: Cx<'_, ()>| {
        let sets = flag.clone();
        let mut child = std::pin::pin!(cx.call(task_fn(async move |_: Cx<'_, ()>| {
            sets.store(true, Ordering::Relaxed);
            boom(1)
        })));
        // As soon as the flag is set it would go on, if it were asked.
        std::future::poll_fn(|context| {
            if flag.load(Ordering::Relaxed) {
                std::task::Poll::Ready(())
            } else {
                child.as_mut().poll(context)
            }
        })
        .await;
        tells.store(true, Ordering::Relaxed);
    });
    assert!(catch_unwind(AssertUnwindSafe(|| Schedule::new(()).run(program))).is_err());
    assert!(!went_on.load(Ordering::Relaxed));
}
