//! Requests that are tried again: how often, after which pauses, and with whom they leave.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use corio::{Batch, Context, Elapsed, Error, Log, RequestError, Schedule, Task};
use expect_test::{Expect, expect};
use support::timeline::Timeline;

/// Runs a program, and shows what left when, and its result.
#[track_caller]
fn check<T: Debug>(program: impl Task<Timeline, Output = T>, expect: Expect) {
    let timeline = Timeline::default();
    let result = timeline.schedule().run(program).unwrap();
    expect.assert_eq(&format!("{}{result:?}", timeline.take()));
}

/// The error of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trouble {
    /// Worth another attempt.
    Busy,
    /// Is not.
    Gone,
}

/// A key, and how often it will have failed before it succeeds.
type Key = (&'static str, usize);

/// Answers each key with the number of the attempt, once it has failed often enough.
#[derive(Default)]
struct Server(RefCell<HashMap<&'static str, usize>>);

impl Server {
    fn ask(&self, (name, failures): Key) -> Result<usize, Trouble> {
        let mut attempts = self.0.borrow_mut();
        let attempt = attempts.entry(name).or_default();
        *attempt += 1;
        if *attempt > failures { Ok(*attempt) } else { Err(Trouble::Busy) }
    }
}

#[derive(Context, Default)]
struct App {
    timeline: Timeline,
    server: Server,
}

#[track_caller]
fn check_app<T: Debug>(program: impl Task<App, Output = T>, expect: Expect) {
    let (result, batches) = run_app(program);
    expect.assert_eq(&format!("{batches}{:?}", result.unwrap()));
}

fn run_app<T>(program: impl Task<App, Output = T>) -> (Result<T, Error>, String) {
    let app = App::default();
    let mut schedule =
        Schedule::new(&app).clock(app.timeline.clock.clone()).observe(app.timeline.observer());
    let result = schedule.run(program);
    (result, app.timeline.take())
}

mod budget {
    use super::*;

    #[corio::dispatcher(show_keys, retry(attempts = 3, when = |error| *error == Trouble::Busy))]
    fn three(server: &Server, keys: &[Key]) -> Vec<Result<usize, Trouble>> {
        keys.iter().map(|key| server.ask(*key)).collect()
    }

    #[test]
    fn a_request_that_succeeds_is_not_tried_again() {
        check_app(
            three(("a", 0)),
            expect![[r#"
                0ns: three[("a", 0)]
                Ok(1)"#]],
        );
    }

    #[test]
    fn a_request_is_tried_until_it_succeeds() {
        check_app(
            three(("a", 2)),
            expect![[r#"
                0ns: three[("a", 2)]
                0ns: three[("a", 2)]
                0ns: three[("a", 2)]
                Ok(3)"#]],
        );
    }

    #[test]
    fn when_all_attempts_are_used_up_the_task_gets_the_last_error() {
        #[corio::dispatcher(show_keys, retry(attempts = 4, when = |_| true))]
        fn fails(attempts: &Cell<u32>, keys: &[&'static str]) -> Vec<Result<(), String>> {
            attempts.set(attempts.get() + 1);
            keys.iter().map(|key| Err(format!("{key}: attempt {}", attempts.get()))).collect()
        }

        let log = Log::new();
        let attempts = Cell::new(0);
        let mut schedule = Schedule::new(&attempts).observe(log.observer());
        assert_eq!(schedule.run(fails("a")).unwrap(), Err("a: attempt 4".into()));
        // The next run has the full budget.
        assert_eq!(schedule.run(fails("b")).unwrap(), Err("b: attempt 8".into()));
        expect![[r#"
            round 1: fails["a"]
            round 2: fails["a"]
            round 3: fails["a"]
            round 4: fails["a"]
            round 1: fails["b"]
            round 2: fails["b"]
            round 3: fails["b"]
            round 4: fails["b"]
        "#]]
        .assert_eq(&log.to_string());
    }

    #[test]
    fn only_those_that_failed_go_again() {
        #[corio::task(App)]
        fn program() -> Vec<Result<usize, Trouble>> {
            io_all!([("a", 0), ("b", 1), ("c", 0), ("d", 2), ("e", 9)].map(three))
        }

        check_app(
            program(),
            expect![[r#"
                0ns: three[("a", 0), ("b", 1), ("c", 0), ("d", 2), ("e", 9)]
                0ns: three[("b", 1), ("d", 2), ("e", 9)]
                0ns: three[("d", 2), ("e", 9)]
                [Ok(1), Ok(2), Ok(1), Ok(3), Err(Busy)]"#]],
        );
    }

    #[test]
    fn each_answer_is_asked_about_once() {
        thread_local!(static ASKED: RefCell<Vec<String>> = RefCell::default());

        fn is_loud(error: &str) -> bool {
            ASKED.with_borrow_mut(|asked| asked.push(error.to_owned()));
            error.ends_with('!')
        }

        /// The first attempt of those in capitals fails worse than all others.
        #[corio::dispatcher(retry(attempts = 3, when = |error| is_loud(error)))]
        fn fails(attempts: &Cell<u32>, keys: &[&'static str]) -> Vec<Result<(), String>> {
            attempts.set(attempts.get() + 1);
            let is_worse = |key: &str| attempts.get() == 1 && key.to_uppercase() == key;
            keys.iter()
                .map(|key| Err(format!("{key}{}", if is_worse(key) { "!" } else { "" })))
                .collect()
        }

        #[corio::task(Cell<u32>)]
        fn program() -> Vec<Result<(), String>> {
            io_all!(["a", "B", "c", "D"].map(fails))
        }

        let answers = Schedule::new(&Cell::new(0)).run(program()).unwrap();
        let asked = ASKED.take().join(", ");
        expect![[r#"
            asked of a, B!, c, D!, B, D
            [Err("a"), Err("B"), Err("c"), Err("D")]
        "#]]
        .assert_eq(&format!("asked of {asked}\n{answers:?}\n"));
    }

    #[test]
    fn each_request_has_its_own() {
        #[corio::task(App)]
        fn later() -> Result<usize, Trouble> {
            io!(three(("first", 0))).unwrap();
            io!(three(("later", 2)))
        }

        #[corio::task(App)]
        fn program() -> (Result<usize, Trouble>, Result<usize, Trouble>) {
            join!(three(("early", 2)), later())
        }

        check_app(
            program(),
            expect![[r#"
                0ns: three[("early", 2), ("first", 0)]
                0ns: three[("early", 2), ("later", 2)]
                0ns: three[("early", 2), ("later", 2)]
                0ns: three[("later", 2)]
                (Ok(3), Ok(3))"#]],
        );
    }

    #[test]
    fn options_of_one_schedule_can_change_it() {
        let app = App::default();
        let mut schedule =
            Schedule::new(&app).observe(app.timeline.observer()).options(three, |options| {
                options.retry(corio::Retry::attempts(2).when(Result::is_err))
            });
        assert_eq!(schedule.run(three(("a", 9))).unwrap(), Err(Trouble::Busy));
        expect![[r#"
            0ns: three[("a", 9)]
            0ns: three[("a", 9)]
        "#]]
        .assert_eq(&app.timeline.take());
    }
}

mod which {
    use super::*;

    #[test]
    fn errors_that_are_not_worth_it_are_given_at_once() {
        #[corio::dispatcher(show_keys, retry(attempts = 2, when = |error| *error == Trouble::Busy))]
        fn each(keys: &[&'static str]) -> Vec<Result<(), Trouble>> {
            keys.iter()
                .map(|key| Err(if *key == "busy" { Trouble::Busy } else { Trouble::Gone }))
                .collect()
        }

        #[corio::task(Timeline)]
        fn program() -> (Result<(), Trouble>, Result<(), Trouble>) {
            join!(
                task! { let gone = io!(each("gone")); context!().note("is gone"); gone },
                each("busy")
            )
        }

        check(
            program(),
            expect![[r#"
                0ns: each["gone", "busy"]
                0ns: is gone
                0ns: each["busy"]
                (Err(Gone), Err(Busy))"#]],
        );
    }

    #[test]
    fn an_error_of_the_whole_batch_is_looked_at_for_each_request() {
        #[corio::dispatcher(show_keys, max_batch = 2, retry(attempts = 3, when = is_busy))]
        fn whole(server: &Server, keys: &[Key]) -> Result<Vec<usize>, Trouble> {
            keys.iter().map(|key| server.ask(*key)).collect()
        }

        fn is_busy(error: &Trouble) -> bool {
            matches!(error, Trouble::Busy)
        }

        #[corio::task(App)]
        fn program() -> Vec<Result<usize, Trouble>> {
            io_all!([("a", 0), ("b", 1), ("c", 0)].map(whole))
        }

        check_app(
            program(),
            expect![[r#"
                0ns: whole[("a", 0), ("b", 1)]
                0ns: whole[("c", 0)]
                0ns: whole[("a", 0), ("b", 1)]
                [Ok(2), Ok(2), Ok(1)]"#]],
        );
    }

    #[test]
    fn maps_and_async_functions_and_owned_keys_are_no_different() {
        #[corio::dispatcher(show_keys, retry(attempts = 3, when = |_| true))]
        async fn by_key(
            server: &Server,
            keys: Vec<Key>,
        ) -> Result<HashMap<Key, usize>, Arc<Trouble>> {
            keys.into_iter().map(|key| Ok((key, server.ask(key)?))).collect()
        }

        #[corio::task(App)]
        fn program() -> Vec<Result<Option<usize>, Arc<Trouble>>> {
            io_all!([("a", 1), ("a", 1)].map(by_key))
        }

        check_app(
            program(),
            expect![[r#"
                0ns: by_key[("a", 1)]
                0ns: by_key[("a", 1)]
                [Ok(Some(2)), Ok(Some(2))]"#]],
        );
    }

    #[test]
    fn with_trouble_as_errors_the_dispatchers_own_are_looked_at() {
        #[corio::dispatcher(show_keys, faults = "error", retry(attempts = 2, when = |error: &Trouble| *error == Trouble::Busy))]
        fn each(keys: &[&'static str]) -> Vec<Result<(), Trouble>> {
            assert!(!keys.contains(&"panic"), "not tried again: it says nothing of that");
            keys.iter()
                .map(|key| Err(if *key == "busy" { Trouble::Busy } else { Trouble::Gone }))
                .collect()
        }

        #[corio::task(Timeline)]
        fn program() -> Vec<Result<(), RequestError<Trouble>>> {
            let mut errors = io_all!(["busy", "gone"].map(each));
            errors.push(io!(each("panic")));
            errors
        }

        check(
            program(),
            expect![[r#"
                0ns: each["busy", "gone"]
                0ns: each["busy"]
                0ns: each["panic"]
                [Err(Failed(Busy)), Err(Failed(Gone)), Err(Panicked { dispatcher: "each", message: "not tried again: it says nothing of that" })]"#]],
        );
    }

    #[test]
    fn slots_that_fail_are_looked_at_but_not_those_that_gave_their_key_away() {
        #[corio::dispatcher(show_keys, retry(attempts = 2, when = |error| *error == Trouble::Busy))]
        fn slots(batch: Batch<&'static str, Result<(), Trouble>>) {
            for slot in batch {
                match *slot.key() {
                    "fail" => slot.fail(Trouble::Busy),
                    "answer" => slot.answer(Err(Trouble::Busy)),
                    "answer_with" => slot.answer_with(|_| Err(Trouble::Busy)),
                    _ => slot.fail(Trouble::Gone),
                }
            }
        }

        #[corio::task(Timeline)]
        fn program() -> Vec<Result<(), Trouble>> {
            io_all!(["fail", "answer", "answer_with", "gone"].map(slots))
        }

        check(
            program(),
            expect![[r#"
                0ns: slots["fail", "answer", "answer_with", "gone"]
                0ns: slots["fail", "answer"]
                [Err(Busy), Err(Busy), Err(Busy), Err(Gone)]"#]],
        );
    }
}

mod slots {
    use super::*;

    #[test]
    fn a_slot_can_ask_for_another_attempt() {
        #[corio::dispatcher(show_keys, retry(attempts = 3, backoff = "10ms"))]
        fn slots(server: &Server, batch: Batch<Key, usize>) {
            for slot in batch {
                match server.ask(*slot.key()) {
                    Ok(attempt) => slot.answer(attempt),
                    Err(_) => slot.retry(),
                }
            }
        }

        #[corio::task(App)]
        fn program() -> (usize, usize) {
            io!(slots(("a", 0)), slots(("b", 2)))
        }

        check_app(
            program(),
            expect![[r#"
                0ns: slots[("a", 0), ("b", 2)]
                10ms: slots[("b", 2)]
                20ms: slots[("b", 2)]
                (1, 3)"#]],
        );
    }

    #[corio::dispatcher(show_keys)]
    fn untold(batch: Batch<u64, u64>) {
        batch.into_iter().for_each(corio::Slot::retry);
    }

    #[test]
    fn when_all_attempts_are_used_up_that_is_trouble_that_ends_the_run() {
        #[corio::dispatcher(show_keys, retry(attempts = 2))]
        fn told(batch: Batch<u64, u64>) {
            batch.into_iter().for_each(corio::Slot::retry);
        }

        let timeline = Timeline::default();
        let mut schedule = timeline.schedule();
        let errors = [schedule.run(told(7)).unwrap_err(), schedule.run(untold(8)).unwrap_err()];
        assert!(
            matches!(&errors[0], Error::Batch(RequestError::RetriesExhausted { dispatcher: "told", attempts: 2, key: Some(key), .. }) if key == "7"),
            "{errors:?}"
        );
        expect![[r#"
            0ns: told[7]
            0ns: told[7]
            0ns: untold[8]
            0ns: untold[8]
            0ns: untold[8]
            0ns: untold[8]
            0ns: untold[8]
            dispatcher `told` asked for one more try of a request that was sent 2 times already (key 7)
            dispatcher `untold` asked for one more try of a request that was sent 5 times already (key 8)"#]]
        .assert_eq(&format!("{}{}\n{}", timeline.take(), errors[0], errors[1]));
    }

    #[test]
    fn that_trouble_can_be_the_requests_error() {
        #[corio::dispatcher(faults = "error", retry(attempts = 2))]
        fn told(batch: Batch<u64, u64>) {
            for slot in batch {
                if *slot.key() == 1 { slot.retry() } else { slot.answer(5) }
            }
        }

        #[corio::task(Timeline)]
        fn program() -> (Result<u64, RequestError>, Result<u64, RequestError>) {
            io!(told(1), told(2))
        }

        check(
            program(),
            expect![[r#"
                0ns: told[2 keys]
                0ns: told[1 key]
                (Err(RetriesExhausted { dispatcher: "told", attempts: 2, key: None }), Ok(5))"#]],
        );
    }

    #[test]
    fn a_slot_can_say_how_long_to_wait() {
        #[corio::dispatcher(show_keys, retry(attempts = 3, backoff = "10ms..20ms"))]
        fn slots(timeline: &Timeline, batch: Batch<u64, &'static str>) {
            let soon = timeline.clock.now() < Duration::from_millis(70);
            for slot in batch {
                match (*slot.key(), soon) {
                    (0, true) => slot.retry(),
                    (pause, true) => slot.retry_after(Duration::from_millis(pause)),
                    (_, false) => slot.answer("late enough"),
                }
            }
        }

        #[corio::task(Timeline)]
        fn program() -> Vec<&'static str> {
            io_all!([35, 71, 40].map(slots))
        }

        check(
            program(),
            expect![[r#"
                0ns: slots[35, 71, 40]
                35ms: slots[35]
                40ms: slots[40]
                70ms: slots[35]
                71ms: slots[71]
                80ms: slots[40]
                ["late enough", "late enough", "late enough"]"#]],
        );
    }

    #[test]
    fn it_can_be_asked_for_later_and_on_another_thread() {
        #[corio::dispatcher(show_keys)]
        fn threads(server: &Server, batch: Batch<Key, usize>) {
            let answers: Vec<_> = batch.keys().map(|key| server.ask(*key)).collect();
            std::thread::spawn(move || {
                for (slot, answer) in batch.into_iter().zip(answers) {
                    match answer {
                        Ok(attempt) => slot.answer(attempt),
                        Err(_) => slot.retry(),
                    }
                }
            });
        }

        assert_eq!(run_app(threads(("a", 4))).0, Ok(5));
    }
}

mod pauses {
    use super::*;

    /// The times in milliseconds at which attempts left.
    fn times(timeline: &Timeline) -> Vec<f64> {
        timeline.times().iter().map(|time| time.as_secs_f64() * 1000.0).collect()
    }

    #[test]
    fn they_double_up_to_the_longest() {
        #[corio::dispatcher(retry(attempts = 6, backoff = "10ms..60ms", when = |_| true))]
        fn fails(_: &[u64]) -> Result<Vec<u64>, &'static str> {
            Err("fails")
        }

        check(
            fails(1),
            expect![[r#"
                0ns: fails[1 key]
                10ms: fails[1 key]
                30ms: fails[1 key]
                70ms: fails[1 key]
                130ms: fails[1 key]
                190ms: fails[1 key]
                Err("fails")"#]],
        );
    }

    #[test]
    fn they_can_be_the_same_each_time() {
        #[corio::dispatcher(retry(attempts = 4, backoff = "50ms", when = |_| true))]
        fn fails(_: &[u64]) -> Result<Vec<u64>, &'static str> {
            Err("fails")
        }

        check(
            fails(1),
            expect![[r#"
                0ns: fails[1 key]
                50ms: fails[1 key]
                100ms: fails[1 key]
                150ms: fails[1 key]
                Err("fails")"#]],
        );
    }

    #[test]
    fn they_begin_when_the_batch_has_failed() {
        #[corio::dispatcher(retry(attempts = 3, backoff = "10ms..1s", when = |_| true))]
        async fn fails(timeline: &Timeline, _: &[u64]) -> Result<Vec<u64>, &'static str> {
            timeline.sleep(7).await;
            Err("fails")
        }

        check(
            fails(1),
            expect![[r#"
                0ns: fails[1 key]
                17ms: fails[1 key]
                44ms: fails[1 key]
                Err("fails")"#]],
        );
    }

    #[test]
    fn they_hold_nobody_else() {
        #[corio::dispatcher(show_keys, max_in_flight = 1, retry(attempts = 2, backoff = "10ms", when = |_| true))]
        fn odd_fail(keys: &[u64]) -> Vec<Result<u64, u64>> {
            keys.iter().map(|key| if key % 2 == 1 { Err(*key) } else { Ok(*key) }).collect()
        }

        #[corio::task(Timeline)]
        fn evens() {
            for key in [2, 4] {
                io!(odd_fail(key)).unwrap();
                io!(context!().pause(3));
            }
        }

        #[corio::task(Timeline)]
        fn program() {
            let _ = join!(odd_fail(1), evens());
        }

        check(
            program(),
            expect![[r#"
                0ns: odd_fail[1, 2]
                3ms: odd_fail[4]
                10ms: odd_fail[1]
                ()"#]],
        );
    }

    #[test]
    fn they_are_no_deadlock_and_the_run_waits_for_them() {
        #[corio::dispatcher(retry(attempts = 2, backoff = "1h", when = |_| true))]
        fn fails(_: &[u64]) -> Result<Vec<u64>, &'static str> {
            Err("fails")
        }

        check(
            fails(1),
            expect![[r#"
                0ns: fails[1 key]
                3600s: fails[1 key]
                Err("fails")"#]],
        );
    }

    #[corio::dispatcher(show_keys, retry(attempts = 6, backoff = "1s..8s", jitter, when = |_| true))]
    fn jittery(_: &[u64]) -> Result<Vec<u64>, &'static str> {
        Err("fails")
    }

    /// Twice in one schedule, by a seed.
    fn jittered(seed: u64) -> Vec<f64> {
        let timeline = Timeline::default();
        let mut schedule = timeline.schedule().seed(seed);
        for _ in 0..2 {
            assert_eq!(schedule.run(jittery(1)).unwrap(), Err("fails"));
        }
        times(&timeline)
    }

    #[test]
    fn jitter_takes_up_to_half_off_each() {
        for seed in 0..20 {
            let times = jittered(seed);
            for run in times.chunks(6) {
                for (pair, full) in run.windows(2).zip([1000.0, 2000.0, 4000.0, 8000.0, 8000.0]) {
                    let pause = pair[1] - pair[0];
                    // A nanosecond is nothing.
                    assert!(
                        pause >= full / 2.0 - 1e-5 && pause <= full + 1e-5,
                        "{pause} of {full}: {times:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn jitter_by_the_same_seed_is_the_same_in_every_run() {
        let times = jittered(1);
        assert_eq!(jittered(1), times);
        let (first, second) = times.split_at(6);
        let from_its_start = |run: &[f64]| {
            run.iter().map(|time| format!("{:.3}", time - run[0])).collect::<Vec<_>>()
        };
        assert_eq!(from_its_start(first), from_its_start(second), "the second run of a schedule");
        assert_ne!(jittered(2), times);
    }

    #[test]
    fn those_of_one_batch_pause_together() {
        #[corio::task(Timeline)]
        fn program() {
            io_all!((0..50).map(jittery));
        }

        let timeline = Timeline::default();
        timeline.schedule().run(program()).unwrap();
        let batches = timeline.take();
        assert_eq!(batches.lines().count(), 6, "{batches}");
    }
}

mod company {
    use super::*;

    #[corio::dispatcher(show_keys, max_in_flight = 1, retry(attempts = 3, backoff = "10ms", when = |_| true))]
    async fn paused(
        timeline: &Timeline,
        keys: &[(&'static str, u64)],
    ) -> Vec<Result<&'static str, ()>> {
        timeline.sleep(keys[0].1).await;
        keys.iter().map(|(name, _)| if *name == "fails" { Err(()) } else { Ok(*name) }).collect()
    }

    #[corio::task(Timeline)]
    fn after(pause: u64, name: &'static str, time: u64) {
        io!(context!().pause(pause));
        let _ = io!(paused((name, time)));
    }

    #[test]
    fn they_leave_in_front_of_what_was_asked_later() {
        #[corio::dispatcher(show_keys, retry(attempts = 2, when = |_| true))]
        fn odd_fail(keys: &[u64]) -> Vec<Result<u64, u64>> {
            keys.iter().map(|key| if key % 2 == 1 { Err(*key) } else { Ok(*key) }).collect()
        }

        #[corio::task(Timeline)]
        fn evens(key: u64) {
            io!(odd_fail(key)).unwrap();
            io!(odd_fail(key + 10)).unwrap();
        }

        #[corio::task(Timeline)]
        fn program() {
            let _ = join!(evens(2), odd_fail(1), evens(4), odd_fail(3));
        }

        check(
            program(),
            expect![[r#"
                0ns: odd_fail[2, 1, 4, 3]
                0ns: odd_fail[1, 3, 12, 14]
                ()"#]],
        );
    }

    #[test]
    fn those_whose_pause_ends_at_the_limit_leave_in_front_of_what_has_gathered() {
        #[corio::task(Timeline)]
        fn program() {
            let _ = join!(
                paused(("fails", 1)),
                after(2, "long", 30),
                after(5, "waits", 1),
                after(20, "waits too", 1)
            );
        }

        check(
            program(),
            expect![[r#"
                0ns: paused[("fails", 1)]
                2ms: paused[("long", 30)]
                32ms: paused[("fails", 1), ("waits", 1), ("waits too", 1)]
                43ms: paused[("fails", 1)]
                ()"#]],
        );
    }

    #[test]
    fn max_batch_counts_them_too() {
        #[corio::dispatcher(show_keys, max_batch = 2, retry(attempts = 2, when = |_| true))]
        fn pairs(keys: &[u64]) -> Vec<Result<u64, u64>> {
            keys.iter().map(|key| if key % 2 == 1 { Err(*key) } else { Ok(*key) }).collect()
        }

        #[corio::task(Timeline)]
        fn evens(key: u64) {
            io!(pairs(key)).unwrap();
            io!(pairs(key + 10)).unwrap();
        }

        #[corio::task(Timeline)]
        fn program() {
            let _ = join!(evens(2), pairs(1), evens(4), pairs(3), pairs(5));
        }

        check(
            program(),
            expect![[r#"
                0ns: pairs[2, 1]
                0ns: pairs[4, 3]
                0ns: pairs[5]
                0ns: pairs[1, 3]
                0ns: pairs[5, 12]
                0ns: pairs[14]
                ()"#]],
        );
    }

    #[test]
    fn ordered_ones_hold_what_comes_behind_them() {
        #[corio::dispatcher(show_keys, ordered, retry(attempts = 3, backoff = "10ms", when = |_| true))]
        fn in_order(server: &Server, keys: &[Key]) -> Vec<Result<usize, Trouble>> {
            keys.iter().map(|key| server.ask(*key)).collect()
        }

        #[corio::task(App)]
        fn later() {
            io!(context!().timeline.pause(5));
            io!(in_order(("later", 0))).unwrap();
        }

        #[corio::task(App)]
        fn program() {
            let _ = join!(in_order(("fails", 2)), in_order(("does not", 0)), later());
        }

        check_app(
            program(),
            expect![[r#"
                0ns: in_order[("fails", 2), ("does not", 0)]
                10ms: in_order[("fails", 2), ("later", 0)]
                20ms: in_order[("fails", 2)]
                ()"#]],
        );
    }
}

mod stopped {
    use super::*;

    #[corio::dispatcher(show_keys, retry(attempts = 10, backoff = "10ms", when = |_| true))]
    fn fails(_: &[u64]) -> Result<Vec<u64>, &'static str> {
        Err("fails")
    }

    #[test]
    fn by_a_race_that_is_lost() {
        #[corio::task(Timeline)]
        fn program() {
            race!(task! { let _ = io!(fails(1)); }, task! { io!(context!().pause(25)); });
            context!().note("over");
            io!(context!().pause(100));
        }

        check(
            program(),
            expect![[r#"
                0ns: fails[1]
                10ms: fails[1]
                20ms: fails[1]
                25ms: over
                ()"#]],
        );
    }

    #[test]
    fn by_a_time_limit_of_the_task() {
        #[corio::task(Timeline)]
        fn program() -> Result<Result<u64, &'static str>, Elapsed> {
            let result = timeout!(Duration::from_millis(15), fails(1));
            io!(context!().pause(100));
            result
        }

        check(
            program(),
            expect![[r#"
                0ns: fails[1]
                10ms: fails[1]
                Err(Elapsed { limit: 15ms })"#]],
        );
    }

    #[test]
    fn only_for_the_task_that_was_dropped() {
        #[corio::task(Timeline)]
        fn gives_up() {
            race!(task! { let _ = io!(fails(1)); }, task! { io!(context!().pause(15)); });
        }

        #[corio::task(Timeline)]
        fn goes_on() {
            race!(task! { let _ = io!(fails(2)); }, task! { io!(context!().pause(35)); });
        }

        #[corio::task(Timeline)]
        fn program() {
            let _ = join!(gives_up(), goes_on());
        }

        check(
            program(),
            expect![[r#"
                0ns: fails[1, 2]
                10ms: fails[1, 2]
                20ms: fails[2]
                30ms: fails[2]
                ()"#]],
        );
    }

    #[test]
    fn also_when_others_ask_meanwhile() {
        #[corio::task(Timeline)]
        fn program() {
            race!(task! { let _ = io!(fails(1)); }, task! { io!(context!().pause(5)); });
            race!(task! { let _ = io!(fails(2)); }, task! { io!(context!().pause(15)); });
        }

        check(
            program(),
            expect![[r#"
                0ns: fails[1]
                5ms: fails[2]
                15ms: fails[2]
                ()"#]],
        );
    }

    #[test]
    fn and_do_not_keep_the_run_waiting() {
        #[corio::dispatcher(show_keys, retry(attempts = 10, backoff = "1h", when = |_| true))]
        fn seldom(_: &[u64]) -> Result<Vec<u64>, &'static str> {
            Err("fails")
        }

        #[corio::task(Timeline)]
        fn program() {
            race!(task! { let _ = io!(seldom(1)); }, task! { io!(context!().pause(5)); });
            let mutex = corio::sync::Mutex::new(());
            let _held = call!(mutex.lock());
            let _never = call!(mutex.lock());
        }

        let timeline = Timeline::default();
        assert!(matches!(timeline.schedule().run(program()), Err(Error::Deadlock(_))));
        assert_eq!(
            timeline.clock.now(),
            Duration::from_millis(5),
            "the deadlock is there from then on"
        );
    }

    #[test]
    fn by_the_end_of_the_run() {
        #[corio::task(Timeline)]
        fn program() -> u64 {
            race!(
                task! { io!(fails(1)).unwrap_or_default() },
                task! { io!(context!().pause(5)); 5 }
            )
        }

        let timeline = Timeline::default();
        let mut schedule = timeline.schedule();
        for _ in 0..2 {
            assert_eq!(schedule.run(program()).unwrap(), 5);
        }
        expect![[r#"
            0ns: fails[1]
            5ms: fails[1]
        "#]]
        .assert_eq(&timeline.take());
    }
}

/// Batches that are given up as their time is over.
mod timed_out {
    use super::*;

    thread_local!(static SLOW: Cell<u32> = const { Cell::new(0) });

    async fn takes_its_time(timeline: &Timeline) {
        let is_slow = SLOW.get() > 0;
        SLOW.set(SLOW.get().saturating_sub(1));
        timeline.sleep(if is_slow { 60_000 } else { 10 }).await;
    }

    #[corio::dispatcher(
        show_keys,
        timeout = "1s",
        retry(attempts = 3, backoff = "100ms", timeouts),
        faults = "error"
    )]
    async fn fetch(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
        takes_its_time(timeline).await;
        keys.to_vec()
    }

    #[test]
    fn what_a_batch_left_without_an_answer_is_sent_again() {
        #[corio::task(Timeline)]
        fn program() -> Vec<Result<u64, RequestError>> {
            SLOW.set(2);
            io_all!((1..=2).map(fetch))
        }

        check(
            program(),
            expect![[r#"
                0ns: fetch[1, 2]
                1.1s: fetch[1, 2]
                2.2s: fetch[1, 2]
                [Ok(1), Ok(2)]"#]],
        );
    }

    #[test]
    fn when_all_attempts_are_used_up_the_last_time_out_is_what_comes_of_it() {
        #[corio::task(Timeline)]
        fn program() -> String {
            SLOW.set(3);
            io!(fetch(1)).unwrap_err().to_string()
        }

        check(
            program(),
            expect![[r#"
                0ns: fetch[1]
                1.1s: fetch[1]
                2.2s: fetch[1]
                "dispatcher `fetch` left 1 request of a batch without an answer for 1s, its time limit""#]],
        );
    }

    #[test]
    fn without_being_told_to_it_is_not() {
        #[corio::dispatcher(show_keys, timeout = "1s", retry(attempts = 3, when = |_: &String| true), faults = "error")]
        async fn once(timeline: &Timeline, keys: &[u64]) -> Vec<Result<u64, String>> {
            takes_its_time(timeline).await;
            keys.iter().map(|key| Ok(*key)).collect()
        }

        #[corio::task(Timeline)]
        fn program() -> bool {
            SLOW.set(1);
            matches!(io!(once(1)), Err(RequestError::TimedOut { .. }))
        }

        check(
            program(),
            expect![[r#"
                0ns: once[1]
                true"#]],
        );
    }

    #[test]
    fn those_that_were_answered_are_not_and_those_who_joined_wait_on() {
        /// Answers its first key at once.
        #[corio::dispatcher(show_keys, dedup, timeout = "1s", retry(attempts = 2, timeouts))]
        async fn in_parts(timeline: &Timeline, mut batch: Batch<u64, u64>) {
            let others = batch.split_off(1);
            batch.into_iter().for_each(|slot| slot.answer_with(|key| key));
            takes_its_time(timeline).await;
            others.into_iter().for_each(|slot| slot.answer_with(|key| key));
        }

        #[corio::task(Timeline)]
        fn joins() -> u64 {
            io!(context!().pause(500));
            io!(in_parts(2))
        }

        #[corio::task(Timeline)]
        fn program() -> ((u64, u64, u64), u64) {
            SLOW.set(1);
            join!(task! { io!(in_parts(1), in_parts(2), in_parts(3)) }, joins())
        }

        check(
            program(),
            expect![[r#"
                0ns: in_parts[1, 2, 3]
                1s: in_parts[2, 3]
                ((1, 2, 3), 2)"#]],
        );
    }

    #[test]
    fn without_faults_as_errors_the_last_one_ends_the_run() {
        #[corio::dispatcher(timeout = "1s", retry(attempts = 2, timeouts))]
        async fn never(_: &[u64]) -> Vec<u64> {
            std::future::pending().await
        }

        let timeline = Timeline::default();
        let mut schedule = timeline.schedule();
        assert!(matches!(schedule.run(never(1)), Err(Error::Batch(RequestError::TimedOut { .. }))));
        assert_eq!(timeline.clock.now(), Duration::from_secs(2));
    }
}
