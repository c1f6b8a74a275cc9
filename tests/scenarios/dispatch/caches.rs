//! Answers that go to more than one request: to all that asked for the same key at the same time,
//! to all of a run, and from run to run.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use corio::{Batch, Context, Event, Log, RequestError, Schedule, Task, cache};
use expect_test::{Expect, expect};
use support::Number;
use support::timeline::Timeline;

/// Runs a program, and shows what left and what was kept, and its result.
#[track_caller]
fn check<T: Debug>(program: impl Task<Timeline, Output = T>, expect: Expect) {
    let timeline = Timeline::default();
    check_in(&timeline, &mut timeline.schedule(), program, expect);
}

#[track_caller]
fn check_at_length<T: Debug>(program: impl Task<Timeline, Output = T>, expect: Expect) {
    let timeline = Timeline::default();
    check_in(&timeline, &mut timeline.schedule_at_length(), program, expect);
}

#[track_caller]
fn check_in<T: Debug>(
    timeline: &Timeline,
    schedule: &mut Schedule<&Timeline>,
    program: impl Task<Timeline, Output = T>,
    expect: Expect,
) {
    let result = schedule.run(program).unwrap();
    expect.assert_eq(&format!("{}{result:?}", timeline.take()));
}

/// Answers with the time in milliseconds: so it shows in an answer when it was made.
fn times<K>(timeline: &Timeline, keys: &[K]) -> Vec<u128> {
    vec![timeline.clock.now().as_millis(); keys.len()]
}

mod in_flight {
    use super::*;

    /// Takes 10 ms, one batch at a time.
    #[corio::dispatcher(show_keys, dedup, max_in_flight = 1)]
    async fn fetch(timeline: &Timeline, keys: &[u64]) -> Vec<Rc<u128>> {
        timeline.sleep(10).await;
        times(timeline, keys).into_iter().map(Rc::new).collect()
    }

    #[corio::task(Timeline)]
    fn after(pause: u64, key: u64) -> Rc<u128> {
        io!(context!().pause(pause));
        io!(fetch(key))
    }

