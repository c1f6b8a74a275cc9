//! The ways in which a batch may be answered: on a pool of threads, by slots anywhere, by a future;
//! and in which a run may be turned.

use std::any::Any;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::fmt::Debug;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use corio::{Batch, Context, Error, Event, Log, RequestError, Schedule, Slot, Task};
use expect_test::{Expect, expect};
use support::timeline::Timeline;
use support::{Number, double, healthy, time_limit};

#[track_caller]
fn check<T: Debug>(program: impl Task<Timeline, Output = T>, expect: Expect) {
    let timeline = Timeline::default();
    let result = timeline.schedule().run(program).unwrap();
    expect.assert_eq(&format!("{}{result:?}", timeline.take()));
}

mod blocking {
    use super::*;

    /// Two that wait for each other.
    #[derive(Clone)]
    struct Meeting(Arc<Barrier>);

    #[derive(Context)]
    struct Meets {
        meeting: Meeting,
    }

    fn meets() -> Meets {
        Meets { meeting: Meeting(Arc::new(Barrier::new(2))) }
    }

    #[corio::dispatcher(blocking, max_batch = 1)]
    fn meet(meeting: &Meeting, keys: &[u64]) -> Vec<u64> {
        meeting.0.wait();
        keys.to_vec()
    }

    // Each of these ends only if two batches run at once.

    #[test]
    fn parts_of_a_batch_overlap() {
        #[corio::task(Meets)]
        fn program() -> (u64, u64) {
            io!(meet(1), meet(2))
        }

        assert_eq!(Schedule::new(&meets()).run(program()).unwrap(), (1, 2));
    }

    #[test]
    fn dispatchers_overlap() {
        #[corio::dispatcher(blocking, max_in_flight = 1)]
        fn meet_too(meeting: &Meeting, keys: Vec<u64>) -> Vec<u64> {
            meeting.0.wait();
            keys
        }

        #[corio::task(Meets)]
        fn program() -> (u64, u64) {
            io!(meet(1), meet_too(2))
        }

        assert_eq!(Schedule::new(&meets()).run(program()).unwrap(), (1, 2));
        assert_eq!(smol::block_on(Schedule::new(&meets()).run_async(program())).unwrap(), (1, 2));
    }

    #[test]
    fn one_overlaps_what_is_answered_in_place() {
        // It is on its way before the other one blocks the thread.
        #[corio::dispatcher]
        fn meet_in_place(meeting: &Meeting, keys: &[u64]) -> Vec<u64> {
            meeting.0.wait();
            keys.to_vec()
        }

        #[corio::task(Meets)]
        fn program() -> (u64, u64) {
            io!(meet_in_place(1), meet(2))
        }

        assert_eq!(Schedule::new(&meets()).run(program()).unwrap(), (1, 2));
    }

    #[test]
    fn one_that_is_asked_later_overlaps_one_that_is_on_its_way() {
        #[corio::dispatcher(blocking, max_in_flight = 2)]
        fn later(meeting: &Meeting, keys: &[u64]) -> Vec<u64> {
            meeting.0.wait();
            keys.to_vec()
        }

        #[corio::task(Meets)]
        fn asks_later() -> u64 {
            io!(double(1));
            io!(later(2))
        }

        #[corio::task(Meets)]
        fn program() -> (u64, u64) {
            join!(later(1), asks_later())
        }

        assert_eq!(Schedule::new(&meets()).run(program()).unwrap(), (1, 2));
    }

    /// Counts its clones.
    #[derive(Default)]
    struct Pool(Arc<AtomicUsize>);

    impl Clone for Pool {
        fn clone(&self) -> Self {
            self.0.fetch_add(1, Ordering::Relaxed);
            Pool(self.0.clone())
        }
    }

    #[derive(Context, Default)]
    struct Pooled {
        pool: Pool,
    }

    #[test]
    fn each_batch_gets_a_clone_of_the_piece_that_is_gone_afterwards() {
        #[corio::dispatcher(blocking)]
        fn clones(pool: &Pool, keys: &[u64]) -> Vec<usize> {
            vec![pool.0.load(Ordering::Relaxed); keys.len()]
        }

        #[corio::task(Pooled)]
        fn program() -> (Vec<usize>, usize) {
            (io_all!((0..3).map(clones)), io!(clones(3)))
        }

        let pooled = Pooled::default();
        let (first, second) = Schedule::new(&pooled).run(program()).unwrap();
        assert!(first[0] >= 1 && first.iter().all(|count| *count == first[0]), "{first:?}");
        assert_eq!(second, first[0] * 2);
    }

