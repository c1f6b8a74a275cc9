//! Locks and wait groups: who gets in when, how many at a time, run after run, and what is said
//! when they are used wrongly.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{self, Arc};
use std::task::{Context, Poll, Wake, Waker};

use corio::sync::{Mutex, MutexGuard, WaitGroup};
use corio::{Cx, Error, Schedule, task_fn};
use support::{Counts, FOR_EVER, Number, double, gated, message, poll, rounds, run, set_open};

/// A hundred thousand, and under Miri fewer.
const MANY: u64 = if cfg!(miri) { 200 } else { 100_000 };

mod a_mutex {
    use super::*;

    /// Adds its name when it has the lock.
    #[corio::task]
    fn enters(order: &Mutex<Vec<u64>>, name: u64) {
        call!(order.lock()).push(name);
    }

    /// Holds the lock for so many rounds.
    #[corio::task]
    fn holds_for(mutex: &Mutex<Vec<u64>>, count: u64) {
        let _locked = call!(mutex.lock());
        call!(rounds(count));
    }

    /// Waits for the lock for so many rounds, and then gives up.
    #[corio::task]
    fn impatient(order: &Mutex<Vec<u64>>, name: u64, count: u64) {
        race!(enters(order, name), rounds(count));
    }

    #[test]
    fn a_thousand_tasks_times_five_rounds_of_lock_read_io_write_unlock_count_to_five_thousand() {
        #[corio::task]
        fn five_rounds(counter: &Mutex<u64>, inside: &Cell<u32>) {
            for _ in 0..5 {
                let mut counter = call!(counter.lock());
                inside.set(inside.get() + 1);
                assert_eq!(inside.get(), 1, "two tasks hold the mutex");
                let read = *counter;
                io!(double(read));
                *counter = read + 1;
                inside.set(inside.get() - 1);
            }
        }

        #[corio::task]
        fn program(counter: &Mutex<u64>) {
            let inside = Cell::new(0);
            all!((0..MANY / 100).map(|_| five_rounds(counter, &inside)));
        }

        let counter = Mutex::new(0);
        run(program(&counter));
        assert_eq!(counter.into_inner(), MANY / 100 * 5);
    }

    #[test]
    fn lets_in_first_who_came_first() {
        #[corio::task]
        fn enters(order: &Mutex<Vec<u64>>, name: u64) {
            let mut order = call!(order.lock());
            io!(double(name));
            order.push(name);
        }

        #[corio::task]
        fn twice(order: &Mutex<Vec<u64>>, name: u64) {
            call!(enters(order, name));
            call!(enters(order, name + 100));
        }

        #[corio::task]
        fn program(order: &Mutex<Vec<u64>>) {
            all!((0..100).map(|name| twice(order, name)));
        }

        // Whoever comes back queues behind all others, although it runs when the mutex is unlocked.
        let order = Mutex::new(Vec::new());
        run(program(&order));
        assert_eq!(order.into_inner(), (0..200).collect::<Vec<_>>());
    }

    #[test]
    fn is_not_waited_for_by_those_who_gave_up_wherever_they_stood() {
        #[corio::task]
        fn program(order: &Mutex<Vec<u64>>) {
            join!(
                holds_for(order, 4),
                impatient(order, 1, 1), // at the front
                impatient(order, 2, FOR_EVER),
                impatient(order, 3, 2), // in the middle
                impatient(order, 4, FOR_EVER),
                task!({ timeout!(std::time::Duration::ZERO, enters(order, 5)).ok() }),
                impatient(order, 6, FOR_EVER),
                impatient(order, 7, 3), // at the back
            );
        }

        let order = Mutex::new(Vec::new());
        run(program(&order));
        assert_eq!(order.into_inner(), [2, 4, 6]);
    }

    #[test]
    fn handed_to_one_who_gives_up_before_it_runs_goes_to_the_next() {
        // Unlocked in the same round in which those who wait give up, before or after.
        #[corio::task]
        fn program(order: &Mutex<Vec<u64>>) {
            join!(holds_for(order, 1), impatient(order, 1, 1), impatient(order, 2, FOR_EVER));
            join!(
                impatient(order, 3, 1),
                holds_for(order, 1),
                impatient(order, 4, 1),
                impatient(order, 5, FOR_EVER)
            );
        }

        let order = Mutex::new(Vec::new());
        run(program(&order));
        assert_eq!(order.into_inner(), [2, 5]);
    }

