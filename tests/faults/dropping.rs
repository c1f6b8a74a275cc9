//! What is dropped half-way: runs, the losers of a race, handles, waiters. Destructors run at once,
//! what was asked is withdrawn or its answer thrown away, and everything else goes on. What is
//! forgotten instead is in `forgotten.rs`.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

use corio::sync::{Mutex, WaitGroup};
use corio::{Batch, Cx, JoinHandle, Log, Schedule, Slot, Task, task_fn};
use expect_test::expect;
use support::{Counted, Counts, FOR_EVER, double, gated, healthy, rounds, set_open};

thread_local! {
    /// What `kept` was asked, answered by the test.
    static SLOTS: RefCell<Vec<Slot<u64, u64>>> = const { RefCell::new(Vec::new()) };
}

#[corio::dispatcher(show_keys)]
fn kept(batch: Batch<u64, u64>) {
    SLOTS.with_borrow_mut(|slots| slots.extend(batch));
}

fn answer_kept() {
    for slot in SLOTS.take() {
        slot.answer_with(|key| key);
    }
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

mod a_run {
    use super::*;

    #[corio::task]
    fn waits(counts: Counts, _argument: Counted) {
        let _local = counts.one();
        all!((0..3).map(|key| child(&counts, key)));
    }

    #[corio::task]
    fn child(counts: &Counts, key: u64) {
        let _local = counts.one();
        spawn!(grandchild(counts.one()));
        io!(gated(key));
        io!(double(key));
    }

    #[corio::task]
    fn grandchild(_argument: Counted) {
        io!(kept(7));
    }

    #[test]
    fn before_its_first_poll() {
        let counts = Counts::default();
        let log = Log::new();
        let mut schedule = Schedule::new(()).observe(log.observer());
        drop(schedule.run_async(waits(counts.clone(), counts.one())));
        counts.check_built(1);
        assert_eq!(log.take(), "");
        assert_eq!(schedule.run(healthy()), Ok(10));
    }

    #[test]
    fn with_batches_in_flight() {
        let counts = Counts::default();
        let mut schedule = Schedule::new(());
        for _ in 0..3 {
            let before = counts.built();
            let mut run = schedule.run_async(waits(counts.clone(), counts.one()));
            assert!(poll(&mut run).is_pending());
            assert_eq!(counts.alive(), 8);
            drop(run);
            counts.check_built(before + 8);
            assert_eq!(schedule.run(healthy()), Ok(10));
        }
        // The batches of those runs are over; waking their futures or answering their slots does
        // nothing to the next run.
        set_open(true);
        answer_kept();
        assert_eq!(schedule.run(healthy()), Ok(10));
        let mut run = schedule.run_async(waits(counts.clone(), counts.one()));
        assert!(poll(&mut run).is_pending(), "the new slots are not answered");
        answer_kept();
        assert_eq!(poll(&mut run), Poll::Ready(Ok(())));
        set_open(false);
    }

    #[test]
    fn with_requests_queued() {
        // The first task is pending, in a way that corio knows nothing of, before anything could
        // leave: so the run ends with requests in the queue.
        #[corio::task(())]
        fn program(counts: Counts) {
            spawn!(child_of_its_own(counts.one()));
            spawn!(task_fn(async |_: Cx<'_, ()>| std::future::pending::<()>().await));
        }

        #[corio::task]
        fn child_of_its_own(_argument: Counted) {
            io!(double(8));
        }

        let counts = Counts::default();
        let log = Log::new();
        let mut schedule = Schedule::new(()).observe(log.observer());
        assert!(schedule.run(program(counts.clone())).is_err());
        counts.check_built(1);
        assert_eq!(schedule.run(healthy()), Ok(10));
        expect![[r#"
            round 1: double[1]
            round 2: double[0, 1, 2]
            round 3: double[2]
        "#]]
        .assert_eq(&log.to_string());
    }

    #[test]
    fn with_slots_on_another_thread_that_are_answered_later() {
        #[corio::dispatcher]
        fn elsewhere(sender: &mpsc::Sender<Batch<u64, u64>>, batch: Batch<u64, u64>) {
            sender.send(batch).unwrap();
        }

        #[corio::task(mpsc::Sender<Batch<u64, u64>>)]
        fn asks(keys: std::ops::Range<u64>) -> Vec<u64> {
            io_all!(keys.map(elsewhere))
        }

        let (sender, receiver) = mpsc::channel();
        let mut schedule = Schedule::new(&sender);
        let mut run = schedule.run_async(asks(0..3));
        assert!(poll(&mut run).is_pending());
        drop(run);

        // The next run asks the same dispatcher, and both batches are answered on the other thread:
        // the late one first, half of it by being dropped.
        let answering = thread::spawn(move || {
            let late: Batch<u64, u64> = receiver.recv().unwrap();
            let batch: Batch<u64, u64> = receiver.recv().unwrap();
            for (position, slot) in late.into_iter().enumerate() {
                if position > 0 {
                    slot.answer(99);
                }
            }
            for slot in batch {
                slot.answer_with(|key| key);
            }
        });
        assert_eq!(schedule.run(asks(10..13)), Ok(vec![10, 11, 12]));
        answering.join().unwrap();
    }

    #[test]
    fn whose_waker_is_woken_after_its_end() {
        let mut schedule = Schedule::new(());
        let mut run = schedule.run_async(gated(1));
        assert!(poll(&mut run).is_pending());
        drop(run);
        let late = support::take_wakers();
        let mut run = schedule.run_async(gated(2));
        assert!(poll(&mut run).is_pending());
        // The future of the second run has the number of the first one's.
        for _ in 0..3 {
            late.iter().for_each(Waker::wake_by_ref);
            assert!(poll(&mut run).is_pending());
        }
        set_open(true);
        assert_eq!(poll(&mut run), Poll::Ready(Ok(2)));
        set_open(false);
    }

    #[test]
    fn in_the_task_of_another() {
        let counts = Counts::default();
        let mut inner = Schedule::new(());
        let program = task_fn(async |cx: Cx<'_, ()>| {
            let first = cx.io(double(1)).await;
            let mut run = inner.run_async(waits(counts.clone(), counts.one()));
            assert!(poll(&mut run).is_pending());
            let second = cx.io(double(2)).await;
            drop(run);
            first + second + cx.io(double(3)).await
        });
        assert_eq!(Schedule::new(()).run(program), Ok(12));
        counts.check_built(8);
        assert_eq!(inner.run(healthy()), Ok(10));
    }
}

mod the_losers_of_a_race {
    use super::*;

    #[test]
    fn are_dropped_at_once_and_their_requests_withdrawn() {
        #[corio::task]
        fn loser(counts: &Counts, key: u64) {
            let _local = counts.one();
            io!(double(key));
            unreachable!("the winner needs no answer");
        }

        #[corio::task]
        fn program(counts: Counts) {
            race!(loser(&counts, 1), loser(&counts, 2), task!({}));
            assert_eq!((counts.built(), counts.alive()), (2, 0));
            io!(double(3));
        }

        let log = Log::new();
        Schedule::new(()).observe(log.observer()).run(program(Counts::default())).unwrap();
        assert_eq!(log.to_string(), "round 1: double[3]\n");
    }

    #[test]
    fn take_what_they_spawned_with_them() {
        #[corio::task]
        fn loser(counts: Counts) {
            let _local = counts.one();
            spawn!(grandchild(counts.clone()));
            call!(grandchild(counts));
        }

        #[corio::task]
        fn grandchild(counts: Counts) {
            let _local = counts.one();
            io!(kept(1));
        }

        #[corio::task]
        fn program(counts: Counts) {
            race!(
                loser(counts.clone()),
                loser(counts.clone()),
                task!({
                    io!(double(1));
                })
            );
            counts.check_built(6);
            io!(double(2));
        }

        Schedule::new(()).run(program(Counts::default())).unwrap();
        SLOTS.take();
    }

    #[test]
    fn get_no_late_answer() {
        thread_local! {
            static ANSWERS: RefCell<Vec<Counted>> = const { RefCell::new(Vec::new()) };
        }

        #[corio::dispatcher]
        fn counted(batch: Batch<Counted, Counted>) {
            for slot in batch {
                slot.answer_with(|key| key);
            }
        }

        #[corio::task]
        fn asks(counts: &Counts) {
            let answer = io!(counted(counts.one()));
            ANSWERS.with_borrow_mut(|answers| answers.push(answer));
        }

        #[corio::task]
        fn asks_twice(counts: &Counts) {
            call!(asks(counts));
            unreachable!("lost by then");
        }

        // The answers of all three arrive together, and the first who takes his wins.
        #[corio::task]
        fn program(counts: Counts) {
            race!(asks(&counts), asks_twice(&counts), asks(&counts));
            assert_eq!(ANSWERS.take().len(), 1);
            counts.check_built(3);
            let answer = io!(double(1));
            assert_eq!(answer, 2);
        }

        let counts = Counts::default();
        Schedule::new(()).run(program(counts.clone())).unwrap();
        counts.check_built(3);
    }

    #[test]
    fn do_not_mix_up_the_answers_of_those_who_take_their_places() {
        // Whoever comes next gets the memory, the index and the queue of those that were dropped
        // while their answers were away.
        #[corio::task]
        fn program() {
            race!(kept(1), kept(2), task!({ io!(double(1)) }));
            let two = join!(kept(3), kept(4), double(5));
            assert_eq!(two, (3, 4, 10));
        }

        let mut schedule = Schedule::new(());
        let mut run = schedule.run_async(program());
        assert!(poll(&mut run).is_pending());
        let mut slots = SLOTS.take();
        assert_eq!(slots.iter().map(Slot::key).copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
        let new = slots.split_off(2);
        for late in slots {
            late.answer(99);
        }
        assert!(poll(&mut run).is_pending());
        for slot in new {
            slot.answer_with(|key| key);
        }
        assert_eq!(poll(&mut run), Poll::Ready(Ok(())));
    }

    #[test]
    fn may_share_a_batch_with_those_who_stay() {
        #[corio::dispatcher(show_keys, dedup)]
        fn shared(keys: &[u64]) -> Vec<u64> {
            keys.to_vec()
        }

        #[corio::task]
        fn program() {
            let stays = spawn!(shared(1));
            race!(
                shared(1),
                shared(2),
                task!({
                    call!(task!({}));
                    0
                })
            );
            assert_eq!(call!(stays), 1);
        }

        let log = Log::new();
        Schedule::new(()).observe(log.observer()).run(program()).unwrap();
        assert_eq!(log.to_string(), "round 1: shared[1]\n");
    }

    #[test]
    fn run_all_destructors_though_one_unlocks_and_one_counts_down() {
        struct CountsDown<'a>(&'a WaitGroup);

        impl Drop for CountsDown<'_> {
            fn drop(&mut self) {
                self.0.done();
            }
        }

        #[corio::task]
        fn loser(mutex: &Mutex<u64>, group: &WaitGroup) {
            let _down = CountsDown(group);
            let _locked = call!(mutex.lock());
            io!(kept(1));
        }

        #[corio::task]
        fn waits(mutex: &Mutex<u64>, group: &WaitGroup) -> u64 {
            call!(group.wait());
            *call!(mutex.lock()) + io!(double(1))
        }

        #[corio::task]
        fn races(mutex: &Mutex<u64>, group: &WaitGroup) {
            race!(
                loser(mutex, group),
                loser(mutex, group),
                task!({
                    io!(double(1));
                })
            );
        }

        #[corio::task]
        fn program() {
            let (mutex, group) = (Mutex::new(40), WaitGroup::new());
            group.add(2);
            let (_, value) = join!(races(&mutex, &group), waits(&mutex, &group));
            assert_eq!(value, 42);
        }

        Schedule::new(()).run(program()).unwrap();
        SLOTS.take();
    }
}

mod the_first_error {
    use super::*;

    #[corio::task]
    fn fails_at(key: u64, counts: &Counts) -> Result<Counted, u64> {
        let local = counts.one();
        for round in 0..10 {
            if io!(double(round)) == key {
                return Err(key);
            }
        }
        Ok(local)
    }

    #[test]
    fn of_try_all_drops_the_rest() {
        #[corio::task]
        fn program(counts: Counts) {
            let failed = try_all!([99, 8, 4, 99, 4].map(|key| fails_at(key, &counts))).err();
            assert_eq!(failed, Some(4));
            counts.check_built(5);
            let all = try_all!([99, 99].map(|key| fails_at(key, &counts))).unwrap();
            assert_eq!((all.len(), counts.alive()), (2, 2));
        }

        let log = Log::new();
        Schedule::new(()).observe(log.observer()).run(program(Counts::default())).unwrap();
        // The two behind the failed one have their third answers by then, and get no further.
        expect![[r#"
            round 1: double[0, 0, 0, 0, 0]
            round 2: double[1, 1, 1, 1, 1]
            round 3: double[2, 2, 2, 2, 2]
        "#]]
        .assert_eq(&log.take().lines().take(3).map(|line| format!("{line}\n")).collect::<String>());
    }

    #[test]
    fn of_try_join_drops_the_rest_and_what_is_ready() {
        #[corio::task]
        fn quick(counts: &Counts) -> Result<Counted, u64> {
            Ok(counts.one())
        }

        #[corio::task]
        fn program(counts: Counts) {
            let failed = try_join!(
                fails_at(99, &counts),
                quick(&counts),
                fails_at(2, &counts),
                quick(&counts)
            )
            .err();
            assert_eq!(failed, Some(2));
            counts.check_built(4);
        }

        Schedule::new(()).run(program(Counts::default())).unwrap();
    }

    #[test]
    fn counts_although_its_task_still_waits_for_a_child() {
        #[corio::task]
        fn fails_with_a_child() -> Result<(), u64> {
            spawn!(task!({
                io!(double(io!(double(1))));
            }));
            Err(1)
        }

        #[corio::task]
        fn fails_later() -> Result<(), u64> {
            io!(double(1));
            Err(2)
        }

        #[corio::task]
        fn program() {
            assert_eq!(try_join!(fails_later(), fails_with_a_child(), fails_later()), Err(1));
        }

        Schedule::new(()).run(program()).unwrap();
    }
}

mod a_handle {
    use super::*;

    #[corio::task]
    fn gives(counts: Counts) -> Counted {
        io!(double(1));
        counts.one()
    }

    #[test]
    fn dropped_lets_its_task_go_on_and_drops_the_result() {
        #[corio::task]
        fn program(counts: Counts) {
            drop(spawn!(gives(counts.clone())));
            let late = spawn!(gives(counts.clone()));
            wait!();
            assert_eq!((counts.built(), counts.alive()), (2, 1));
            drop(late);
            counts.check_built(2);
        }

        Schedule::new(()).run(program(Counts::default())).unwrap();
    }

    #[test]
    fn kept_beyond_its_run_is_of_no_use_and_does_no_harm() {
        #[corio::task]
        fn program(counts: Counts) -> JoinHandle<Counted> {
            spawn!(gives(counts))
        }

        let counts = Counts::default();
        let mut schedule = Schedule::new(());
        let kept = schedule.run(program(counts.clone())).unwrap();
        let other = schedule.run(program(counts.clone())).unwrap();
        counts.check_built(2);
        // Dropped in a later run, where its id may be that of another task.
        let task = task_fn(async |cx: Cx<'_, ()>| {
            let handle = cx.spawn(healthy());
            drop(kept);
            cx.call(handle).await
        });
        assert_eq!(schedule.run(task), Ok(10));
        drop(other);
        assert_eq!(schedule.run(healthy()), Ok(10));
    }

    #[test]
    fn used_in_another_run_is_a_panic_that_says_so() {
        #[corio::task]
        fn program(counts: Counts) -> JoinHandle<Counted> {
            spawn!(gives(counts))
        }

        #[corio::task]
        fn uses(handle: JoinHandle<Counted>) {
            io!(double(1));
            call!(handle);
        }

        #[track_caller]
        fn check(mut schedule: Schedule<()>, task: impl Task<()>) {
            let payload =
                catch_unwind(AssertUnwindSafe(|| schedule.run(task).is_ok())).unwrap_err();
            let message = payload
                .downcast_ref::<String>()
                .map(String::as_str)
                .or(payload.downcast_ref::<&str>().copied())
                .unwrap();
            assert!(
                message.contains(
                    "corio: a handle can only be called in the run that its task was spawned in"
                ),
                "{message}"
            );
            assert_eq!(schedule.run(healthy()), Ok(10));
        }

        let mut schedule = Schedule::new(());
        let handle = schedule.run(program(Counts::default())).unwrap();
        check(schedule, uses(handle));
        let handle = Schedule::new(()).run(program(Counts::default())).unwrap();
        check(Schedule::new(()), uses(handle));
        let inner = task_fn(async |cx: Cx<'_, ()>| {
            let handle = cx.spawn(gives(Counts::default()));
            let _ = Schedule::new(()).run(uses(handle));
        });
        check(Schedule::new(()), inner);
    }

    #[test]
    fn whose_task_was_dropped_with_the_loser_that_spawned_it_is_a_panic_that_says_so() {
        #[corio::task]
        fn loser(slot: Rc<RefCell<Option<JoinHandle<Counted>>>>) {
            slot.replace(Some(spawn!(gives(Counts::default()))));
            io!(kept(1));
        }

        #[corio::task]
        fn program() {
            let slot = Rc::default();
            race!(
                loser(Rc::clone(&slot)),
                task!({
                    call!(task!({}));
                }),
                task!({})
            );
            call!(slot.take().unwrap());
        }

        let mut schedule = Schedule::new(());
        let payload =
            catch_unwind(AssertUnwindSafe(|| schedule.run(program()).is_ok())).unwrap_err();
        assert_eq!(
            payload.downcast_ref::<String>().unwrap(),
            "corio: the task of this handle was dropped before it ended"
        );
        assert_eq!(schedule.run(healthy()), Ok(10));
    }

    /// The loser's child is gone while another waits for its end: whoever waits hears of it, and
    /// does so while others still run.
    #[test]
    fn whose_task_is_dropped_while_another_waits_for_it_is_a_panic_that_says_so() {
        #[corio::task]
        fn loser(slot: Rc<RefCell<Option<JoinHandle<Counted>>>>) {
            slot.replace(Some(spawn!(task!({
                call!(rounds(FOR_EVER));
                Counts::default().one()
            }))));
            call!(rounds(FOR_EVER));
        }

        #[corio::task]
        fn waits(slot: Rc<RefCell<Option<JoinHandle<Counted>>>>) {
            call!(rounds(1));
            let handle = slot.take().unwrap();
            call!(handle);
        }

        #[corio::task]
        fn goes_on(counted: Rc<Cell<u64>>) {
            for round in 0..20 {
                io!(double(round));
                counted.set(round);
            }
        }

        #[corio::task]
        fn program(counted: Rc<Cell<u64>>) {
            let slot = Rc::default();
            spawn!(goes_on(counted));
            spawn!(waits(Rc::clone(&slot)));
            race!(loser(slot), rounds(3));
        }

        let counted = Rc::new(Cell::new(0));
        let mut schedule = Schedule::new(());
        let payload =
            catch_unwind(AssertUnwindSafe(|| schedule.run(program(Rc::clone(&counted))).is_ok()))
                .unwrap_err();
        assert_eq!(
            payload.downcast_ref::<String>().unwrap(),
            "corio: the task of this handle was dropped before it ended"
        );
        assert!(
            counted.get() < 10,
            "it hears of it only when nothing else runs, after {counted:?}"
        );
        assert_eq!(schedule.run(healthy()), Ok(10));
    }

    #[test]
    fn on_which_a_loser_waits_does_not_wake_another_in_its_place() {
        #[corio::task]
        fn slow(group: Rc<WaitGroup>) {
            call!(group.wait());
        }

        #[corio::task]
        fn waits_for(handle: JoinHandle<()>) {
            call!(handle);
        }

        #[corio::task]
        fn program() -> u64 {
            let group = Rc::new(WaitGroup::new());
            group.add(1);
            race!(
                waits_for(spawn!(slow(group.clone()))),
                task!({
                    io!(double(1));
                })
            );
            group.done();
            let mut sum = 0;
            for key in 0..10 {
                sum += call!(spawn!(double(key)));
            }
            sum
        }

        assert_eq!(Schedule::new(()).run(program()), Ok(90));
    }
}

mod one_who_waits_for_a_lock {
    use super::*;

    #[corio::task]
    fn locks(mutex: &Mutex<Vec<u64>>, name: u64) {
        call!(mutex.lock()).push(name);
    }

    #[test]
    fn leaves_the_queue() {
        #[corio::task]
        fn impatient(mutex: &Mutex<Vec<u64>>) {
            race!(
                locks(mutex, 1),
                locks(mutex, 2),
                task!({
                    io!(double(1));
                })
            );
        }

        #[corio::task]
        fn holds(mutex: &Mutex<Vec<u64>>) {
            let _locked = call!(mutex.lock());
            for key in 0..3 {
                io!(double(key));
            }
        }

        #[corio::task]
        fn program(mutex: &Mutex<Vec<u64>>) {
            join!(holds(mutex), impatient(mutex), locks(mutex, 3), locks(mutex, 4));
        }

        let mutex = Mutex::new(Vec::new());
        Schedule::new(()).run(program(&mutex)).unwrap();
        assert_eq!(mutex.into_inner(), [3, 4]);
    }

    #[test]
    fn passes_a_lock_on_that_was_handed_over_and_not_taken() {
        // The holder unlocks while the waiter's rival is on its way already: both are woken in the
        // same phase, and the rival runs first.
        #[corio::task]
        fn holds(mutex: &Mutex<Vec<u64>>) {
            let locked = call!(mutex.lock());
            io!(double(1));
            drop(locked);
        }

        #[corio::task]
        fn rival() {
            io!(double(2));
        }

        #[corio::task]
        fn impatient(mutex: &Mutex<Vec<u64>>) {
            race!(locks(mutex, 1), rival());
            mutex_is_locked(mutex);
        }

        fn mutex_is_locked(mutex: &Mutex<Vec<u64>>) {
            assert!(mutex.try_lock().is_none(), "passed on to the next that waits, not freed");
        }

        #[corio::task]
        fn program(mutex: &Mutex<Vec<u64>>) {
            join!(holds(mutex), impatient(mutex), locks(mutex, 2), locks(mutex, 3));
        }

        let mutex = Mutex::new(Vec::new());
        Schedule::new(()).run(program(&mutex)).unwrap();
        let order = mutex.into_inner();
        assert!(order == [2, 3] || order == [1, 2, 3], "{order:?}");
        assert_eq!(order, [2, 3], "the rival was to win, or this shows nothing");
    }

    #[test]
    fn and_leaves_by_the_error_of_its_run() {
        #[corio::task]
        fn program(mutex: &Mutex<Vec<u64>>) {
            let _locked = call!(mutex.lock());
            all!((0..10).map(|name| locks(mutex, name)));
        }

        let mutex = Mutex::new(Vec::new());
        let mut schedule = Schedule::new(());
        assert!(schedule.run(program(&mutex)).is_err());
        schedule.run(locks(&mutex, 1)).unwrap();
        assert_eq!(mutex.into_inner(), [1]);
    }

    #[test]
    fn by_hand_leaves_the_queue() {
        let mutex: Mutex<u64> = Mutex::new(0);
        let task = task_fn(async |cx: Cx<'_, ()>| {
            let locked = mutex.lock().await;
            for _ in 0..3 {
                let mut waits = Box::pin(mutex.lock());
                assert!(
                    poll_fn(|context| Poll::Ready(waits.as_mut().poll(context).is_pending())).await
                );
            }
            drop(locked);
            cx.io(double(1)).await;
            *mutex.lock().await += 1;
        });
        Schedule::new(()).run(task).unwrap();
        assert_eq!(mutex.into_inner(), 1);
    }
}

mod one_who_waits_by_hand {
    use super::*;

    /// Polls a future once, inside a task.
    async fn once<F: Future>(future: &mut Pin<Box<F>>) -> Option<F::Output> {
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    #[test]
    fn for_its_children_may_stop_waiting_and_return() {
        let task = task_fn(async |cx: Cx<'_, ()>| {
            cx.spawn(healthy());
            let mut waits = Box::pin(cx.wait());
            assert!(once(&mut waits).await.is_none());
        });
        assert_eq!(Schedule::new(()).run(task), Ok(()));
    }

    #[test]
    fn for_its_children_may_do_so_beside_a_request() {
        #[track_caller]
        fn check(wait_first: bool) {
            let task = task_fn(async |cx: Cx<'_, ()>| {
                cx.spawn(double(1));
                let (mut waits, mut asks) = (Box::pin(cx.wait()), Box::pin(cx.io(double(2))));
                let (mut waited, mut answer) = (false, None);
                poll_fn(|context| {
                    for wait_now in [wait_first, !wait_first] {
                        if wait_now {
                            waited = waited || waits.as_mut().poll(context).is_ready();
                        } else {
                            answer = answer.or_else(|| match asks.as_mut().poll(context) {
                                Poll::Ready(four) => Some(four),
                                Poll::Pending => None,
                            });
                        }
                    }
                    if waited && answer.is_some() { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                answer
            });
            assert_eq!(Schedule::new(()).run(task), Ok(Some(4)));
        }

        check(false);
        check(true);
    }

    #[test]
    fn for_its_children_does_not_wait_for_a_request_that_it_holds() {
        let task = task_fn(async |cx: Cx<'_, ()>| {
            let mut asks = Box::pin(cx.io(double(2)));
            assert!(once(&mut asks).await.is_none());
            cx.wait().await;
            asks.await
        });
        assert_eq!(Schedule::new(()).run(task), Ok(4));
    }

    #[test]
    fn for_a_handle_may_stop_waiting() {
        let task = task_fn(async |cx: Cx<'_, ()>| {
            let mut waits = Box::pin(cx.call(cx.spawn(healthy())));
            assert!(once(&mut waits).await.is_none());
            drop(waits);
            cx.io(double(1)).await
        });
        assert_eq!(Schedule::new(()).run(task), Ok(2));
    }
}

mod a_destructor_that_still_holds_a_cx {
    use super::*;

    /// Uses its task's `Cx` when it is dropped: too late, if the run is over.
    struct Spawns<'r>(Cx<'r, ()>, Counts);

    impl Drop for Spawns<'_> {
        fn drop(&mut self) {
            let counts = self.1.clone();
            for _ in 0..3 {
                let argument = counts.one();
                // Refused or not, it must do no harm.
                let _ = catch_unwind(AssertUnwindSafe(|| {
                    drop(self.0.spawn(task_fn(async move |_: Cx<'_, ()>| drop(argument))))
                }));
            }
        }
    }

    #[test]
    fn leaves_nothing_in_the_schedule() {
        let counts = Counts::default();
        let mut schedule = Schedule::new(());
        let group = Arc::new(WaitGroup::new());
        group.add(1);
        let stuck = task_fn(async |cx: Cx<'_, ()>| {
            for _ in 0..3 {
                let (group, counts) = (group.clone(), counts.clone());
                cx.spawn(task_fn(async move |cx: Cx<'_, ()>| {
                    let _spawns = Spawns(cx, counts);
                    group.wait().await;
                }));
            }
            cx.wait().await;
        });
        assert!(schedule.run(stuck).is_err());
        counts.check_built(9);
        assert_eq!(schedule.run(healthy()), Ok(10));
    }

    #[test]
    fn may_spawn_at_the_regular_end_of_its_task() {
        let counts = Counts::default();
        let task = task_fn(async |cx: Cx<'_, ()>| {
            let _spawns = Spawns(cx, counts.clone());
            cx.io(double(1)).await
        });
        assert_eq!(Schedule::new(()).run(task), Ok(2));
        counts.check_built(3);
    }
}