    #[test]
    fn it_runs_on_another_thread() {
        #[corio::dispatcher(blocking)]
        fn where_am_i(keys: &[u64]) -> Vec<thread::ThreadId> {
            vec![thread::current().id(); keys.len()]
        }

        assert_ne!(Schedule::new(()).run(where_am_i(1)).unwrap(), thread::current().id());
    }

    #[test]
    fn every_shape_answers() {
        #[corio::dispatcher(blocking, show_keys)]
        fn by_key(keys: &[u64]) -> HashMap<u64, u64> {
            keys.iter().filter(|key| **key != 5).map(|key| (*key, key * 10)).collect()
        }

        #[corio::dispatcher(blocking, show_keys)]
        fn fallible(keys: Vec<u64>) -> Result<Vec<u64>, &'static str> {
            if keys.contains(&5) { Err("five") } else { Ok(keys) }
        }

        #[corio::dispatcher(blocking, show_keys)]
        fn filled(keys: &[u64], answers: &mut Vec<u64>) {
            answers.extend(keys);
        }

        #[corio::dispatcher(blocking, show_keys, max_batch = 2)]
        fn slots(batch: Batch<u64, u64>) {
            // Last first.
            for slot in batch.into_iter().collect::<Vec<_>>().into_iter().rev() {
                slot.answer_with(|key| key + 1);
            }
        }

        #[corio::task(Timeline)]
        fn program() -> String {
            let by_key = io!(by_key(4), by_key(5), by_key(4));
            let fallible = (io!(fallible(4)), io!(fallible(5)));
            let filled = io!(filled(1), filled(2));
            format!("{by_key:?} {fallible:?} {filled:?} {:?}", io_all!((0..5).map(slots)))
        }

        check(
            program(),
            expect![[r#"
                0ns: by_key[4, 5]
                0ns: fallible[4]
                0ns: fallible[5]
                0ns: filled[1, 2]
                0ns: slots[0, 1]
                0ns: slots[2, 3]
                0ns: slots[4]
                "(Some(40), None, Some(40)) (Ok(4), Err(\"five\")) (1, 2) [1, 2, 3, 4, 5]""#]],
        );
    }

    #[derive(Debug, PartialEq)]
    struct Payload(u64);

    fn payload<T>(run: impl FnOnce() -> T) -> Payload {
        let payload: Box<dyn Any + Send> =
            catch_unwind(AssertUnwindSafe(|| drop(run()))).unwrap_err();
        *payload.downcast().expect("the payload of the dispatcher")
    }

    #[test]
    fn a_panic_leaves_the_run_with_its_own_payload() {
        #[corio::dispatcher(blocking)]
        fn panics(keys: &[u64]) -> Vec<u64> {
            std::panic::panic_any(Payload(keys[0]))
        }

        let mut schedule = Schedule::new(());
        assert_eq!(payload(|| schedule.run(panics(7))), Payload(7));
        assert_eq!(payload(|| smol::block_on(schedule.run_async(panics(8)))), Payload(8));
        assert_eq!(schedule.run(healthy()).unwrap(), 10);
    }

    /// For a panic that takes its time: its slots are dropped, and much may happen before the pool
    /// says that the job has panicked.
    #[derive(Clone)]
    struct Slow(Arc<[Barrier; 2]>);

    impl Slow {
        fn new() -> Self {
            Slow(Arc::new([2, 2].map(Barrier::new)))
        }

        /// Dropped after the slots.
        fn hold(&self) -> Held<'_> {
            Held(self)
        }
    }