    #[test]
    fn a_parent_resumed_by_its_own_unlock_is_not_lost() {
        #[corio::task]
        fn child(mutex: Rc<Mutex<u64>>) {
            *call!(mutex.lock()) += 1;
        }

        // The unlock wakes a child that the parent waits for next, and the parent waits for the
        // lock that the child has then.
        #[corio::task]
        fn parent(mutex: Rc<Mutex<u64>>) -> u64 {
            let locked = call!(mutex.lock());
            let handle = spawn!(child(mutex.clone()));
            io!(double(1));
            drop(locked);
            *call!(mutex.lock()) += 1;
            call!(handle);
            *call!(mutex.lock()) += 1;
            wait!();
            *call!(mutex.lock())
        }

        assert_eq!(run(parent(Rc::default())), 3);
    }

    #[test]
    fn goes_through_a_hundred_thousand_hands() {
        #[corio::task]
        fn adds(mutex: Rc<Mutex<u64>>) {
            *call!(mutex.lock()) += 1;
        }

        #[corio::task]
        fn program(mutex: Rc<Mutex<u64>>) -> u64 {
            let locked = call!(mutex.lock());
            for _ in 0..MANY {
                spawn!(adds(mutex.clone()));
            }
            io!(double(1));
            drop(locked);
            wait!();
            *call!(mutex.lock())
        }

        assert_eq!(run(program(Rc::default())), MANY);
    }

    #[test]
    fn is_left_by_a_hundred_thousand_at_once_from_any_end() {
        #[corio::task]
        fn counted(order: &Mutex<Vec<u64>>, counts: &Counts) {
            let _one = counts.one();
            call!(enters(order, 1));
        }

        #[corio::task]
        fn program(order: &Mutex<Vec<u64>>, counts: &Counts, first: u64, second: u64) {
            join!(
                holds_for(order, 3),
                task!({
                    race!(
                        rounds(first),
                        task!({
                            all!((0..MANY / 2).map(|_| counted(order, counts)));
                        })
                    )
                }),
                enters(order, 2),
                task!({
                    race!(
                        rounds(second),
                        task!({
                            all!((0..MANY / 2).map(|_| counted(order, counts)));
                        })
                    )
                }),
                enters(order, 3),
            );
        }

        for (first, second) in [(1, 2), (2, 1), (3, 3)] {
            let (order, counts) = (Mutex::new(Vec::new()), Counts::default());
            run(program(&order, &counts, first, second));
            assert_eq!(order.into_inner(), [2, 3]);
            counts.check_built(usize::try_from(MANY).unwrap());
        }
    }