/// A loser that would spawn when it is dropped: at a time when the entry of the winner, which has
/// just ended, is free and soon somebody else's. It is told that it can't.
mod a_loser_whose_destructor_spawns {
    use super::*;
    use std::sync::Mutex;

    type Lines = Arc<Mutex<Vec<&'static str>>>;

    struct Spawns<'r>(Cx<'r, ()>, Lines);

    impl Drop for Spawns<'_> {
        fn drop(&mut self) {
            let spawned =
                catch_unwind(AssertUnwindSafe(|| drop(self.0.spawn(spawned(self.1.clone())))));
            self.1.lock().unwrap().push(if spawned.is_ok() {
                "the destructor has spawned"
            } else {
                "the destructor is refused"
            });
        }
    }

    #[corio::task]
    fn spawned(lines: Lines) {
        lines.lock().unwrap().push("what it has spawned runs");
    }

    #[corio::task]
    fn child(lines: Lines) {
        for key in 0..6 {
            io!(double(key));
        }
        lines.lock().unwrap().push("a child ends");
    }

    #[corio::task]
    fn waits_for_spawned(lines: Lines) {
        spawn!(child(lines.clone()));
        wait!();
        lines.lock().unwrap().push("its parent has waited");
    }

    #[corio::task]
    fn waits_for_a_set(lines: Lines) {
        all!([child(lines.clone())]);
        lines.lock().unwrap().push("its parent has waited");
    }

    #[corio::task]
    fn winner() {
        io!(double(5));
    }

    #[corio::task(())]
    fn race(lines: Lines) {
        let loser = task_fn(async move |cx: Cx<'_, ()>| {
            let _spawns = Spawns(cx, lines);
            loop {
                cx.io(double(9)).await;
            }
        });
        race!(winner(), loser);
    }

    fn check(parents: usize, run: impl FnOnce(Lines)) {
        let lines = Lines::default();
        run(lines.clone());
        let mut expected = vec!["the destructor is refused"];
        expected.extend(vec!["a child ends"; parents]);
        expected.extend(vec!["its parent has waited"; parents]);
        assert_eq!(*lines.lock().unwrap(), expected, "{parents} parents");
    }

    #[test]
    fn leaves_children_to_a_task_that_comes_after() {
        #[corio::task(())]
        fn program(parents: usize, lines: Lines) {
            call!(race(lines.clone()));
            all!((0..parents).map(|_| waits_for_spawned(lines.clone())));
        }

        for parents in 1..6 {
            check(parents, |lines| Schedule::new(()).run(program(parents, lines)).unwrap());
        }
    }

    #[test]
    fn leaves_children_to_a_set_that_comes_after() {
        #[corio::task(())]
        fn program(parents: usize, lines: Lines) {
            call!(race(lines.clone()));
            all!((0..parents).map(|_| waits_for_a_set(lines.clone())));
        }

        for parents in 1..6 {
            check(parents, |lines| Schedule::new(()).run(program(parents, lines)).unwrap());
        }
    }
}