    struct Held<'s>(&'s Slow);

    impl Drop for Held<'_> {
        fn drop(&mut self) {
            for step in &*self.0.0 {
                step.wait();
            }
        }
    }

    #[corio::dispatcher]
    fn step(slow: &Slow, steps: &[usize]) -> Vec<bool> {
        steps.iter().map(|step| slow.0[*step].wait().is_leader()).collect()
    }

    #[corio::task(Slow)]
    fn steps() {
        io!(step(0));
        io!(double(1));
        io!(double(2));
        io!(step(1));
    }

    #[test]
    fn a_panic_that_drops_slots_leaves_the_run_with_its_own_payload() {
        #[corio::dispatcher(blocking)]
        fn half_way(slow: &Slow, batch: Batch<u64, u64>) {
            let _held = slow.hold();
            for slot in batch {
                if *slot.key() == 2 {
                    std::panic::panic_any(Payload(2));
                }
                slot.answer(0);
            }
        }

        #[corio::task(Slow)]
        fn program() {
            join!(task! { io_all!((1..=3).map(half_way)); }, steps());
        }

        let slow = Slow::new();
        let mut schedule = Schedule::new(&slow);
        assert_eq!(payload(|| schedule.run(program()).unwrap()), Payload(2));
        assert_eq!(schedule.run(healthy()).unwrap(), 10);
    }

    #[test]
    fn a_panic_that_drops_slots_is_the_error_of_those_that_had_no_answer() {
        #[corio::dispatcher(blocking, faults = "error")]
        fn half_way(slow: &Slow, batch: Batch<u64, u64>) {
            let _held = slow.hold();
            for slot in batch {
                assert!(*slot.key() != 2, "half-way");
                slot.answer(0);
            }
        }

        #[corio::task(Slow)]
        fn program() -> Vec<Result<u64, RequestError>> {
            join!(task! { io_all!((1..=3).map(half_way)) }, steps()).0
        }

        let slow = Slow::new();
        let panicked = |answer: &Result<u64, RequestError>| matches!(answer, Err(RequestError::Panicked { dispatcher: "half_way", message, .. }) if message == "half-way");
        let answers = Schedule::new(&slow).run(program()).unwrap();
        assert!(
            matches!(&answers[..], [Ok(0), second, third] if panicked(second) && panicked(third)),
            "{answers:?}"
        );
    }

    #[test]
    fn a_panic_can_be_the_error_of_its_requests() {
        #[corio::dispatcher(blocking, faults = "error")]
        fn panics(keys: &[u64]) -> Vec<u64> {
            panic!("of {}", keys[0])
        }

        #[corio::dispatcher(blocking, faults = "error")]
        fn panics_half_way(batch: Batch<u64, u64>) {
            for slot in batch {
                assert_ne!(*slot.key(), 2);
                slot.answer_with(|key| key);
            }
        }

        #[corio::task]
        fn program() -> (Result<u64, RequestError>, Vec<Option<u64>>) {
            (
                io!(panics(7)),
                io_all!((1..=3).map(panics_half_way)).into_iter().map(Result::ok).collect(),
            )
        }

        let (whole, half_way) = Schedule::new(()).run(program()).unwrap();
        assert!(
            matches!(&whole, Err(RequestError::Panicked { dispatcher: "panics", message, .. }) if message == "of 7"),
            "{whole:?}"
        );
        assert_eq!(half_way, [Some(1), None, None]);
    }

    #[test]
    fn a_job_whose_run_is_over_finishes_and_its_answer_is_thrown_away() {
        /// The job begins, goes on and ends when others are at the same point.
        #[derive(Clone)]
        struct Steps(Arc<[Barrier; 3]>);

        #[corio::dispatcher(blocking)]
        fn late(steps: &Steps, keys: &[u64]) -> Vec<u64> {
            for step in &*steps.0 {
                step.wait();
            }
            keys.to_vec()
        }

        #[corio::dispatcher]
        fn once_it_has_begun(steps: &Steps, keys: &[u64]) -> Vec<u64> {
            steps.0[0].wait();
            keys.to_vec()
        }

        #[corio::task(Steps)]
        fn program() -> u64 {
            race!(late(1), once_it_has_begun(2))
        }

        let steps = Steps(Arc::new([2, 2, 2].map(Barrier::new)));
        let mut schedule = Schedule::new(&steps);
        assert_eq!(schedule.run(program()).unwrap(), 2);
        steps.0[1].wait();
        steps.0[2].wait();
        assert_eq!(schedule.run(healthy()).unwrap(), 10);
    }

    #[test]
    fn many_batches_answer_each_their_own() {
        #[corio::dispatcher(blocking, max_batch = 3)]
        fn squares(keys: &[u64]) -> Vec<u64> {
            keys.iter().map(|key| key * key).collect()
        }

        #[corio::task]
        fn several(start: u64) {
            for key in start..start + 5 {
                assert_eq!(io!(squares(key)), key * key);
            }
        }

        #[corio::task]
        fn program() {
            all!((0..100).map(several));
        }

        Schedule::new(()).run(program()).unwrap();
        smol::block_on(Schedule::new(()).run_async(program())).unwrap();
    }
}

