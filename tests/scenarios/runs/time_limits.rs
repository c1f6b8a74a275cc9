//! Time limits: of batches, of parts of a task, and of runs. All by clocks of tests.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;
use std::time::Duration;

use corio::testing::VirtualClock;
use corio::{Batch, Clock, Context, Elapsed, Error, RequestError, Schedule, SendTask, sync};
use expect_test::{Expect, expect};
use support::timeline::Timeline;
use support::{Counts, Number, healthy, time_limit};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn shown<T: Debug>(timeline: &Timeline, result: Result<T, Error>) -> String {
    match result {
        Ok(result) => format!("{}{result:?}", timeline.take()),
        Err(error) => format!("{}{error}", timeline.take()),
    }
}

/// Runs a program in both ways, and shows what happened, and how it ended.
#[track_caller]
fn check<T: Debug, P: SendTask<Timeline, Output = T>>(program: impl Fn() -> P, expect: Expect) {
    check_under(|schedule| schedule, program, expect);
}

#[track_caller]
fn check_under<T: Debug, P: SendTask<Timeline, Output = T>>(
    tell: impl for<'t> Fn(Schedule<&'t Timeline>) -> Schedule<&'t Timeline>,
    program: impl Fn() -> P,
    expect: Expect,
) {
    let timeline = Timeline::default();
    let mut schedule = tell(timeline.schedule_at_length());
    let result = schedule.run(program());
    let text = shown(&timeline, result);
    expect.assert_eq(&text);

    let timeline = Timeline::default();
    let mut schedule = tell(timeline.schedule_at_length());
    let result = smol::block_on(schedule.run_async(program()));
    assert_eq!(shown(&timeline, result), text, "an asynchronous run is no different");
    // And afterwards the schedule can be used again.
    assert_eq!(schedule.run(healthy()).unwrap(), 10);
}

/// A batch takes as many milliseconds as its largest key says.
#[corio::dispatcher(show_keys)]
async fn unlimited(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
    timeline.sleep(*keys.iter().max().unwrap()).await;
    keys.to_vec()
}

#[corio::dispatcher(show_keys)]
fn in_place(keys: &[u64]) -> Vec<u64> {
    keys.to_vec()
}

mod of_batches {
    use super::*;

    /// The same, within 10 ms.
    #[corio::dispatcher(show_keys, timeout = "10ms")]
    async fn limited(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
        let _noted = timeline.note_of_drop("the future is dropped");
        timeline.sleep(*keys.iter().max().unwrap()).await;
        keys.to_vec()
    }