    #[test]
    fn a_wait_that_is_polled_again_and_again_stands_in_line_once() {
        let mutex = Mutex::new(0);
        let program = task_fn(async |cx: Cx<'_, ()>| {
            let locked = mutex.lock().await;
            let mut asks = Box::pin(cx.call(rounds(5)));
            let mut waits = Box::pin(mutex.lock());
            // Each answer polls both.
            poll_fn(|context| {
                assert!(waits.as_mut().poll(context).is_pending());
                asks.as_mut().poll(context)
            })
            .await;
            drop(locked);
            *waits.await += 1;
            assert!(mutex.try_lock().is_some());
        });
        assert_eq!(Schedule::new(()).run(program), Ok(()));
        assert_eq!(mutex.into_inner(), 1);
    }

    #[test]
    fn is_not_taken_by_a_late_comer_between_two_holders() {
        #[corio::task]
        fn holds(mutex: &Mutex<Vec<&'static str>>) {
            let mut locked = call!(mutex.lock());
            io!(double(1));
            locked.push("holder");
            drop(locked);
            assert!(mutex.try_lock().is_none(), "it is the waiter's by now");
            call!(mutex.lock()).push("holder again");
        }

        #[corio::task]
        fn waits(mutex: &Mutex<Vec<&'static str>>) {
            call!(mutex.lock()).push("waiter");
        }

        #[corio::task]
        fn program(mutex: &Mutex<Vec<&'static str>>) {
            join!(holds(mutex), waits(mutex));
        }

        let mutex = Mutex::new(Vec::new());
        run(program(&mutex));
        assert_eq!(mutex.into_inner(), ["holder", "waiter", "holder again"]);
    }

    #[test]
    fn costs_no_round_when_it_is_free() {
        #[corio::task]
        fn locks_and_asks(mutex: &Mutex<u64>, key: u64) {
            *call!(mutex.lock()) += 1;
            io!(double(key));
        }

        #[corio::task]
        fn program(mutex: &Mutex<u64>) {
            all!((0..10).map(|key| locks_and_asks(mutex, key)));
        }

        let log = corio::Log::new();
        Schedule::new(()).observe(log.observer()).run(program(&Mutex::new(0))).unwrap();
        assert_eq!(log.to_string(), "round 1: double[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n");
    }

    #[test]
    fn is_unlocked_by_destructors() {
        /// Counts in the mutex when it is dropped, with the guard that it holds.
        struct CountsOnDrop<'a>(MutexGuard<'a, u64>);

        impl Drop for CountsOnDrop<'_> {
            fn drop(&mut self) {
                *self.0 += 1;
            }
        }

        #[corio::task]
        fn holds_for_ever(mutex: &Mutex<u64>) {
            let _counts = CountsOnDrop(call!(mutex.lock()));
            let group = WaitGroup::new();
            group.add(1);
            call!(group.wait());
        }

        #[corio::task]
        fn impatient(mutex: &Mutex<u64>) {
            race!(
                holds_for_ever(mutex),
                task!({
                    io!(double(1));
                })
            );
        }

        #[corio::task]
        fn program(mutex: &Mutex<u64>) {
            all!((0..10).map(|_| impatient(mutex)));
            holds_to_the_end(mutex);
            assert_eq!(*call!(mutex.lock()), 11);
        }

        fn holds_to_the_end(mutex: &Mutex<u64>) {
            let _counts = CountsOnDrop(mutex.try_lock().unwrap());
        }

        // The first of ten gets the mutex, and all ten give up at the same time; those behind it
        // got it by then, or never.
        let mutex = Mutex::new(0);
        let result = Schedule::new(()).run(task_fn(async |cx: Cx<'_, ()>| {
            let locked = mutex.lock().await;
            cx.io(double(1)).await;
            drop(locked);
            *mutex.lock().await
        }));
        assert_eq!(result, Ok(0));
        let counted = Mutex::new(0);
        let ends = Schedule::new(()).run(holds_for_ever(&counted));
        assert!(matches!(ends, Err(Error::Deadlock(_))));
        assert_eq!(*counted.try_lock().expect("unlocked when the failed run was dropped"), 1);
        let raced = Mutex::new(0);
        let _ = catch_unwind(AssertUnwindSafe(|| Schedule::new(()).run(program(&raced))));
        assert!(raced.try_lock().is_some());
    }

    #[test]
    fn serves_run_after_run_and_schedule_after_schedule() {
        #[corio::task]
        fn adds(mutex: &Mutex<u64>) {
            let mut locked = call!(mutex.lock());
            io!(double(1));
            *locked += 1;
        }

        #[corio::task]
        fn program(mutex: &Mutex<u64>) {
            join!(adds(mutex), adds(mutex), adds(mutex));
        }

        let mutex = Mutex::new(0);
        let (mut first, mut second) = (Schedule::new(()), Schedule::new(()));
        for _ in 0..3 {
            first.run(program(&mutex)).unwrap();
            second.run(program(&mutex)).unwrap();
            *mutex.try_lock().unwrap() += 1;
        }
        assert_eq!(mutex.into_inner(), 21);
    }

    #[test]
    fn locked_in_one_run_and_asked_for_in_another_says_so() {
        #[corio::task]
        fn locks(mutex: &Mutex<u64>) {
            *call!(mutex.lock()) += 1;
        }

        #[corio::task]
        fn outer(mutex: &Mutex<u64>) -> String {
            let _locked = call!(mutex.lock());
            io!(double(1));
            message(|| Schedule::new(()).run(locks(mutex)).is_ok())
        }

        let mutex = Mutex::new(0);
        assert_eq!(
            run(outer(&mutex)),
            "corio: this mutex is locked in another run; a lock belongs to one run at a time"
        );
        // A run that never ends in time, because nobody polls it any more.
        let mut schedule = Schedule::new(());
        let holds = task_fn(async |cx: Cx<'_, ()>| {
            let mut locked = mutex.lock().await;
            *locked += cx.io(gated(1)).await;
        });
        let mut pending = schedule.run_async(holds);
        assert!(poll(&mut pending).is_pending());
        assert_eq!(
            message(|| Schedule::new(()).run(locks(&mutex)).is_ok()),
            "corio: this mutex is locked in another run; a lock belongs to one run at a time"
        );
        set_open(true);
        assert_eq!(poll(&mut pending), Poll::Ready(Ok(())));
        set_open(false);
        drop(pending);
        run(locks(&mutex));
        assert_eq!(mutex.into_inner(), 2);
    }

    #[test]
    fn free_in_one_run_can_be_used_in_an_inner_one() {
        #[corio::task]
        fn locks(mutex: &Mutex<u64>) {
            let mut locked = call!(mutex.lock());
            io!(double(1));
            *locked += 1;
        }

        #[corio::task]
        fn outer(mutex: &Mutex<u64>) {
            call!(locks(mutex));
            Schedule::new(()).run(locks(mutex)).unwrap();
            call!(locks(mutex));
        }

        let mutex = Mutex::new(0);
        run(outer(&mutex));
        assert_eq!(mutex.into_inner(), 3);
    }

    #[test]
    fn unlocked_outside_its_run_goes_to_the_next_that_waits() {
        #[corio::task]
        fn program<'m>(mutex: &'m Mutex<u64>, outside: &sync::Mutex<Option<MutexGuard<'m, u64>>>) {
            let locked = call!(mutex.lock());
            outside.lock().unwrap().replace(locked);
            join!(
                task!({
                    *call!(mutex.lock()) += 1;
                }),
                gated(1)
            );
        }

        let (mutex, outside) = (Mutex::new(0), sync::Mutex::new(None));
        let mut schedule = Schedule::new(());
        let mut run = schedule.run_async(program(&mutex, &outside));
        assert!(poll(&mut run).is_pending());
        drop(outside.lock().unwrap().take());
        set_open(true);
        assert_eq!(poll(&mut run), Poll::Ready(Ok(())));
        set_open(false);
    }

    #[test]
    fn unlocked_in_an_inner_run_goes_to_the_next_that_waits() {
        #[corio::task(())]
        fn holds(mutex: &Mutex<u64>) {
            let locked = call!(mutex.lock());
            io!(double(1));
            Schedule::new(()).run(task_fn(async move |_: Cx<'_, ()>| drop(locked))).unwrap();
        }

        #[corio::task(())]
        fn program(mutex: &Mutex<u64>) {
            join!(
                holds(mutex),
                task!({
                    *call!(mutex.lock()) += 1;
                })
            );
        }

        let mutex = Mutex::new(0);
        assert_eq!(Schedule::new(()).run(program(&mutex)), Ok(()));
        assert_eq!(mutex.into_inner(), 1);
    }

    #[test]
    fn a_wait_that_moves_to_another_task_wakes_that_one() {
        let mutex: Arc<Mutex<u64>> = Arc::new(Mutex::new(0));
        let waits: Arc<sync::Mutex<Option<Waiting>>> = Arc::default();

        type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

        async fn adds(mutex: Arc<Mutex<u64>>) {
            *mutex.lock().await += 1;
        }

        let begins = |waits: Arc<sync::Mutex<Option<Waiting>>>, mutex: Arc<Mutex<u64>>| {
            task_fn(async move |cx: Cx<'_, ()>| {
                let mut waiting: Waiting = Box::pin(adds(mutex));
                assert!(
                    poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_pending()))
                        .await
                );
                waits.lock().unwrap().replace(waiting);
                for key in 0..5 {
                    cx.io(double(key)).await;
                }
            })
        };
        let ends = |waits: Arc<sync::Mutex<Option<Waiting>>>| {
            task_fn(async move |cx: Cx<'_, ()>| {
                cx.io(double(1)).await;
                let waiting = waits.lock().unwrap().take().unwrap();
                waiting.await;
            })
        };
        let program = task_fn(async |cx: Cx<'_, ()>| {
            let locked = mutex.lock().await;
            cx.spawn(begins(waits.clone(), mutex.clone()));
            cx.spawn(ends(waits.clone()));
            cx.io(double(1)).await;
            cx.io(double(2)).await;
            drop(locked);
        });
        assert_eq!(Schedule::new(()).run(program), Ok(()));
        assert_eq!(*mutex.try_lock().unwrap(), 1);
    }

    #[test]
    fn awaited_in_a_dispatcher_never_hangs() {
        #[corio::dispatcher]
        async fn locking(mutex: &Mutex<u64>, keys: &[u64]) -> Vec<u64> {
            let locked = mutex.lock().await;
            keys.iter().map(|key| key + *locked).collect()
        }

        #[corio::task(Mutex<u64>)]
        fn holds() {
            let locked = call!(context!().lock());
            io!(double(1));
            io!(double(2));
            drop(locked);
        }

        #[corio::task(Mutex<u64>)]
        fn program() {
            join!(holds(), locking(1));
        }

        struct Woken(AtomicUsize);

        impl Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }

        // Locked or refused with a panic: but a run that is pending, with nobody left to wake it,
        // would hang.
        let context = Mutex::new(1);
        let mut schedule = Schedule::new(&context);
        let mut run = schedule.run_async(program());
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let waker = Waker::from(woken.clone());
        let ended = catch_unwind(AssertUnwindSafe(|| {
            loop {
                woken.0.store(0, Ordering::Relaxed);
                if Pin::new(&mut run).poll(&mut Context::from_waker(&waker)).is_ready() {
                    return true;
                }
                if woken.0.load(Ordering::Relaxed) == 0 {
                    return false;
                }
            }
        }));
        assert!(ended.unwrap_or(true), "the run is pending, and nobody wakes it");
    }

    #[test]
    fn awaited_outside_a_run_says_so() {
        let mutex = Mutex::new(0);
        assert_eq!(
            message(|| poll(&mut Box::pin(mutex.lock())).is_ready()),
            "corio: this only works in a task, while its schedule runs it"
        );
        assert!(mutex.try_lock().is_some());
    }

    #[test]
    fn shows_its_value_unless_it_is_locked() {
        let mutex = Mutex::new(7);
        assert_eq!(format!("{mutex:?}"), "Mutex(7)");
        let locked = mutex.try_lock().unwrap();
        assert_eq!(format!("{mutex:?} {locked:?}"), "Mutex(<locked>) 7");
    }
}