    #[test]
    fn a_key_on_its_way_does_not_go_again_and_everyone_gets_the_same_answer() {
        #[corio::task(Timeline)]
        fn program() -> (bool, bool, Vec<u128>) {
            let answers = all!(
                [(0, 1), (0, 2), (3, 1), (6, 1), (9, 1)].map(|(pause, key)| after(pause, key))
            );
            let one = &answers[0];
            (
                answers[2..].iter().all(|answer| Rc::ptr_eq(answer, one)),
                Rc::ptr_eq(&answers[1], one),
                answers.iter().map(|answer| **answer).collect(),
            )
        }

        check_at_length(
            program(),
            expect![[r#"
                0ns: fetch[1, 2]
                10ms: fetch: 5 answered
                (true, false, [10, 10, 10, 10, 10])"#]],
        );
    }

    #[test]
    fn a_key_that_waits_at_the_limit_leaves_once() {
        #[corio::task(Timeline)]
        fn program() -> Vec<Rc<u128>> {
            all!(
                [(0, 1), (2, 2), (3, 3), (4, 2), (5, 1), (6, 3)]
                    .map(|(pause, key)| after(pause, key))
            )
        }

        check(
            program(),
            expect![[r#"
                0ns: fetch[1]
                10ms: fetch[2, 3]
                [10, 20, 20, 20, 10, 20]"#]],
        );
    }

    #[test]
    fn what_was_answered_is_asked_again() {
        #[corio::task(Timeline)]
        fn program() -> (Rc<u128>, Rc<u128>) {
            (io!(fetch(1)), io!(fetch(1)))
        }

        check(
            program(),
            expect![[r#"
                0ns: fetch[1]
                10ms: fetch[1]
                (10, 20)"#]],
        );
    }

    #[corio::task(Timeline)]
    fn gives_up(pause: u64, key: u64, limit: u64) {
        race!(task! { call!(after(pause, key)); }, task! { io!(context!().pause(limit)); });
        context!().note("gives up");
    }

    #[test]
    fn those_who_joined_get_the_answer_when_the_first_asker_is_dropped_while_it_is_on_its_way() {
        #[corio::task(Timeline)]
        fn program() -> (Rc<u128>, Rc<u128>) {
            let (_, first, second) = join!(gives_up(0, 1, 5), after(2, 1), after(7, 1));
            (first, second)
        }

        check(
            program(),
            expect![[r#"
                0ns: fetch[1]
                5ms: gives up
                (10, 10)"#]],
        );
    }

    #[test]
    fn those_who_joined_get_the_answer_when_the_first_asker_is_dropped_while_it_waits() {
        #[corio::task(Timeline)]
        fn program() -> (Rc<u128>, Rc<u128>, Rc<u128>) {
            let (_, zero, first, second) =
                join!(gives_up(1, 1, 5), after(0, 0), after(2, 1), after(7, 1));
            (zero, first, second)
        }

        check(
            program(),
            expect![[r#"
                0ns: fetch[0]
                5ms: gives up
                10ms: fetch[1]
                (10, 20, 20)"#]],
        );
    }

    #[test]
    fn a_key_that_all_askers_gave_up_does_not_leave() {
        #[corio::task(Timeline)]
        fn program() {
            join!(after(0, 0), gives_up(1, 1, 5), gives_up(2, 1, 6), after(3, 2));
        }

        check(
            program(),
            expect![[r#"
                0ns: fetch[0]
                5ms: gives up
                6ms: gives up
                10ms: fetch[2]
                ()"#]],
        );
    }

    #[test]
    fn one_who_joins_after_all_others_gave_up_gets_an_answer() {
        #[corio::task(Timeline)]
        fn program() -> (Rc<u128>, Rc<u128>) {
            let (_, on_its_way, _, waiting) =
                join!(gives_up(0, 1, 5), after(6, 1), gives_up(1, 2, 5), after(7, 2));
            (on_its_way, waiting)
        }

        let timeline = Timeline::default();
        let (on_its_way, waiting) = timeline.schedule().run(program()).unwrap();
        // What was on its way was given up with its last asker, and leaves again for the new one,
        // as what was withdrawn before it left does.
        assert_eq!((*on_its_way, *waiting), (16, 26));
    }

    #[test]
    fn the_rest_of_those_who_joined_get_the_answer_when_one_is_dropped() {
        #[corio::task(Timeline)]
        fn program() -> (Rc<u128>, Rc<u128>) {
            let (first, _, last) = join!(after(0, 1), gives_up(1, 1, 5), after(7, 1));
            (first, last)
        }

        check(
            program(),
            expect![[r#"
                0ns: fetch[1]
                5ms: gives up
                (10, 10)"#]],
        );
    }

    #[test]
    fn maps_are_no_different() {
        #[corio::dispatcher(show_keys, max_batch = 2)]
        async fn by_key(timeline: &Timeline, keys: &[u64]) -> HashMap<u64, u128> {
            timeline.sleep(10).await;
            keys.iter()
                .filter(|key| **key != 5)
                .map(|key| (*key, timeline.clock.now().as_millis()))
                .collect()
        }

        #[corio::task(Timeline)]
        fn after(pause: u64, key: u64) -> Option<u128> {
            io!(context!().pause(pause));
            io!(by_key(key))
        }

        #[corio::task(Timeline)]
        fn program() -> Vec<Option<u128>> {
            all!(
                [(0, 1), (0, 5), (0, 1), (0, 3), (4, 5), (4, 3)]
                    .map(|(pause, key)| after(pause, key))
            )
        }

        check(
            program(),
            expect![[r#"
                0ns: by_key[1, 5]
                0ns: by_key[3]
                [Some(10), None, Some(10), Some(10), None, Some(10)]"#]],
        );
    }

    #[test]
    fn one_who_asks_during_the_pause_before_a_retry_joins() {
        #[corio::dispatcher(show_keys, dedup, retry(attempts = 3, backoff = "10ms", when = |_| true))]
        fn later(timeline: &Timeline, keys: &[u64]) -> Vec<Result<u128, &'static str>> {
            times(timeline, keys)
                .into_iter()
                .map(|time| if time < 10 { Err("too early") } else { Ok(time) })
                .collect()
        }

        #[corio::task(Timeline)]
        fn joins() -> Result<u128, &'static str> {
            io!(context!().pause(5));
            io!(later(1))
        }

        #[corio::task(Timeline)]
        fn program() -> (Result<u128, &'static str>, Result<u128, &'static str>) {
            join!(later(1), joins())
        }

        check(
            program(),
            expect![[r#"
                0ns: later[1]
                10ms: later[1]
                (Ok(10), Ok(10))"#]],
        );
    }

    #[test]
    fn an_error_goes_to_all_who_wait_for_it() {
        #[corio::dispatcher(show_keys, dedup)]
        async fn fails(timeline: &Timeline, _: &[u64]) -> Result<Vec<u64>, Arc<str>> {
            timeline.sleep(10).await;
            Err("failed".into())
        }

        #[corio::task(Timeline)]
        fn joins() -> Result<u64, Arc<str>> {
            io!(context!().pause(5));
            io!(fails(1))
        }

        #[corio::task(Timeline)]
        fn program() -> (Result<u64, Arc<str>>, Result<u64, Arc<str>>) {
            join!(fails(1), joins())
        }

        check(
            program(),
            expect![[r#"
                0ns: fails[1]
                (Err("failed"), Err("failed"))"#]],
        );
    }
}

mod of_a_run {
    use super::*;

    #[corio::dispatcher(show_keys, cache)]
    fn fetch(timeline: &Timeline, keys: &[u64]) -> Vec<u128> {
        times(timeline, keys)
    }

    #[corio::dispatcher(show_keys, cache)]
    async fn slow(timeline: &Timeline, keys: &[u64]) -> Vec<u128> {
        let asked = times(timeline, keys);
        timeline.sleep(10).await;
        asked
    }

    #[test]
    fn what_was_answered_is_not_asked_again_before_the_next_run() {
        #[corio::task(Timeline)]
        fn program() -> Vec<u128> {
            let mut answers = io_all!([1, 2, 1].map(fetch));
            io!(context!().pause(5));
            answers.extend(io_all!([2, 3, 1].map(fetch)));
            answers
        }

        let timeline = Timeline::default();
        let mut schedule = timeline.schedule_at_length();
        check_in(
            &timeline,
            &mut schedule,
            program(),
            expect![[r#"
                0ns: fetch[1, 2]
                0ns: fetch: 3 answered
                5ms: fetch[3]
                5ms: fetch: 2 kept
                5ms: fetch: 1 answered
                [0, 0, 0, 0, 5, 0]"#]],
        );
        check_in(
            &timeline,
            &mut schedule,
            fetch(1),
            expect![[r#"
                5ms: fetch[1]
                5ms: fetch: 1 answered
                5"#]],
        );
    }

    #[test]
    fn what_was_kept_is_given_before_anything_leaves() {
        #[corio::dispatcher(show_keys)]
        fn store(keys: &[&'static str]) -> Vec<()> {
            vec![(); keys.len()]
        }

        #[corio::task]
        fn stores() {
            io!(store("knows nothing"));
        }

        #[corio::task(Timeline)]
        fn looks_up() {
            io!(fetch(1));
            io!(fetch(1), fetch(1));
            io!(store("knows"));
        }

        #[corio::task(Timeline)]
        fn program() {
            io!(fetch(1));
            join!(stores(), looks_up(), looks_up());
        }

        check(
            program(),
            expect![[r#"
                0ns: fetch[1]
                0ns: store["knows nothing", "knows", "knows"]
                ()"#]],
        );
    }

    #[test]
    fn what_is_on_its_way_is_joined_and_then_kept() {
        #[corio::task(Timeline)]
        fn after(pause: u64) -> u128 {
            io!(context!().pause(pause));
            io!(slow(1))
        }

        #[corio::task(Timeline)]
        fn program() -> (u128, u128, u128) {
            join!(after(0), after(5), after(15))
        }

        check_at_length(
            program(),
            expect![[r#"
                0ns: slow[1]
                10ms: slow: 2 answered
                15ms: slow: 1 kept
                (0, 0, 0)"#]],
        );
    }

    #[test]
    fn that_there_is_nothing_is_kept_too() {
        #[corio::dispatcher(show_keys, cache = "run")]
        fn nothing(_: &[u64]) -> HashMap<u64, u64> {
            HashMap::new()
        }

        #[corio::task(Timeline)]
        fn program() -> (Option<u64>, Option<u64>) {
            (io!(nothing(1)), io!(nothing(1)))
        }

        check(
            program(),
            expect![[r#"
                0ns: nothing[1]
                (None, None)"#]],
        );
    }

    #[corio::task(Timeline)]
    fn twice<R: corio::Request + corio::Dispatch<Timeline>>(
        first: R,
        second: R,
    ) -> (R::Answer, R::Answer) {
        (io!(first), io!(second))
    }

    #[test]
    fn errors_are_not_kept() {
        #[corio::dispatcher(show_keys, cache)]
        fn each(keys: &[u64]) -> Vec<Result<u64, &'static str>> {
            keys.iter().map(|key| if *key == 1 { Err("failed") } else { Ok(*key) }).collect()
        }

        #[corio::dispatcher(show_keys, cache)]
        fn whole(_: &[u64]) -> Result<HashMap<u64, u64>, &'static str> {
            Err("failed")
        }

        #[corio::task(Timeline)]
        fn program() {
            call!(twice(each(1), each(1))).0.unwrap_err();
            call!(twice(each(2), each(2))).0.unwrap();
            call!(twice(whole(1), whole(1))).0.unwrap_err();
        }

        check(
            program(),
            expect![[r#"
                0ns: each[1]
                0ns: each[1]
                0ns: each[2]
                0ns: whole[1]
                0ns: whole[1]
                ()"#]],
        );
    }

    #[test]
    fn errors_can_be_kept() {
        #[corio::dispatcher(show_keys, cache, cache_errors)]
        fn each(keys: &[u64]) -> Vec<Result<u64, &'static str>> {
            keys.iter().map(|key| if *key == 1 { Err("failed") } else { Ok(*key) }).collect()
        }

        check(
            twice(each(1), each(1)),
            expect![[r#"
                0ns: each[1]
                (Err("failed"), Err("failed"))"#]],
        );
    }

    #[test]
    fn an_error_that_was_tried_again_is_not_kept_but_the_answer_is() {
        #[corio::dispatcher(show_keys, cache, cache_errors, retry(attempts = 3, backoff = "10ms", when = |_| true))]
        fn late(timeline: &Timeline, keys: &[u64]) -> Vec<Result<u128, &'static str>> {
            times(timeline, keys)
                .into_iter()
                .map(|time| if time < 10 { Err("too early") } else { Ok(time) })
                .collect()
        }

        check(
            twice(late(1), late(1)),
            expect![[r#"
                0ns: late[1]
                10ms: late[1]
                (Ok(10), Ok(10))"#]],
        );
    }

    #[test]
    fn trouble_is_never_kept() {
        #[corio::dispatcher(show_keys, cache, cache_errors, faults = "error")]
        fn each(batch: Batch<&'static str, Result<u64, &'static str>>) {
            for slot in batch {
                match *slot.key() {
                    "panics" => panic!("now"),
                    "drops" => drop(slot),
                    "retries" => slot.retry(),
                    _ => slot.fail("says so"),
                }
            }
        }

        #[corio::dispatcher(show_keys, cache, cache_errors, faults = "error")]
        fn miscounts(_: &[u64]) -> Vec<Result<u64, &'static str>> {
            Vec::new()
        }

        #[corio::dispatcher(show_keys, cache, cache_errors, faults = "error", timeout = "10ms")]
        async fn late(_: &[u64]) -> Vec<Result<u64, &'static str>> {
            std::future::pending().await
        }

        #[corio::task(Timeline)]
        fn program() {
            for trouble in ["panics", "drops", "retries", "fails"] {
                assert!(call!(twice(each(trouble), each(trouble))).1.is_err());
            }
            assert!(call!(twice(miscounts(1), miscounts(1))).1.is_err());
            assert!(call!(twice(late(1), late(1))).1.is_err());
        }

        check(
            program(),
            expect![[r#"
                0ns: each["panics"]
                0ns: each["panics"]
                0ns: each["drops"]
                0ns: each["drops"]
                0ns: each["retries"]
                0ns: each["retries"]
                0ns: each["retries"]
                0ns: each["retries"]
                0ns: each["retries"]
                0ns: each["retries"]
                0ns: each["retries"]
                0ns: each["retries"]
                0ns: each["retries"]
                0ns: each["retries"]
                0ns: each["fails"]
                0ns: miscounts[1]
                0ns: miscounts[1]
                0ns: late[1]
                10ms: late[1]
                ()"#]],
        );
    }

    #[test]
    fn what_was_answered_beside_trouble_is_kept() {
        #[corio::dispatcher(show_keys, cache, faults = "error")]
        fn each(batch: Batch<u64, u64>) {
            for slot in batch {
                assert_ne!(*slot.key(), 2, "half-way");
                slot.answer(5);
            }
        }

        #[corio::task(Timeline)]
        fn program() -> Vec<bool> {
            io_all!([1, 2, 3].map(each));
            io_all!([1, 2, 3].map(each)).iter().map(Result::is_ok).collect()
        }

        check(
            program(),
            expect![[r#"
                0ns: each[1, 2, 3]
                0ns: each[2, 3]
                [true, false, false]"#]],
        );
    }
}

mod changed {
    use super::*;

    #[corio::dispatcher(show_keys, cache)]
    fn fetch(timeline: &Timeline, keys: &[u64]) -> Vec<u128> {
        times(timeline, keys)
    }

    /// Answers with the time at which it was asked.
    #[corio::dispatcher(show_keys, cache)]
    async fn slow(timeline: &Timeline, keys: &[u64]) -> Vec<u128> {
        let asked = times(timeline, keys);
        timeline.sleep(10).await;
        asked
    }

    #[corio::task(Timeline)]
    fn slow_after(pause: u64, key: u64) -> u128 {
        io!(context!().pause(pause));
        io!(slow(key))
    }

    #[test]
    fn what_is_primed_is_not_asked() {
        #[corio::task(Timeline)]
        fn program() -> Vec<u128> {
            call!(cache::prime(fetch(1), 100));
            let mut answers = io_all!([1, 2].map(fetch));
            // What is known already is replaced.
            call!(cache::prime(fetch(2), 200));
            answers.extend(io_all!([1, 2].map(fetch)));
            answers
        }

        check(
            program(),
            expect![[r#"
                0ns: fetch[2]
                [100, 0, 100, 200]"#]],
        );
    }

    #[test]
    fn one_who_asks_after_it_was_primed_does_not_wait_for_what_is_on_its_way() {
        #[corio::task(Timeline)]
        fn primes() -> u128 {
            io!(context!().pause(5));
            call!(cache::prime(slow(1), 100));
            let primed = io!(slow(1));
            context!().note("knows");
            primed
        }

        #[corio::task(Timeline)]
        fn program() -> u128 {
            let (_, primed) = join!(slow(1), primes());
            primed
        }

        check(
            program(),
            expect![[r#"
                0ns: slow[1]
                5ms: knows
                100"#]],
        );
    }

    #[test]
    fn what_is_invalid_is_asked_again_and_nothing_else_is() {
        #[corio::task(Timeline)]
        fn program() -> Vec<u128> {
            io_all!([1, 2].map(fetch));
            io!(context!().pause(5));
            call!(cache::invalidate(fetch(1)));
            // It was not there.
            call!(cache::invalidate(fetch(9)));
            io_all!([1, 2].map(fetch))
        }

        check(
            program(),
            expect![[r#"
                0ns: fetch[1, 2]
                5ms: fetch[1]
                [5, 0]"#]],
        );
    }

    #[test]
    fn cleared_is_all_that_one_dispatcher_has_kept() {
        #[corio::task(Timeline)]
        fn program() -> (Vec<u128>, u128) {
            io!(fetch(1), fetch(2), slow(1));
            call!(cache::clear(fetch));
            (io_all!([1, 2].map(fetch)), io!(slow(1)))
        }

        check(
            program(),
            expect![[r#"
                0ns: slow[1]
                0ns: fetch[1, 2]
                10ms: fetch[1, 2]
                ([10, 10], 0)"#]],
        );
    }

    #[test]
    fn an_answer_that_became_invalid_on_its_way_goes_to_the_first_asker_and_others_ask_anew() {
        #[corio::task(Timeline)]
        fn writes() {
            io!(context!().pause(5));
            call!(cache::invalidate(slow(1)));
        }

        #[corio::task(Timeline)]
        fn program() -> (Vec<u128>, u128) {
            let (first, joined, other, later, _) = join!(
                slow_after(0, 1),
                slow_after(2, 1),
                slow_after(0, 2),
                slow_after(7, 1),
                writes()
            );
            (vec![first, joined, other, later], io!(slow(1)))
        }

        // Who asks after it was invalid gets nothing from before; and the new answer is kept.
        let timeline = Timeline::default();
        let (answers, kept) = timeline.schedule().run(program()).unwrap();
        assert_eq!((answers[0], answers[2]), (0, 0), "the first asker of each key");
        assert!(
            answers[1] >= 5 && answers[3] >= 5 && kept >= 5,
            "{answers:?}, {kept}: older than the change"
        );
        let batches = timeline.take();
        assert!(batches.starts_with("0ns: slow[1, 2]\n"), "{batches}");
        assert_eq!(
            batches.lines().count(),
            2,
            "the others ask together, and then it is kept: {batches}"
        );
    }

    #[test]
    fn an_answer_on_its_way_is_not_kept_when_all_is_cleared() {
        #[corio::task(Timeline)]
        fn clears() {
            io!(context!().pause(5));
            call!(cache::clear(slow));
        }

        #[corio::task(Timeline)]
        fn program() -> (u128, u128) {
            let (first, _) = join!(slow(1), clears());
            (first, io!(slow(1)))
        }

        check(
            program(),
            expect![[r#"
                0ns: slow[1]
                10ms: slow[1]
                (0, 10)"#]],
        );
    }

    #[test]
    fn a_request_that_is_queued_when_its_key_becomes_invalid_is_asked() {
        #[corio::task(Timeline)]
        fn asks() -> u128 {
            io!(fetch(1))
        }

        #[corio::task(Timeline)]
        fn program() -> (u128, u128) {
            let asked = spawn!(asks());
            // It has asked when this runs, and nothing has left.
            call!(spawn!(task! {}));
            call!(cache::invalidate(fetch(1)));
            (call!(asked), io!(fetch(1)))
        }

        check(
            program(),
            expect![[r#"
                0ns: fetch[1]
                (0, 0)"#]],
        );
    }

    #[test]
    fn a_change_is_a_task_of_its_own_too() {
        let timeline = Timeline::default();
        let mut schedule = timeline.schedule();
        schedule.run(cache::prime(fetch(1), 100)).unwrap();
        schedule.run(cache::invalidate(fetch(1))).unwrap();
        schedule.run(cache::clear(fetch)).unwrap();
        // Kept for its own run only.
        assert_eq!(schedule.run(fetch(1)).unwrap(), 0);
    }

    #[test]
    fn a_dispatcher_that_keeps_nothing_can_not_be_told_to() {
        #[corio::dispatcher(dedup)]
        fn keeps_nothing(keys: &[u64]) -> Vec<u64> {
            keys.to_vec()
        }

        for change in [
            cache::prime(keeps_nothing(1), 1),
            cache::invalidate(keeps_nothing(1)),
            cache::clear(keeps_nothing),
        ] {
            let mut schedule = Schedule::new(());
            let panic = catch_unwind(AssertUnwindSafe(|| schedule.run(change))).unwrap_err();
            let message = panic.downcast_ref::<String>().expect("a message");
            assert!(message.contains("keeps_nothing"), "names the dispatcher: {message}");
        }
    }
}

mod of_a_schedule {
    use super::*;

    #[derive(Context, Default)]
    struct App {
        timeline: Timeline,
        tenant: Tenant,
    }

    /// Whose turn it is, and how often somebody looked.
    #[derive(Default)]
    struct Tenant {
        id: Cell<u64>,
        looks: Cell<u32>,
    }

    impl Tenant {
        fn partition(&self) -> u64 {
            self.looks.set(self.looks.get() + 1);
            self.id.get()
        }
    }

    /// Answers with tenant and time.
    #[corio::dispatcher(show_keys, cache = "schedule", by = |tenant: &Tenant| tenant.partition())]
    fn fetch(timeline: &Timeline, tenant: &Tenant, keys: &[u64]) -> Vec<(u64, u128)> {
        times(timeline, keys).into_iter().map(|time| (tenant.id.get(), time)).collect()
    }

    #[corio::task(App)]
    fn fetches(keys: Vec<u64>) -> Vec<(u64, u128)> {
        io_all!(keys.into_iter().map(fetch))
    }

    fn schedule(app: &App) -> Schedule<&App> {
        Schedule::new(app).clock(app.timeline.clock.clone()).observe(app.timeline.observer())
    }

    #[track_caller]
    fn check_app<T: Debug>(
        app: &App,
        schedule: &mut Schedule<&App>,
        program: impl Task<App, Output = T>,
        expect: Expect,
    ) {
        let result = schedule.run(program).unwrap();
        expect.assert_eq(&format!("{}{result:?}", app.timeline.take()));
    }

    #[test]
    fn answers_are_kept_from_run_to_run() {
        let app = App::default();
        let mut schedule = schedule(&app);
        check_app(
            &app,
            &mut schedule,
            fetches(vec![1, 2, 1]),
            expect![[r#"
                0ns: fetch[1, 2]
                [(0, 0), (0, 0), (0, 0)]"#]],
        );
        app.timeline.clock.advance(Duration::from_secs(1));
        check_app(
            &app,
            &mut schedule,
            fetches(vec![1, 3]),
            expect![[r#"
                1s: fetch[3]
                [(0, 0), (0, 1000)]"#]],
        );
        check_app(
            &app,
            &mut schedule,
            fetches(vec![1, 2, 3]),
            expect!["[(0, 0), (0, 0), (0, 1000)]"],
        );
        check_app(
            &app,
            &mut self::schedule(&app),
            fetches(vec![1]),
            expect![[r#"
                1s: fetch[1]
                [(0, 1000)]"#]],
        );
    }

    #[test]
    fn no_partition_sees_another() {
        let app = App::default();
        let mut schedule = schedule(&app);
        for tenant in [1, 2, 1, 3, 2, 3, 1] {
            app.tenant.id.set(tenant);
            app.timeline.clock.advance(Duration::from_secs(1));
            let answers = schedule.run(fetches(vec![1, 2])).unwrap();
            assert!(answers.iter().all(|(of, _)| *of == tenant), "{tenant} got {answers:?}");
        }
        // Each asked once.
        expect![[r#"
            1s: fetch[1, 2]
            2s: fetch[1, 2]
            4s: fetch[1, 2]
        "#]]
        .assert_eq(&app.timeline.take());
    }

    #[test]
    fn no_partition_changes_another() {
        let app = App::default();
        let mut schedule = schedule(&app);
        for tenant in [1, 2] {
            app.tenant.id.set(tenant);
            schedule.run(fetches(vec![1, 2])).unwrap();
        }
        app.timeline.take();
        #[corio::task(App)]
        fn changes() {
            call!(cache::prime(fetch(1), (2, 77)));
            call!(cache::prime(fetch(3), (2, 77)));
            call!(cache::invalidate(fetch(2)));
        }
        schedule.run(changes()).unwrap();
        app.tenant.id.set(1);
        app.timeline.clock.advance(Duration::from_secs(1));
        check_app(
            &app,
            &mut schedule,
            fetches(vec![1, 2, 3]),
            expect![[r#"
                1s: fetch[3]
                [(1, 0), (1, 0), (1, 1000)]"#]],
        );
        app.tenant.id.set(2);
        check_app(
            &app,
            &mut schedule,
            fetches(vec![1, 2, 3]),
            expect![[r#"
                1s: fetch[2]
                [(2, 77), (2, 1000), (2, 77)]"#]],
        );
        // Clearing is of what the run can see.
        schedule.run(cache::clear(fetch)).unwrap();
        app.tenant.id.set(1);
        check_app(
            &app,
            &mut schedule,
            fetches(vec![1, 2, 3]),
            expect!["[(1, 0), (1, 0), (1, 1000)]"],
        );
        app.tenant.id.set(2);
        check_app(
            &app,
            &mut schedule,
            fetches(vec![1]),
            expect![[r#"
                1s: fetch[1]
                [(2, 1000)]"#]],
        );
    }

    #[test]
    fn whose_it_is_is_asked_once_a_run() {
        #[corio::task(App)]
        fn program() {
            for key in 0..5 {
                io!(fetch(key));
            }
        }

        let app = App::default();
        let mut schedule = schedule(&app);
        for run in 1..=3 {
            schedule.run(program()).unwrap();
            assert_eq!(app.tenant.looks.get(), run);
        }
    }

    #[test]
    fn everyone_may_see_the_same() {
        #[corio::dispatcher(show_keys, cache = "schedule", by = || ())]
        fn public(timeline: &Timeline, keys: &[u64]) -> HashMap<u64, u128> {
            keys.iter().map(|key| (*key, timeline.clock.now().as_millis())).collect()
        }

        let app = App::default();
        let mut schedule = schedule(&app);
        for tenant in [1, 2] {
            app.tenant.id.set(tenant);
            app.timeline.clock.advance(Duration::from_secs(1));
            assert_eq!(schedule.run(public(1)).unwrap(), Some(1000));
        }
    }

    #[test]
    fn errors_are_not_kept_and_can_be() {
        #[corio::dispatcher(show_keys, cache = "schedule", by = || ())]
        fn fails(_: &[u64]) -> Result<Vec<u64>, &'static str> {
            Err("failed")
        }

        #[corio::dispatcher(show_keys, cache = "schedule", by = || (), cache_errors)]
        fn fails_for_good(_: &[u64]) -> Result<Vec<u64>, &'static str> {
            Err("failed")
        }

        let timeline = Timeline::default();
        let mut schedule = timeline.schedule();
        for _ in 0..2 {
            schedule.run(fails(1)).unwrap().unwrap_err();
            schedule.run(fails_for_good(1)).unwrap().unwrap_err();
        }
        expect![[r#"
            0ns: fails[1]
            0ns: fails_for_good[1]
            0ns: fails[1]
        "#]]
        .assert_eq(&timeline.take());
    }

    #[test]
    fn no_more_than_its_capacity_is_kept() {
        #[corio::dispatcher(cache = "schedule", by = || (), capacity = 10)]
        fn few(keys: &[u64]) -> Vec<u64> {
            keys.to_vec()
        }

        #[corio::task]
        fn program() -> Vec<u64> {
            io_all!((0..100).map(few))
        }

        let asked = Number::default();
        let mut schedule = Schedule::new(()).observe({
            let asked = asked.clone();
            move |event: &Event<'_>| {
                if let Event::BatchSent { len, .. } = event {
                    asked.add(*len);
                }
            }
        });
        for _ in 0..3 {
            asked.set(0);
            assert_eq!(schedule.run(program()).unwrap(), (0..100).collect::<Vec<_>>());
            assert!((90..=100).contains(&asked.get()), "{} of 100", asked.get());
        }
        // One that is asked right after is there.
        schedule.run(few(1)).unwrap();
        asked.set(0);
        schedule.run(few(1)).unwrap();
        assert_eq!(asked.get(), 0);
    }

    #[corio::dispatcher(show_keys, cache = "schedule", by = || (), ttl = "1min")]
    async fn for_a_minute(timeline: &Timeline, keys: &[u64]) -> Vec<u128> {
        timeline.sleep(500).await;
        times(timeline, keys)
    }

    #[test]
    fn no_answer_is_kept_for_longer_than_its_time() {
        let timeline = Timeline::default();
        let mut schedule = timeline.schedule();
        schedule.run(for_a_minute(1)).unwrap();
        timeline.clock.advance(Duration::from_secs(59));
        schedule.run(for_a_minute(1)).unwrap();
        schedule.run(for_a_minute(2)).unwrap();
        // Having been asked for does not make it younger.
        timeline.clock.advance(Duration::from_secs(2));
        schedule.run(for_a_minute(1)).unwrap();
        schedule.run(for_a_minute(2)).unwrap();
        expect![[r#"
            0ns: for_a_minute[1]
            59.5s: for_a_minute[2]
            62s: for_a_minute[1]
        "#]]
        .assert_eq(&timeline.take());
    }

    #[test]
    fn also_within_a_run() {
        #[corio::task(Timeline)]
        fn program() -> Vec<u128> {
            let mut answers = vec![io!(for_a_minute(1))];
            for _ in 0..3 {
                io!(context!().pause(40_000));
                answers.push(io!(for_a_minute(1)));
            }
            answers
        }

        check(
            program(),
            expect![[r#"
                0ns: for_a_minute[1]
                80.5s: for_a_minute[1]
                [500, 500, 81000, 81000]"#]],
        );
    }

    #[test]
    fn what_is_primed_has_its_time_too() {
        let timeline = Timeline::default();
        let mut schedule = timeline.schedule();
        schedule.run(cache::prime(for_a_minute(1), 7)).unwrap();
        timeline.clock.advance(Duration::from_secs(59));
        assert_eq!(schedule.run(for_a_minute(1)).unwrap(), 7);
        timeline.clock.advance(Duration::from_secs(2));
        assert_eq!(schedule.run(for_a_minute(1)).unwrap(), 61_500);
    }

    #[test]
    fn capacity_and_time_go_together() {
        #[corio::dispatcher(show_keys, cache = "schedule", by = |tenant: &Tenant| tenant.id.get(), capacity = 100, ttl = "1min")]
        fn both(timeline: &Timeline, keys: &[u64]) -> Vec<u128> {
            times(timeline, keys)
        }

        let app = App::default();
        let mut schedule = schedule(&app);
        for tenant in [1, 2, 1, 2] {
            app.tenant.id.set(tenant);
            schedule.run(both(1)).unwrap();
            app.timeline.clock.advance(Duration::from_secs(25));
        }
        for tenant in [1, 2] {
            app.tenant.id.set(tenant);
            schedule.run(both(1)).unwrap();
        }
        expect![[r#"
            0ns: both[1]
            25s: both[1]
            100s: both[1]
            100s: both[1]
        "#]]
        .assert_eq(&app.timeline.take());
    }

    #[test]
    fn a_run_that_ends_with_an_error_keeps_what_was_answered_or_nothing_but_nothing_wrong() {
        #[corio::dispatcher]
        fn broken(_: &[u64]) -> Vec<u64> {
            Vec::new()
        }

        #[corio::task(App)]
        fn program() {
            io!(fetch(1));
            io!(broken(1), fetch(2));
        }

        let app = App::default();
        let mut schedule = schedule(&app);
        schedule.run(program()).unwrap_err();
        let answers = schedule.run(fetches(vec![1, 2])).unwrap();
        assert_eq!(answers, [(0, 0), (0, 0)]);
    }
}

mod short_forms {
    use super::*;

    #[corio::dispatcher(show_keys, read)]
    fn read(timeline: &Timeline, keys: &[u64]) -> Vec<u128> {
        times(timeline, keys)
    }

    #[corio::dispatcher(show_keys, write, max_batch = 2)]
    async fn write(timeline: &Timeline, keys: &[u64]) -> Vec<u128> {
        timeline.sleep(10).await;
        times(timeline, keys)
    }

    #[test]
    fn read_asks_each_key_once() {
        #[corio::task(Timeline)]
        fn program() -> (Vec<u128>, Vec<u128>) {
            (io_all!([1, 2, 1].map(read)), io_all!([2, 1, 3].map(read)))
        }

        check(
            program(),
            expect![[r#"
                0ns: read[1, 2]
                0ns: read[3]
                ([0, 0, 0], [0, 0, 0])"#]],
        );
    }

    #[test]
    fn write_makes_each_write_in_order_one_batch_at_a_time() {
        #[corio::task(Timeline)]
        fn program() -> (Vec<u128>, u128) {
            (io_all!([1, 1, 2, 1, 1].map(write)), io!(write(1)))
        }

        check(
            program(),
            expect![[r#"
                0ns: write[1, 1]
                10ms: write[2, 1]
                20ms: write[1]
                30ms: write[1]
                ([10, 10, 20, 20, 30], 40)"#]],
        );
    }

    #[test]
    fn read_again_after_a_write() {
        #[corio::task(Timeline)]
        fn program() -> (u128, u128, u128) {
            let before = io!(read(1));
            io!(write(1));
            let kept = io!(read(1));
            call!(cache::invalidate(read(1)));
            (before, kept, io!(read(1)))
        }

        check(
            program(),
            expect![[r#"
                0ns: read[1]
                0ns: write[1]
                10ms: read[1]
                (0, 0, 10)"#]],
        );
    }
}

/// What a change of the cache means for a key in each state that it can be in.
mod states {
    use super::*;

    thread_local!(static FAILS: Cell<bool> = const { Cell::new(false) });

    /// Takes 10 ms, and answers with the time at which it was asked. What fails once is tried again
    /// after 100 ms.
    #[corio::dispatcher(show_keys, cache, retry(attempts = 2, backoff = "100ms", when = |_| true))]
    async fn read(timeline: &Timeline, keys: &[u64]) -> Vec<Result<u128, ()>> {
        let asked = times(timeline, keys);
        timeline.sleep(10).await;
        asked.into_iter().map(|time| if FAILS.take() { Err(()) } else { Ok(time) }).collect()
    }

    #[derive(Clone, Copy, Debug)]
    enum State {
        /// Nobody has asked.
        Unknown,
        /// In the same phase, before anything leaves.
        Asked,
        /// Behind a batch of 10 ms.
        Held,
        InFlight,
        Pausing,
        Kept,
    }

    #[derive(Clone, Copy, Debug)]
    enum Change {
        Nothing,
        Prime,
        Invalidate,
        Clear,
    }

    #[corio::task(Timeline)]
    fn asks() -> String {
        let answer = io!(read(1)).unwrap();
        format!("{answer} at {}", context!().clock.now().as_millis())
    }

    /// What the first who asks gets and when, one who joins, and one who asks after the change.
    #[corio::task(Timeline)]
    fn row(state: State, change: Change) -> String {
        let waits_until = match state {
            State::Unknown | State::Asked => 0,
            State::Held | State::InFlight => 2,
            State::Pausing => 50,
            State::Kept => 20,
        };
        FAILS.set(matches!(state, State::Pausing));
        if matches!(state, State::Held) {
            spawn!(task! { io!(read(9)).unwrap(); });
            io!(context!().pause(1));
        }
        let askers = if matches!(state, State::Unknown) {
            Vec::new()
        } else {
            vec![spawn!(asks()), spawn!(asks())]
        };
        match state {
            // They run before this does.
            State::Unknown | State::Asked => drop(call!(spawn!(task! {}))),
            State::Held => io!(context!().pause(1)),
            _ => io!(context!().pause(waits_until)),
        }
        match change {
            Change::Nothing => {}
            Change::Prime => call!(cache::prime(read(1), Ok(777))),
            Change::Invalidate => call!(cache::invalidate(read(1))),
            Change::Clear => call!(cache::clear(read)),
        }
        let later = spawn!(asks());
        let mut cells = Vec::new();
        for asker in askers {
            cells.push(call!(asker));
        }
        cells.resize(2, String::from("-"));
        cells.push(call!(later));
        cells.join(" | ")
    }

    #[test]
    fn a_change_means_the_same_however_a_request_waits() {
        let mut table = String::new();
        for state in [
            State::Unknown,
            State::Asked,
            State::Held,
            State::InFlight,
            State::Pausing,
            State::Kept,
        ] {
            for change in [Change::Nothing, Change::Prime, Change::Invalidate, Change::Clear] {
                let timeline = Timeline::default();
                let cells = timeline.schedule().run(row(state, change)).unwrap();
                let sent = timeline.take().replace("read", "").trim_end().replace('\n', ", ");
                table += &format!(
                    "{state:?}, {change:?}: {cells} | {}\n",
                    if sent.is_empty() { "-" } else { &sent }
                );
            }
        }
        expect![[r#"
            Unknown, Nothing: - | - | 0 at 10 | 0ns: [1]
            Unknown, Prime: - | - | 777 at 0 | -
            Unknown, Invalidate: - | - | 0 at 10 | 0ns: [1]
            Unknown, Clear: - | - | 0 at 10 | 0ns: [1]
            Asked, Nothing: 0 at 10 | 0 at 10 | 0 at 10 | 0ns: [1]
            Asked, Prime: 777 at 0 | 777 at 0 | 777 at 0 | -
            Asked, Invalidate: 0 at 10 | 0 at 10 | 0 at 10 | 0ns: [1]
            Asked, Clear: 0 at 10 | 0 at 10 | 0 at 10 | 0ns: [1]
            Held, Nothing: 10 at 20 | 10 at 20 | 10 at 20 | 0ns: [9], 10ms: [1]
            Held, Prime: 777 at 2 | 777 at 2 | 777 at 2 | 0ns: [9]
            Held, Invalidate: 10 at 20 | 10 at 20 | 10 at 20 | 0ns: [9], 10ms: [1]
            Held, Clear: 10 at 20 | 10 at 20 | 10 at 20 | 0ns: [9], 10ms: [1]
            InFlight, Nothing: 0 at 10 | 0 at 10 | 0 at 10 | 0ns: [1]
            InFlight, Prime: 777 at 2 | 777 at 2 | 777 at 2 | 0ns: [1]
            InFlight, Invalidate: 0 at 10 | 10 at 20 | 10 at 20 | 0ns: [1], 10ms: [1]
            InFlight, Clear: 0 at 10 | 10 at 20 | 10 at 20 | 0ns: [1], 10ms: [1]
            Pausing, Nothing: 110 at 120 | 110 at 120 | 110 at 120 | 0ns: [1], 110ms: [1]
            Pausing, Prime: 777 at 50 | 777 at 50 | 777 at 50 | 0ns: [1]
            Pausing, Invalidate: 110 at 120 | 110 at 120 | 110 at 120 | 0ns: [1], 110ms: [1]
            Pausing, Clear: 110 at 120 | 110 at 120 | 110 at 120 | 0ns: [1], 110ms: [1]
            Kept, Nothing: 0 at 10 | 0 at 10 | 0 at 20 | 0ns: [1]
            Kept, Prime: 0 at 10 | 0 at 10 | 777 at 20 | 0ns: [1]
            Kept, Invalidate: 0 at 10 | 0 at 10 | 20 at 30 | 0ns: [1], 20ms: [1]
            Kept, Clear: 0 at 10 | 0 at 10 | 20 at 30 | 0ns: [1], 20ms: [1]
        "#]]
        .assert_eq(&table);
    }
}

/// An answer that was kept, and others that are not: what is asked next is one batch.
mod side_by_side {
    use super::*;

    #[corio::dispatcher(show_keys, cache)]
    fn user(keys: &[u64]) -> Vec<u64> {
        keys.to_vec()
    }

    #[corio::dispatcher(show_keys, cache)]
    async fn slow_user(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
        timeline.sleep(10).await;
        keys.to_vec()
    }

    #[corio::dispatcher(show_keys)]
    fn state(keys: &[u64]) -> Vec<u64> {
        keys.to_vec()
    }

    #[test]
    fn who_gets_a_kept_answer_goes_on_with_those_whose_answers_come_in_the_same_phase() {
        #[corio::task]
        fn one(key: u64) -> u64 {
            let user = io!(user(key));
            io!(state(user))
        }

        #[corio::task(Timeline)]
        fn program() -> Vec<u64> {
            io!(user(1));
            all!((1..4).map(one))
        }

        check(
            program(),
            expect![[r#"
                0ns: user[1]
                0ns: user[2, 3]
                0ns: state[1, 2, 3]
                [1, 2, 3]"#]],
        );
    }

    #[test]
    fn nobody_waits_for_a_batch_that_takes_its_time() {
        #[corio::task(Timeline)]
        fn one(key: u64) -> u64 {
            let user = io!(slow_user(key));
            io!(state(user))
        }

        #[corio::task(Timeline)]
        fn program() -> Vec<u64> {
            io!(slow_user(1));
            all!((1..4).map(one))
        }

        check(
            program(),
            expect![[r#"
                0ns: slow_user[1]
                10ms: slow_user[2, 3]
                10ms: state[1]
                20ms: state[2, 3]
                [1, 2, 3]"#]],
        );
    }
}

#[test]
fn replacements_and_schedules_are_kept_apart() {
    #[corio::dispatcher(show_keys, cache = "schedule", by = || ())]
    fn fetch(_: &[u64]) -> Vec<u64> {
        unreachable!("asks a server")
    }

    let log = Log::new();
    let mut one =
        Schedule::new(()).answer_with(fetch, |keys| vec![1; keys.len()]).observe(log.observer());
    let mut two =
        Schedule::new(()).answer_with(fetch, |keys| vec![2; keys.len()]).observe(log.observer());
    for _ in 0..2 {
        assert_eq!((one.run(fetch(7)).unwrap(), two.run(fetch(7)).unwrap()), (1, 2));
    }
    expect![[r#"
        round 1: fetch[7]
        round 1: fetch[7]
    "#]]
    .assert_eq(&log.to_string());
}

#[test]
fn with_trouble_as_errors_what_the_dispatcher_says_is_kept_as_told() {
    #[corio::dispatcher(show_keys, cache, faults = "error")]
    fn untold(_: &[u64]) -> Result<Vec<u64>, &'static str> {
        Err("failed")
    }

    #[corio::dispatcher(show_keys, cache, cache_errors, faults = "error")]
    fn told(_: &[u64]) -> Result<Vec<u64>, &'static str> {
        Err("failed")
    }

    #[corio::task(Timeline)]
    fn program() {
        for _ in 0..2 {
            assert_eq!(io!(untold(1)), Err(RequestError::of_dispatcher("failed")));
            assert_eq!(io!(told(1)), Err(RequestError::of_dispatcher("failed")));
        }
    }

    check(
        program(),
        expect![[r#"
            0ns: untold[1]
            0ns: told[1]
            0ns: untold[1]
            ()"#]],
    );
}