mod slots {
    use super::*;

    #[corio::task(())]
    fn ask_all<R: corio::Request + corio::Dispatch<()>>(requests: Vec<R>) -> Vec<R::Answer> {
        io_all!(requests)
    }

    #[test]
    fn split_gives_near_equal_parts_in_order() {
        #[corio::dispatcher]
        fn sizes(batch: Batch<u64, (usize, usize)>) {
            let parts = batch.split(3);
            for (number, part) in parts.into_iter().enumerate() {
                let len = part.len();
                part.into_iter().for_each(|slot| slot.answer((number, len)));
            }
        }

        let mut schedule = Schedule::new(());
        let mut text = String::new();
        for len in [1, 2, 3, 7, 9] {
            text += &format!(
                "{len}: {:?}\n",
                schedule.run(ask_all((0..len).map(sizes).collect())).unwrap()
            );
        }
        expect![[r#"
            1: [(0, 1)]
            2: [(0, 1), (1, 1)]
            3: [(0, 1), (1, 1), (2, 1)]
            7: [(0, 3), (0, 3), (0, 3), (1, 2), (1, 2), (2, 2), (2, 2)]
            9: [(0, 3), (0, 3), (0, 3), (1, 3), (1, 3), (1, 3), (2, 3), (2, 3), (2, 3)]
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn split_by_gives_a_part_for_each_value_in_the_order_of_its_first_key() {
        #[corio::dispatcher]
        fn shards(batch: Batch<u64, String>) {
            for (number, (shard, part)) in batch.split_by(|key| key % 3).into_iter().enumerate() {
                let keys: Vec<_> = part.keys().copied().collect();
                part.into_iter()
                    .for_each(|slot| slot.answer(format!("{number}: shard {shard} {keys:?}")));
            }
        }

        let answers = Schedule::new(()).run(ask_all([5, 1, 2, 3, 4].map(shards).into())).unwrap();
        expect![[r#"
            0: shard 2 [5, 2]
            1: shard 1 [1, 4]
            0: shard 2 [5, 2]
            2: shard 0 [3]
            1: shard 1 [1, 4]"#]]
        .assert_eq(&answers.join("\n"));
    }

    #[test]
    fn parts_can_be_answered_by_threads_in_any_order() {
        /// Each thread answers when the one after it has answered.
        #[corio::dispatcher]
        fn backwards(batch: Batch<u64, u64>) {
            let mut after: Option<mpsc::Receiver<()>> = None;
            for (number, part) in batch.split(4).into_iter().rev().enumerate() {
                let (done, next) = mpsc::channel();
                let before = after.replace(next);
                thread::spawn(move || {
                    if let Some(before) = before {
                        before.recv().unwrap();
                    }
                    match number {
                        0 => {
                            let answers = part.keys().map(|key| key * 10).collect::<Vec<_>>();
                            part.answer_all(answers);
                        }
                        1 => {
                            let answers =
                                part.keys().map(|key| (*key, key * 10)).collect::<HashMap<_, _>>();
                            part.answer_by_key(&answers);
                        }
                        2 => part.into_iter().for_each(|slot| slot.answer_with(|key| key * 10)),
                        _ => part.into_iter().collect::<Vec<_>>().into_iter().rev().for_each(
                            |slot: Slot<u64, u64>| {
                                let answer = slot.key() * 10;
                                slot.answer(answer);
                            },
                        ),
                    }
                    // Nobody waits for the last.
                    let _ = done.send(());
                });
            }
        }

        for _ in 0..20 {
            let answers = Schedule::new(()).run(ask_all((0..11).map(backwards).collect())).unwrap();
            assert_eq!(answers, (0..11).map(|key| key * 10).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_answered_in_one_turn_resumes_together() {
        #[corio::dispatcher]
        async fn parts(timeline: &Timeline, batch: Batch<u64, u64>) {
            for part in batch.split(3) {
                timeline.sleep(10).await;
                for slot in part {
                    slot.answer_with(|key| key);
                }
            }
        }

        #[corio::task(Timeline)]
        fn one(key: u64) {
            io!(parts(key));
            io!(double(key));
        }

        #[corio::task(Timeline)]
        fn program() {
            all!((0..6).map(one));
        }

        check(
            program(),
            expect![[r#"
                0ns: parts[6 keys]
                10ms: double[0, 1]
                20ms: double[2, 3]
                30ms: double[4, 5]
                ()"#]],
        );
    }

    #[test]
    fn a_key_that_is_not_in_the_map_and_a_position_past_the_end_go_unanswered() {
        #[corio::dispatcher(show_keys, faults = "error")]
        fn by_key(batch: Batch<u64, &'static str>) {
            batch.answer_by_key(&HashMap::from([(1, "one"), (3, "three")]));
        }

        #[corio::dispatcher(show_keys)]
        fn too_few(batch: Batch<u64, u64>) {
            batch.answer_all([10]);
        }

        #[corio::dispatcher(show_keys)]
        fn more_than_enough(batch: Batch<u64, u64>) {
            batch.answer_all(100..);
        }

        let mut schedule = Schedule::new(());
        let answers = schedule.run(ask_all([1, 2, 3].map(by_key).into())).unwrap();
        assert_eq!((&answers[0], &answers[2]), (&Ok("one"), &Ok("three")));
        assert!(
            matches!(&answers[1], Err(RequestError::Unanswered { dispatcher: "by_key", position: 1, requests: 3, key: Some(key), .. }) if key == "2"),
            "{answers:?}"
        );
        let end = schedule.run(ask_all([1, 2].map(too_few).into()));
        assert!(
            matches!(&end, Err(Error::Batch(RequestError::Unanswered { dispatcher: "too_few", position: 1, requests: 2, key: Some(key), .. })) if key == "2"),
            "{end:?}"
        );
        assert_eq!(schedule.run(ask_all([1, 2].map(more_than_enough).into())).unwrap(), [100, 101]);
    }
}

mod budget {
    use super::*;

    #[corio::dispatcher(show_keys)]
    async fn later(keys: &[u64]) -> Vec<u64> {
        smol::future::yield_now().await;
        keys.to_vec()
    }

    #[corio::task]
    fn steps(key: u64) -> u64 {
        let twice = io!(double(key));
        let handle = spawn!(task!(move { io!(later(twice)) }));
        io!(double(100 + key));
        call!(handle)
    }

    #[corio::task]
    fn program() -> u64 {
        all!((0..10).map(steps)).iter().sum()
    }

    /// What left, how often the run was polled, and the most tasks that a poll resumed.
    fn polled(budget: Option<usize>) -> (String, usize, usize) {
        let log = Log::new();
        let resumed = Number::default();
        let mut schedule = Schedule::new(());
        let mut observer = log.observer();
        schedule = schedule.observe({
            let resumed = resumed.clone();
            move |event: &Event<'_>| {
                if let Event::Resumed { .. } = event {
                    resumed.add(1);
                }
                corio::Observer::on(&mut observer, event);
            }
        });
        if let Some(budget) = budget {
            schedule = schedule.yield_every(budget);
        }
        let (mut polls, mut most) = (0, 0);
        let result = smol::block_on(async {
            let mut run = pin!(schedule.run_async(program()));
            poll_fn(|context| {
                polls += 1;
                let poll = run.as_mut().poll(context);
                most = most.max(resumed.take());
                poll
            })
            .await
        });
        assert_eq!(result.unwrap(), 90);
        (log.take(), polls, most)
    }

    #[test]
    fn a_poll_resumes_no_more_and_the_batches_are_the_same() {
        let (batches, polls, most) = polled(None);
        for budget in [1, 2, 7, 30, 1000] {
            let (with_budget, more_polls, most_with_budget) = polled(Some(budget));
            assert_eq!(with_budget, batches);
            assert!(most_with_budget <= budget, "{most_with_budget} of {budget}");
            if budget < most {
                assert!(
                    more_polls > polls,
                    "{more_polls} polls with a budget of {budget}, {polls} without"
                );
            }
        }
    }

    #[test]
    fn others_are_let_in() {
        /// Never waits for anything but its own children.
        #[corio::task]
        fn busy(stop: &AtomicBool) -> u64 {
            let mut turns = 0;
            while !stop.load(Ordering::Relaxed) {
                call!(spawn!(task! {}));
                turns += 1;
                assert!(turns < 100_000, "nobody else gets a turn");
            }
            turns
        }

        let stop = AtomicBool::new(false);
        let mut schedule = Schedule::new(()).yield_every(10);
        let turns = smol::block_on(async {
            let run = schedule.run_async(busy(&stop));
            let stopper = async {
                for _ in 0..3 {
                    smol::future::yield_now().await;
                }
                stop.store(true, Ordering::Relaxed);
            };
            smol::future::zip(run, stopper).await.0
        });
        assert!(turns.unwrap() > 0);
    }

    #[test]
    fn none_is_a_mistake() {
        catch_unwind(|| {
            let _ = Schedule::new(()).yield_every(0);
        })
        .unwrap_err();
    }
}

mod futures {
    use super::*;

    #[test]
    fn give_their_value() {
        #[corio::task]
        fn program() -> (u64, String) {
            let text = Rc::new("not Send".to_owned());
            (io!(corio::future(async { 7 })), io!(corio::future(async move { text.to_string() })))
        }

        assert_eq!(Schedule::new(()).run(program()).unwrap(), (7, "not Send".into()));
    }

    #[corio::dispatcher(show_keys)]
    async fn slow(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
        timeline.sleep(10).await;
        keys.to_vec()
    }

    #[test]
    fn several_at_once_are_awaited_side_by_side() {
        #[corio::task(Timeline)]
        fn program() -> Duration {
            io!(context!().pause(10), context!().pause(20), context!().pause(15));
            let timeline = context!();
            io_all!((1..=5).map(|time| timeline.pause(time)));
            context!().clock.now()
        }

        check(program(), expect!["25ms"]);
    }

    #[test]
    fn are_awaited_beside_batches_and_split_none() {
        #[corio::task(Timeline)]
        fn waits(pause: u64, key: u64) {
            io!(context!().pause(pause));
            context!().note(format_args!("after {pause}"));
            io!(double(key));
        }

        #[corio::task(Timeline)]
        fn program() -> u64 {
            let (answer, ..) = join!(slow(1), waits(5, 1), waits(5, 2), waits(12, 3));
            answer
        }

        check(
            program(),
            expect![[r#"
                0ns: slow[1]
                5ms: after 5
                5ms: after 5
                5ms: double[1, 2]
                12ms: after 12
                12ms: double[3]
                1"#]],
        );
    }

    #[test]
    fn one_that_is_ready_at_once_resumes_with_what_is_answered_in_place() {
        #[corio::task(Timeline)]
        fn after_future() {
            io!(corio::future(async {}));
            io!(double(2));
        }

        #[corio::task(Timeline)]
        fn after_batch() {
            io!(double(0));
            io!(double(3));
        }

        #[corio::task(Timeline)]
        fn program() {
            join!(after_batch(), after_future());
        }

        let timeline = Timeline::default();
        timeline.schedule().run(program()).unwrap();
        let text = timeline.take();
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    #[test]
    fn are_dropped_with_the_task_that_asked() {
        async fn held<T>(_held: T) {
            pending::<()>().await;
        }

        #[corio::task(Timeline)]
        fn program() {
            let waits = corio::future(held(context!().note_of_drop("the future is dropped")));
            race!(waits, task! { io!(context!().pause(5)); });
            io!(context!().pause(5));
            context!().note("over");
        }

        check(
            program(),
            expect![[r#"
                5ms: the future is dropped
                10ms: over
                ()"#]],
        );
    }

    #[test]
    fn are_dropped_when_their_run_is() {
        struct Sets(Arc<AtomicBool>);

        impl Drop for Sets {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }

        async fn held(_held: Sets) {
            pending::<()>().await;
        }

        let dropped = Arc::new(AtomicBool::new(false));
        let mut schedule = Schedule::new(());
        {
            let mut run = pin!(schedule.run_async(corio::future(held(Sets(dropped.clone())))));
            assert!(smol::block_on(poll_fn(|context| Poll::Ready(
                run.as_mut().poll(context).is_pending()
            ))));
            assert!(!dropped.load(Ordering::Relaxed));
        }
        assert!(dropped.load(Ordering::Relaxed));
        assert_eq!(schedule.run(healthy()).unwrap(), 10);
    }

    #[test]
    fn one_that_never_ends_is_no_deadlock_but_has_a_deadline() {
        let timeline = Timeline::default();
        let mut schedule = timeline.schedule().timeout(Duration::from_millis(10));
        assert_eq!(
            time_limit(schedule.run(corio::future(pending::<()>()))),
            Duration::from_millis(10)
        );
        assert_eq!(
            time_limit(smol::block_on(schedule.run_async(corio::future(pending::<()>())))),
            Duration::from_millis(10)
        );
        assert_eq!(timeline.clock.now(), Duration::from_millis(20));
        assert_eq!(schedule.run(healthy()).unwrap(), 10);
    }

    #[test]
    fn may_wait_for_others_on_the_executor() {
        #[corio::task]
        fn program(numbers: smol::channel::Receiver<u64>) -> u64 {
            let mut sum = 0;
            while let Ok(number) = io!(corio::future({
                let numbers = numbers.clone();
                async move { numbers.recv().await }
            })) {
                sum += io!(double(number));
            }
            sum
        }

        let executor = smol::LocalExecutor::new();
        let (to, from) = smol::channel::bounded(1);
        executor
            .spawn(async move {
                for number in 1..=10 {
                    to.send(number).await.unwrap();
                    smol::future::yield_now().await;
                }
            })
            .detach();
        let mut schedule = Schedule::new(());
        assert_eq!(smol::block_on(executor.run(schedule.run_async(program(from)))).unwrap(), 110);
    }

    #[test]
    fn may_be_woken_by_another_thread() {
        #[corio::task]
        fn program(numbers: smol::channel::Receiver<u64>) -> u64 {
            io!(corio::future(async move { numbers.recv().await.unwrap() }))
        }

        for asynchronous in [false, true] {
            let (to, from) = smol::channel::bounded(1);
            let sender = thread::spawn(move || to.send_blocking(7).unwrap());
            let mut schedule = Schedule::new(());
            let result = if asynchronous {
                smol::block_on(schedule.run_async(program(from)))
            } else {
                schedule.run(program(from))
            };
            assert_eq!(result.unwrap(), 7);
            sender.join().unwrap();
        }
    }

    /// The number of a future is used again, and what wakes it with it.
    #[test]
    fn one_that_is_woken_for_another_that_has_ended_goes_on_when_it_is_woken_itself() {
        #[corio::task(Timeline)]
        fn program() {
            let old = Rc::new(OnceCell::new());
            let kept = old.clone();
            io!(corio::future(poll_fn(move |context| {
                kept.set(context.waker().clone()).unwrap();
                Poll::Ready(())
            })));
            let mut polls = 0;
            let timeline = context!().clone();
            io!(corio::future(poll_fn(move |context| {
                polls += 1;
                timeline.note(format_args!("poll {polls}"));
                match polls {
                    1 => old.get().unwrap().wake_by_ref(),
                    2 => {
                        context.waker().wake_by_ref();
                        old.get().unwrap().wake_by_ref();
                    }
                    _ => return Poll::Ready(()),
                }
                Poll::Pending
            })));
        }

        check(
            program(),
            expect![[r#"
                0ns: poll 1
                0ns: poll 2
                0ns: poll 3
                ()"#]],
        );
    }

    #[test]
    fn one_that_panics_ends_the_run_with_its_own_payload() {
        let mut schedule = Schedule::new(());
        let payload = catch_unwind(AssertUnwindSafe(|| {
            schedule
                .run(corio::future(async { std::panic::panic_any(7_u64) }))
                .map(|never: ()| never)
        }))
        .unwrap_err();
        assert_eq!(*payload.downcast::<u64>().unwrap(), 7);
        assert_eq!(schedule.run(healthy()).unwrap(), 10);
    }
}

#[test]
fn a_batch_can_be_looked_at() {
    #[corio::dispatcher]
    fn looked_at(mut batch: Batch<u64, String>) {
        let mut last = batch.split_off(1);
        let all_of_last = last.split_off(0);
        let seen = format!(
            "{batch:?} {all_of_last:?} {:?}",
            (batch.is_empty(), last.is_empty(), all_of_last.len())
        );
        let all_of_last: Vec<_> = all_of_last
            .into_iter()
            .inspect(|slot| assert_eq!((slot.position(), *slot.key()), (1, 8)))
            .collect();
        batch.into_iter().chain(all_of_last).for_each(|slot| slot.answer(seen.clone()));
    }

    #[corio::task]
    fn program() -> Vec<String> {
        io_all!([7, 8].map(looked_at))
    }

    let seen = Schedule::new(()).run(program()).unwrap();
    assert_eq!(seen, vec!["[7] [8] (false, true, 1)"; 2]);
}