mod a_wait_group {
    use super::*;

    #[corio::task]
    fn waits(group: &WaitGroup, woken: &Number) {
        call!(group.wait());
        woken.add(1);
    }

    #[corio::task]
    fn works(group: &WaitGroup, requests: u64) {
        for key in 0..requests {
            io!(double(key));
        }
        group.done();
    }

    #[test]
    fn with_nothing_left_costs_no_round() {
        #[corio::task]
        fn program(group: &WaitGroup) {
            call!(group.wait());
            group.add(1);
            group.done();
            call!(group.wait());
        }

        run(program(&WaitGroup::new()));
    }

    #[test]
    fn wakes_those_who_came_before_the_last_is_done_and_holds_nobody_after() {
        #[corio::task]
        fn late(group: &WaitGroup, woken: &Number) {
            for key in 0..5 {
                io!(double(key));
            }
            call!(waits(group, woken));
        }

        #[corio::task]
        fn program(group: &WaitGroup, woken: &Number) {
            group.add(2);
            join!(
                waits(group, woken),
                waits(group, woken),
                works(group, 1),
                works(group, 3),
                late(group, woken)
            );
        }

        let woken = Number::default();
        run(program(&WaitGroup::new(), &woken));
        assert_eq!(woken.get(), 3);
    }