    #[test]
    fn an_answer_in_time_is_an_answer() {
        check(
            || limited(9),
            expect![[r#"
                0ns: limited[9]
                9ms: the future is dropped
                9ms: limited: 1 answered
                9"#]],
        );
    }

    #[test]
    fn a_batch_that_takes_too_long_ends_the_run_and_its_future_is_dropped() {
        #[corio::task(Timeline)]
        fn program() {
            let _noted = context!().note_of_drop("the task is dropped");
            io!(limited(1), limited(11));
        }

        let timeline = Timeline::default();
        let mut schedule = timeline.schedule();
        let error = schedule.run(program()).unwrap_err();
        assert!(
            matches!(error, Error::Batch(RequestError::TimedOut { dispatcher: "limited", requests: 2, limit, .. }) if limit == ms(10)),
            "{error:?}"
        );
        let text = timeline.take();
        assert!(
            text.contains("10ms: the future is dropped\n")
                && text.contains("10ms: the task is dropped\n"),
            "{text}"
        );
        assert_eq!(
            error.to_string(),
            "dispatcher `limited` left 2 requests of a batch without an answer for 10ms, its time limit"
        );
        assert_eq!(schedule.run(limited(3)).unwrap(), 3);
    }

    #[corio::dispatcher(show_keys, timeout = "10ms", faults = "error", max_in_flight = 1)]
    async fn trying(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
        let _noted = timeline.note_of_drop("the future is dropped");
        timeline.sleep(*keys.iter().max().unwrap()).await;
        keys.to_vec()
    }

    #[test]
    fn it_can_be_the_error_of_its_requests() {
        #[corio::task(Timeline)]
        fn program() -> (Vec<Result<u64, RequestError>>, Result<u64, RequestError>) {
            (io_all!([1, 11].map(trying)), io!(trying(2)))
        }

        check(
            program,
            expect![[r#"
                0ns: trying[1, 11]
                10ms: trying: timed out with 2
                10ms: the future is dropped
                10ms: trying: 2 answered
                10ms: trying[2]
                12ms: the future is dropped
                12ms: trying: 1 answered
                ([Err(TimedOut { dispatcher: "trying", requests: 2, limit: 10ms }), Err(TimedOut { dispatcher: "trying", requests: 2, limit: 10ms })], Ok(2))"#]],
        );
    }

    #[test]
    fn its_place_is_free_and_time_counts_from_when_a_batch_leaves() {
        #[corio::task(Timeline)]
        fn after(pause: u64, key: u64) -> bool {
            io!(context!().pause(pause));
            io!(trying(key)).is_ok()
        }

        // The second waits for 9 ms at the limit, and then takes 9 ms.
        #[corio::task(Timeline)]
        fn program() -> (bool, bool) {
            join!(after(0, 50), after(1, 9))
        }

        check(
            program,
            expect![[r#"
                0ns: trying[50]
                10ms: trying: timed out with 1
                10ms: the future is dropped
                10ms: trying: 1 answered
                10ms: trying[9]
                19ms: the future is dropped
                19ms: trying: 1 answered
                (false, true)"#]],
        );
    }

    #[test]
    fn each_part_of_a_batch_has_it() {
        #[corio::dispatcher(show_keys, timeout = "10ms", faults = "error", max_batch = 2)]
        async fn pairs(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
            timeline.sleep(*keys.iter().max().unwrap()).await;
            keys.to_vec()
        }

        #[corio::task(Timeline)]
        fn program() -> Vec<Option<u64>> {
            io_all!([1, 2, 3, 11, 5].map(pairs)).into_iter().map(Result::ok).collect()
        }

        check(
            program,
            expect![[r#"
                0ns: pairs[1, 2]
                0ns: pairs[3, 11]
                0ns: pairs[5]
                2ms: pairs: 2 answered
                5ms: pairs: 1 answered
                10ms: pairs: timed out with 2
                10ms: pairs: 2 answered
                [Some(1), Some(2), None, None, Some(5)]"#]],
        );
    }

    #[test]
    fn each_attempt_has_it() {
        #[corio::dispatcher(show_keys, timeout = "10ms", retry(attempts = 3, backoff = "5ms"))]
        async fn thrice(timeline: &Timeline, batch: Batch<u64, Duration>) {
            for slot in batch {
                timeline.sleep(*slot.key()).await;
                if timeline.clock.now() < ms(30) {
                    slot.retry()
                } else {
                    slot.answer(timeline.clock.now())
                }
            }
        }

        check(
            || thrice(8),
            expect![[r#"
                0ns: thrice[8]
                8ms: thrice: 1 to be retried
                13ms: thrice[8]
                21ms: thrice: 1 to be retried
                26ms: thrice[8]
                34ms: thrice: 1 answered
                34ms"#]],
        );
    }

    #[test]
    fn slots_answered_in_time_count() {
        #[corio::dispatcher(show_keys, timeout = "10ms", faults = "error")]
        async fn one_by_one(timeline: &Timeline, batch: Batch<u64, u64>) {
            let _noted = timeline.note_of_drop("the future is dropped");
            for slot in batch {
                timeline.sleep(4).await;
                slot.answer_with(|key| key);
            }
        }

        #[corio::task(Timeline)]
        fn program() -> Vec<Result<u64, RequestError>> {
            all!((0..4).map(one_by_one))
        }

        check(
            program,
            expect![[r#"
                0ns: one_by_one[0, 1, 2, 3]
                4ms: one_by_one: 1 answered
                8ms: one_by_one: 1 answered
                10ms: one_by_one: timed out with 2
                10ms: the future is dropped
                10ms: one_by_one: 2 answered
                [Ok(0), Ok(1), Err(TimedOut { dispatcher: "one_by_one", requests: 2, limit: 10ms }), Err(TimedOut { dispatcher: "one_by_one", requests: 2, limit: 10ms })]"#]],
        );
    }

    type Slots = Rc<RefCell<Vec<corio::Slot<u64, Result<u64, &'static str>>>>>;

    #[derive(Context, Default)]
    struct Keeps {
        slots: Slots,
    }

    #[corio::dispatcher(timeout = "10ms")]
    fn kept(slots: &Slots, batch: Batch<u64, Result<u64, &'static str>>) {
        // Those of the run before are answered now, when this run waits at the same positions.
        slots.take().into_iter().for_each(|slot| slot.fail("an answer to the run before"));
        let (late, prompt) = batch.into_iter().partition(|slot| *slot.key() == 0);
        slots.replace(late);
        prompt.into_iter().for_each(|slot: corio::Slot<_, _>| slot.answer_with(Ok));
    }

    #[test]
    fn late_answers_are_thrown_away_also_in_the_next_run() {
        let keeps = Keeps::default();
        let mut schedule = Schedule::new(&keeps).clock(VirtualClock::new());
        assert!(matches!(
            schedule.run(kept(0)),
            Err(Error::Batch(RequestError::TimedOut { requests: 1, .. }))
        ));
        assert_eq!(keeps.slots.borrow().len(), 1);
        assert_eq!(schedule.run(kept(1)).unwrap(), Ok(1));
        assert!(keeps.slots.borrow().is_empty());
        assert_eq!(schedule.run(kept(2)).unwrap(), Ok(2));
    }

    #[test]
    fn late_answers_are_thrown_away_also_in_the_same_run() {
        /// With the time that its slots are to be answered at.
        #[corio::dispatcher(show_keys, timeout = "10ms", faults = "error")]
        fn held(held: &RefCell<Vec<corio::Slot<u64, u64>>>, batch: Batch<u64, u64>) {
            held.borrow_mut().extend(batch);
        }

        #[corio::dispatcher]
        fn answer(held: &RefCell<Vec<corio::Slot<u64, u64>>>, answers: &[u64]) -> Vec<()> {
            answers
                .iter()
                .flat_map(|answer| {
                    held.borrow_mut()
                        .drain(..1)
                        .map(|slot| slot.answer(*answer))
                        .collect::<Vec<_>>()
                })
                .collect()
        }

        #[corio::task(RefCell<Vec<corio::Slot<u64, u64>>>)]
        fn program() -> (bool, u64) {
            let timed_out = io!(held(1)).is_err();
            let second = spawn!(held(1));
            // It is with its dispatcher before this is answered.
            io!(answer(100));
            io!(answer(200));
            (timed_out, call!(second).unwrap())
        }

        let slots = RefCell::new(Vec::new());
        let mut schedule = Schedule::new(&slots).clock(VirtualClock::new());
        assert_eq!(schedule.run(program()).unwrap(), (true, 200));
    }

    /// Opened by the test.
    #[derive(Clone, Default)]
    struct Gate(Arc<(Mutex<bool>, Condvar)>);

    impl Gate {
        fn pass(&self) {
            let (open, changed) = &*self.0;
            drop(changed.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
        }

        fn open(&self) {
            *self.0.0.lock().unwrap() = true;
            self.0.1.notify_all();
        }
    }

    #[derive(Context, Default)]
    struct Gated {
        gate: Gate,
    }

    #[corio::dispatcher(blocking, timeout = "10ms", faults = "error")]
    fn blocked(gate: &Gate, keys: &[u64]) -> Vec<u64> {
        gate.pass();
        keys.to_vec()
    }

    #[test]
    fn a_blocked_thread_is_given_up() {
        #[corio::task(Gated)]
        fn program() -> Vec<Result<u64, RequestError>> {
            io_all!([1, 2].map(blocked))
        }

        let gated = Gated::default();
        let mut schedule = Schedule::new(&gated);
        // It jumps, since it knows nothing of threads.
        schedule = schedule.clock(VirtualClock::new());
        let answers = schedule.run(program()).unwrap();
        assert_eq!(answers.len(), 2);
        for answer in answers {
            assert!(
                matches!(answer, Err(RequestError::TimedOut { dispatcher: "blocked", requests: 2, limit, .. }) if limit == ms(10)),
                "{answer:?}"
            );
        }
        gated.gate.open();
        assert_eq!(schedule.run(healthy()).unwrap(), 10);
    }

    #[test]
    fn a_blocking_answer_in_time_is_an_answer() {
        #[corio::dispatcher(blocking, timeout = "1h")]
        fn prompt(keys: &[u64]) -> Vec<u64> {
            keys.to_vec()
        }

        // By the system's clock.
        assert_eq!(Schedule::new(()).run(prompt(7)).unwrap(), 7);
        assert_eq!(smol::block_on(Schedule::new(()).run_async(prompt(7))).unwrap(), 7);
    }

    #[test]
    fn a_schedule_can_set_another() {
        check_under(
            |schedule| {
                schedule
                    .options(limited, |options| options.timeout(ms(20)))
                    .options(unlimited, |options| options.timeout(ms(5)))
            },
            all_three,
            expect![[r#"
                0ns: limited[15]
                15ms: the future is dropped
                15ms: limited: 1 answered
                15ms: unlimited[3]
                18ms: unlimited: 1 answered
                18ms: unlimited[6]
                23ms: unlimited: timed out with 1
                dispatcher `unlimited` left 1 request of a batch without an answer for 5ms, its time limit"#]],
        );
    }

    #[corio::task(Timeline)]
    fn all_three() {
        io!(limited(15));
        io!(unlimited(3));
        io!(unlimited(6));
    }
}

mod of_runs {
    use super::*;

    #[corio::task(Timeline)]
    fn two_steps() -> u64 {
        let _noted = context!().note_of_drop("the task is dropped");
        io!(unlimited(6)) + io!(unlimited(7))
    }

    #[corio::dispatcher]
    async fn never(_: &[u64]) -> Vec<u64> {
        pending().await
    }

    #[corio::task]
    fn fails_in_a_time_limit() {
        spawn!(limited_for_an_hour());
        io!(wrong(1));
    }

    #[corio::task]
    fn limited_for_an_hour() {
        timeout!(Duration::from_secs(3600), never(1)).ok();
    }

    #[corio::dispatcher]
    fn wrong(_: &[u64]) -> Vec<u64> {
        Vec::new()
    }

    #[corio::task]
    fn stuck() {
        call!(sync::Notify::new().notified());
    }

    /// What was to happen in a run that failed does not keep the next one awake.
    #[test]
    fn alarms_are_gone_with_their_run() {
        let clock = VirtualClock::new();
        let mut schedule = Schedule::new(()).clock(clock.clone());
        assert!(matches!(schedule.run(fails_in_a_time_limit()), Err(Error::Batch(_))));
        assert!(matches!(schedule.run(stuck()), Err(Error::Deadlock(_))));
        assert_eq!(clock.now(), Duration::ZERO);
    }

    #[test]
    fn a_run_that_is_over_by_its_deadline_knows_nothing_of_it() {
        check_under(
            |schedule| schedule.timeout(ms(14)),
            two_steps,
            expect![[r#"
                0ns: unlimited[6]
                6ms: unlimited: 1 answered
                6ms: unlimited[7]
                13ms: unlimited: 1 answered
                13ms: the task is dropped
                13"#]],
        );
    }

    #[test]
    fn a_run_that_is_not_ends_with_an_error() {
        check_under(
            |schedule| schedule.timeout(ms(12)),
            two_steps,
            expect![[r#"
                0ns: unlimited[6]
                6ms: unlimited: 1 answered
                6ms: unlimited[7]
                12ms: the task is dropped
                the run was not over after 12ms, its time limit"#]],
        );
    }

    #[test]
    fn an_answer_at_the_time_of_the_deadline_is_taken() {
        check_under(
            |schedule| schedule.timeout(ms(13)).yield_every(1),
            two_steps,
            expect![[r#"
                0ns: unlimited[6]
                6ms: unlimited: 1 answered
                6ms: unlimited[7]
                13ms: unlimited: 1 answered
                13ms: the task is dropped
                13"#]],
        );
    }

    #[test]
    fn what_is_asked_at_the_time_of_the_deadline_does_not_leave() {
        check_under(
            |schedule| schedule.timeout(ms(6)).yield_every(1),
            two_steps,
            expect![[r#"
                0ns: unlimited[6]
                6ms: unlimited: 1 answered
                6ms: the task is dropped
                the run was not over after 6ms, its time limit"#]],
        );
    }

    #[test]
    fn without_any_time_tasks_run_once_and_nothing_leaves() {
        let timeline = Timeline::default();
        let mut schedule = timeline.schedule_at_length().timeout(Duration::ZERO);
        let result = schedule.run(two_steps());
        expect![[r#"
            0ns: the task is dropped
            the run was not over after 0ns, its time limit"#]]
        .assert_eq(&shown(&timeline, result));
    }

    #[test]
    fn each_run_has_the_whole_time() {
        let timeline = Timeline::default();
        let mut schedule = timeline.schedule().timeout(ms(15));
        for _ in 0..3 {
            assert_eq!(schedule.run(two_steps()).unwrap(), 13);
            assert_eq!(time_limit(schedule.run(unlimited(16))), ms(15));
        }
        assert_eq!(timeline.clock.now(), ms(3 * (13 + 15)));
    }

    #[test]
    fn it_ends_pauses_before_retries() {
        #[corio::dispatcher(show_keys, retry(attempts = 5, backoff = "10ms", when = |_| true))]
        fn fails(_: &[u64]) -> Result<Vec<u64>, &'static str> {
            Err("fails")
        }

        check_under(
            |schedule| schedule.timeout(ms(15)),
            || fails(1),
            expect![[r#"
                0ns: fails[1]
                0ns: fails: 1 to be retried
                10ms: fails[1]
                10ms: fails: 1 to be retried
                the run was not over after 15ms, its time limit"#]],
        );
    }

    #[corio::task(Timeline)]
    fn locks_twice() {
        let mutex = sync::Mutex::new(());
        let _held = call!(mutex.lock());
        let _never = call!(mutex.lock());
    }

    #[test]
    fn a_deadlock_is_reported_at_once() {
        let timeline = Timeline::default();
        let mut schedule = timeline.schedule().timeout(Duration::from_secs(3600));
        assert!(matches!(schedule.run(locks_twice()), Err(Error::Deadlock(_))));
        assert!(matches!(
            smol::block_on(schedule.run_async(locks_twice())),
            Err(Error::Deadlock(_))
        ));
        assert_eq!(timeline.clock.now(), Duration::ZERO);
    }

    #[test]
    fn a_deadlock_is_reported_as_soon_as_the_last_batch_is_back() {
        #[corio::task(Timeline)]
        fn program() {
            join!(locks_twice(), unlimited(20));
        }

        let timeline = Timeline::default();
        let mut schedule = timeline.schedule().timeout(Duration::from_secs(3600));
        assert!(matches!(schedule.run(program()), Err(Error::Deadlock(_))));
        assert_eq!(timeline.clock.now(), ms(20));
    }
}

mod of_parts_of_a_task {
    use super::*;

    #[corio::task(Timeline)]
    fn two_steps(first: u64, second: u64) -> u64 {
        let _noted = context!().note_of_drop("the child is dropped");
        io!(unlimited(first)) + io!(unlimited(second))
    }

    #[test]
    fn a_task_that_is_over_in_time_gives_its_result() {
        #[corio::task(Timeline)]
        fn program() -> Result<u64, Elapsed> {
            let result = timeout!(ms(14), two_steps(6, 7));
            context!().note("over");
            // And nothing of the limit is left.
            io!(context!().pause(20));
            result
        }

        check(
            program,
            expect![[r#"
                0ns: unlimited[6]
                6ms: unlimited: 1 answered
                6ms: unlimited[7]
                13ms: unlimited: 1 answered
                13ms: the child is dropped
                13ms: over
                Ok(13)"#]],
        );
    }

    #[test]
    fn a_task_that_is_not_is_dropped() {
        #[corio::task(Timeline)]
        fn program() -> (Result<u64, Elapsed>, u64) {
            let result = timeout!(ms(12), two_steps(6, 7));
            context!().note("over");
            (result, io!(unlimited(2)))
        }

        let timeline = Timeline::default();
        let result = timeline.schedule().run(program()).unwrap();
        expect![[r#"
            0ns: unlimited[6]
            6ms: unlimited[7]
            12ms: the child is dropped
            12ms: over
            12ms: unlimited[2]
            (Err(Elapsed { limit: 12ms }), 2)"#]]
        .assert_eq(&format!("{}{result:?}", timeline.take()));
    }

    #[test]
    fn a_request_is_a_task_too() {
        #[corio::task(Timeline)]
        fn program() -> [Result<u64, Elapsed>; 3] {
            [
                timeout!(ms(5), unlimited(4)),
                timeout!(ms(5), unlimited(6)),
                timeout!(ms(5), in_place(7)),
            ]
        }

        let timeline = Timeline::default();
        let result = timeline.schedule().run(program()).unwrap();
        assert_eq!(result.map(Result::ok), [Some(4), None, Some(7)]);
        assert_eq!(timeline.clock.now(), ms(9));
    }

    #[test]
    fn the_limit_of_an_elapsed_is_what_was_given() {
        #[corio::task(Timeline)]
        fn program() -> Elapsed {
            timeout!(ms(5), unlimited(6)).unwrap_err()
        }

        let elapsed = Timeline::default().schedule().run(program()).unwrap();
        assert_eq!((elapsed.limit(), elapsed.to_string().as_str()), (ms(5), "not over within 5ms"));
    }

    #[test]
    fn it_may_borrow_and_its_error_goes_up_by_a_question_mark() {
        #[corio::task(Timeline)]
        fn adds(sum: &mut u64, keys: &[u64]) {
            for key in keys {
                *sum += io!(unlimited(*key));
            }
        }

        #[corio::task(Timeline)]
        fn program() -> Result<u64, Elapsed> {
            let (mut sum, keys) = (0, [1, 2, 3, 4]);
            timeout!(ms(6), adds(&mut sum, &keys[..2]))?;
            assert_eq!(sum, 3);
            timeout!(ms(6), adds(&mut sum, &keys))?;
            unreachable!("takes 10 ms")
        }

        assert_eq!(
            Timeline::default().schedule().run(program()).unwrap().unwrap_err().limit(),
            ms(6)
        );
    }

    #[test]
    fn the_inner_one_may_be_shorter_or_longer() {
        #[corio::task(Timeline)]
        fn inner(limit: u64) -> Result<u64, Elapsed> {
            let result = timeout!(ms(limit), unlimited(100));
            context!().note(format_args!("{result:?} within"));
            result
        }

        #[corio::task(Timeline)]
        fn program()
        -> (Result<Result<u64, Elapsed>, Elapsed>, Result<Result<u64, Elapsed>, Elapsed>) {
            let shorter = timeout!(ms(10), inner(5));
            context!().note(format_args!("{shorter:?}"));
            (shorter, timeout!(ms(10), inner(15)))
        }

        let timeline = Timeline::default();
        let result = timeline.schedule().run(program()).unwrap();
        let text = timeline
            .take()
            .lines()
            .filter(|line| line.contains("Elapsed"))
            .fold(String::new(), |text, line| text + line + "\n");
        expect![[r#"
            5ms: Err(Elapsed { limit: 5ms }) within
            5ms: Ok(Err(Elapsed { limit: 5ms }))
            (Ok(Err(Elapsed { limit: 5ms })), Err(Elapsed { limit: 10ms }))"#]]
        .assert_eq(&format!("{text}{result:?}"));
        assert_eq!(timeline.clock.now(), ms(15));
    }

    #[test]
    fn all_of_a_dropped_task_is_dropped_with_it() {
        #[corio::task(Timeline)]
        fn child(counts: Counts) {
            let _counted = counts.one();
            io!(unlimited(50));
        }

        #[corio::task(Timeline)]
        fn family(counts: &Counts) {
            let _counted = counts.one();
            spawn!(child(counts.clone()));
            join!(child(counts.clone()), task! { call!(child(counts.clone())); });
        }

        #[corio::task(Timeline)]
        fn program(counts: &Counts) {
            timeout!(ms(10), family(counts)).unwrap_err();
            assert_eq!((counts.built(), counts.alive()), (4, 0));
            io!(unlimited(1));
        }

        for asynchronous in [false, true] {
            let (timeline, counts) = (Timeline::default(), Counts::default());
            let mut schedule = timeline.schedule();
            if asynchronous {
                smol::block_on(schedule.run_async(program(&counts))).unwrap();
            } else {
                schedule.run(program(&counts)).unwrap();
            }
            counts.check_built(4);
            assert_eq!(timeline.clock.now(), ms(11));
        }
    }

    #[test]
    fn many_can_run_side_by_side() {
        #[corio::task(Timeline)]
        fn limited(limit: u64) -> bool {
            timeout!(ms(limit), unlimited(100)).is_ok()
        }

        #[corio::task(Timeline)]
        fn program() -> Vec<bool> {
            all!((96..=104).rev().map(limited))
        }

        let timeline = Timeline::default();
        // At 100 ms both are due; whoever comes first.
        let mut result = timeline.schedule().run(program()).unwrap();
        result.remove(4);
        assert_eq!(result, [true, true, true, true, false, false, false, false]);
        assert_eq!(timeline.clock.now(), ms(100));
    }

    #[test]
    fn without_any_time_a_task_that_waits_is_over_and_one_that_does_not_is_not() {
        #[corio::task(Timeline)]
        fn at_once() -> u64 {
            7
        }

        #[corio::task(Timeline)]
        fn program() -> (Result<u64, Elapsed>, Result<u64, Elapsed>) {
            (timeout!(Duration::ZERO, unlimited(1)), timeout!(Duration::ZERO, at_once()))
        }

        let timeline = Timeline::default();
        let (waits, does_not) = timeline.schedule().run(program()).unwrap();
        assert_eq!((waits.unwrap_err().limit(), does_not.unwrap()), (Duration::ZERO, 7));
        assert_eq!(timeline.clock.now(), Duration::ZERO);
    }

    #[test]
    fn endless_time_is_no_limit() {
        #[corio::task(Timeline)]
        fn program() -> Result<u64, Elapsed> {
            timeout!(Duration::MAX, unlimited(1))
        }

        check(
            program,
            expect![[r#"
                0ns: unlimited[1]
                1ms: unlimited: 1 answered
                Ok(1)"#]],
        );
    }

    #[test]
    fn it_ends_the_wait_for_a_lock() {
        #[corio::task(Timeline)]
        fn program() -> bool {
            let mutex = sync::Mutex::new(());
            let held = call!(mutex.lock());
            let elapsed = timeout!(ms(10), mutex.lock()).is_err();
            drop(held);
            elapsed && timeout!(ms(10), mutex.lock()).is_ok()
        }

        let timeline = Timeline::default();
        assert!(timeline.schedule().run(program()).unwrap());
        assert_eq!(timeline.clock.now(), ms(10));
    }

    #[test]
    fn requests_that_were_queued_are_withdrawn() {
        #[corio::dispatcher(show_keys, max_in_flight = 1)]
        async fn one(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
            timeline.sleep(keys[0]).await;
            keys.to_vec()
        }

        #[corio::task(Timeline)]
        fn gives_up() {
            io!(context!().pause(1));
            timeout!(ms(5), one(3)).unwrap_err();
        }

        #[corio::task(Timeline)]
        fn program() {
            join!(one(10), gives_up(), task! { io!(context!().pause(2)); io!(one(4)); });
        }

        check(
            program,
            expect![[r#"
                0ns: one[10]
                10ms: one: 1 answered
                10ms: one[4]
                14ms: one: 1 answered
                ()"#]],
        );
    }
}

mod clocks {
    use super::*;

    /// A clock that stands still until the test moves it, and began long ago.
    #[derive(Clone, Default)]
    struct ByHand {
        clock: VirtualClock,
        idle: Number,
    }

    const LONG_AGO: Duration = Duration::from_secs(1_000_000);

    impl Clock for ByHand {
        fn now(&self) -> Duration {
            LONG_AGO + self.clock.now()
        }

        fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            self.clock.sleep_until(time - LONG_AGO)
        }

        fn idle(&self) {
            self.idle.add(1);
        }
    }

    #[corio::dispatcher]
    async fn never(_: &[u64]) -> Vec<u64> {
        pending().await
    }

    #[test]
    fn one_of_your_own_wakes_the_run() {
        #[corio::task]
        fn program() -> [Elapsed; 2] {
            [timeout!(ms(10), never(1)).unwrap_err(), timeout!(ms(20), never(1)).unwrap_err()]
        }

        let clock = ByHand::default();
        let mut schedule = Schedule::new(()).clock(clock.clone());
        let moves = Cell::new(0);
        let result = smol::block_on(async {
            let mut run = pin!(schedule.run_async(program()));
            poll_fn(|context| {
                let poll = run.as_mut().poll(context);
                if poll.is_pending() {
                    // Half a step: every other one wakes it.
                    moves.set(moves.get() + 1);
                    assert!(moves.get() < 100, "is not over");
                    clock.clock.advance(ms(5));
                    context.waker().wake_by_ref();
                }
                poll
            })
            .await
        });
        assert_eq!(result.unwrap().map(|elapsed| elapsed.limit()), [ms(10), ms(20)]);
        assert_eq!(moves.get(), 6, "30 ms by 5");
        assert!(clock.idle.get() > 0);
    }

    #[test]
    fn the_waker_is_woken_by_the_clock_and_by_nothing_else() {
        struct Flag(Mutex<bool>);

        impl std::task::Wake for Flag {
            fn wake(self: Arc<Self>) {
                *self.0.lock().unwrap() = true;
            }
        }

        let clock = ByHand::default();
        let mut schedule = Schedule::new(()).clock(clock.clone()).timeout(ms(10));
        let flag = Arc::new(Flag(Mutex::new(false)));
        let waker = flag.clone().into();
        let mut context = std::task::Context::from_waker(&waker);
        let mut run = pin!(schedule.run_async(never(1)));
        // At first it may want to be polled again.
        loop {
            assert!(run.as_mut().poll(&mut context).is_pending());
            if !std::mem::take(&mut *flag.0.lock().unwrap()) {
                break;
            }
        }
        clock.clock.advance(ms(9));
        assert!(!*flag.0.lock().unwrap());
        clock.clock.advance(ms(1));
        assert!(*flag.0.lock().unwrap());
        let Poll::Ready(end) = run.as_mut().poll(&mut context) else { panic!("it is not over") };
        assert_eq!(time_limit(end), ms(10));
    }

    struct NeverAsked;

    impl Clock for NeverAsked {
        fn now(&self) -> Duration {
            panic!("nothing here has to do with time")
        }

        fn sleep_until(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            panic!("nothing here has to do with time")
        }
    }

    #[test]
    fn nobody_looks_at_one_without_a_limit() {
        #[corio::dispatcher(max_in_flight = 1, retry(attempts = 3))]
        fn retries(tries: &Number, batch: Batch<u64, u64>) {
            tries.add(1);
            for slot in batch {
                if tries.get() < 3 { slot.retry() } else { slot.answer_with(|key| key) }
            }
        }

        #[corio::task(Number)]
        fn program() -> u64 {
            call!(healthy()) + io!(retries(1)) + io!(corio::future(async { 5 }))
        }

        let tries = Number::default();
        let mut schedule = Schedule::new(&tries).clock(NeverAsked);
        assert_eq!(schedule.run(program()).unwrap(), 16);
        assert_eq!(smol::block_on(schedule.run_async(program())).unwrap(), 16);
    }
}