    #[test]
    fn a_wait_group_used_twice_holds_the_waiter_both_times() {
        #[corio::task]
        fn program(group: &WaitGroup, woken: &Number) {
            for round in 1..=4 {
                group.add(3);
                join!(works(group, 1), waits(group, woken), works(group, 2), works(group, 3));
                assert_eq!(woken.get(), round);
            }
        }

        let (group, woken) = (WaitGroup::new(), Number::default());
        let mut schedule = Schedule::new(());
        for _ in 0..3 {
            woken.set(0);
            schedule.run(program(&group, &woken)).unwrap();
        }
    }

    #[test]
    fn holds_on_while_more_is_added() {
        #[corio::task]
        fn adds_more(group: &WaitGroup, woken: &Number) {
            group.add(1);
            io!(double(1));
            group.add(1);
            group.done();
            io!(double(2));
            assert_eq!(woken.get(), 0);
            group.done();
        }

        #[corio::task]
        fn program(group: &WaitGroup, woken: &Number) {
            join!(adds_more(group, woken), waits(group, woken));
            assert_eq!(woken.get(), 1);
        }

        run(program(&WaitGroup::new(), &Number::default()));
    }

    #[test]
    fn lets_go_who_waited_although_a_new_round_began_before_it_ran() {
        #[corio::task]
        fn next_round(group: &WaitGroup) {
            group.add(1);
            io!(double(1));
            group.done();
            group.add(1);
        }

        #[corio::task]
        fn program(group: &WaitGroup, woken: &Number) {
            join!(next_round(group), waits(group, woken));
            assert_eq!(woken.get(), 1);
        }

        run(program(&WaitGroup::new(), &Number::default()));
    }

    #[test]
    fn done_too_often_says_so() {
        #[corio::task]
        fn program(group: &WaitGroup) {
            group.add(1);
            group.done();
            group.done();
        }

        let said = "corio: `done` was called more often than things were added";
        assert_eq!(message(|| WaitGroup::new().done()), said);
        let mut schedule = Schedule::new(());
        assert_eq!(message(|| schedule.run(program(&WaitGroup::new())).is_ok()), said);
        assert_eq!(schedule.run(double(2)), Ok(4));
    }

    #[test]
    fn added_too_much_says_so() {
        let group = WaitGroup::new();
        group.add(usize::MAX);
        assert_eq!(message(|| group.add(1)), "corio: more things to wait for than fit in a usize");
    }

    #[test]
    fn may_be_used_in_the_run_after_one_that_waited_for_it_in_vain() {
        #[corio::task]
        fn program(group: &WaitGroup, woken: &Number) {
            join!(works(group, 1), waits(group, woken));
        }

        let (group, woken) = (WaitGroup::new(), Number::default());
        group.add(1);
        let mut schedule = Schedule::new(());
        assert!(matches!(schedule.run(waits(&group, &woken)), Err(Error::Deadlock(_))));
        assert_eq!(schedule.run(program(&group, &woken)), Ok(()));
        assert_eq!(woken.get(), 1);
    }

    #[test]
    fn may_be_used_in_the_run_after_one_that_stopped_waiting_for_it() {
        #[corio::task]
        fn impatient(group: &WaitGroup, woken: &Number) {
            race!(
                waits(group, woken),
                task!({
                    io!(double(1));
                })
            );
        }

        let (group, woken) = (WaitGroup::new(), Number::default());
        group.add(1);
        let mut schedule = Schedule::new(());
        for _ in 0..3 {
            assert_eq!(schedule.run(impatient(&group, &woken)), Ok(()));
        }
        assert_eq!(woken.get(), 0);
    }

    #[test]
    fn for_which_another_run_waits_says_so() {
        #[corio::task]
        fn outer(group: &WaitGroup) -> String {
            group.add(1);
            let woken = Number::default();
            let (said, _) = join!(task!({ call!(inner(group)) }), waits(group, &woken));
            said
        }

        #[corio::task]
        fn inner(group: &WaitGroup) -> String {
            io!(double(1));
            let said = message(|| Schedule::new(()).run(waits(group, &Number::default())).is_ok());
            group.done();
            said
        }

        assert_eq!(
            run(outer(&WaitGroup::new())),
            "corio: tasks of another run wait for this group; a group belongs to one run at a time"
        );
    }

    #[test]
    fn done_outside_the_run_wakes_those_who_wait() {
        #[corio::task]
        fn program(group: &WaitGroup, woken: &Number) {
            join!(waits(group, woken), gated(1));
        }

        let (group, woken) = (WaitGroup::new(), Number::default());
        group.add(1);
        let mut schedule = Schedule::new(());
        let mut run = schedule.run_async(program(&group, &woken));
        assert!(poll(&mut run).is_pending());
        group.done();
        set_open(true);
        assert_eq!(poll(&mut run), Poll::Ready(Ok(())));
        set_open(false);
        assert_eq!(woken.get(), 1);
    }

    #[test]
    fn done_in_an_inner_run_wakes_those_who_wait() {
        #[corio::task]
        fn program(group: &WaitGroup, woken: &Number) {
            group.add(1);
            join!(
                waits(group, woken),
                task!({
                    io!(double(1));
                    Schedule::new(()).run(works(group, 1)).unwrap();
                })
            );
        }

        let woken = Number::default();
        assert_eq!(Schedule::new(()).run(program(&WaitGroup::new(), &woken)), Ok(()));
        assert_eq!(woken.get(), 1);
    }
}
