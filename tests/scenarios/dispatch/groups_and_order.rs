//! Requests that may not share a batch, and requests that may not overtake each other.

use std::cell::Cell;
use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::pin;
use std::sync::Mutex;
use std::task::Poll;
use std::time::Duration;

use corio::{Batch, Schedule, Slot, Task};
use expect_test::{Expect, expect};
use support::timeline::Timeline;

#[track_caller]
fn check<T: Debug>(program: impl Task<Timeline, Output = T>, expect: Expect) {
    check_under(|schedule| schedule, program, expect);
}

#[track_caller]
fn check_under<T: Debug>(
    tell: impl for<'t> FnOnce(Schedule<&'t Timeline>) -> Schedule<&'t Timeline>,
    program: impl Task<Timeline, Output = T>,
    expect: Expect,
) {
    let timeline = Timeline::default();
    let mut schedule = tell(timeline.schedule());
    let result = schedule.run(program).unwrap();
    expect.assert_eq(&format!("{}{result:?}", timeline.take()));
}

mod groups {
    use super::*;

    type Page = (&'static str, u64);

    #[corio::dispatcher(show_keys, group_by = |page| page.0)]
    fn pages(keys: &[Page]) -> Vec<u64> {
        keys.iter().map(|(_, number)| number * 10).collect()
    }

    #[test]
    fn each_is_a_batch_in_the_order_in_which_it_was_first_asked() {
        #[corio::task(Timeline)]
        fn program() -> (Vec<u64>, u64) {
            (
                io_all!([("b", 1), ("a", 2), ("b", 3), ("c", 4), ("a", 5)].map(pages)),
                io!(pages(("c", 6))),
            )
        }

        check(
            program(),
            expect![[r#"
                0ns: pages[("b", 1), ("b", 3)]
                0ns: pages[("a", 2), ("a", 5)]
                0ns: pages[("c", 4)]
                0ns: pages[("c", 6)]
                ([10, 20, 30, 40, 50], 60)"#]],
        );
    }

    #[test]
    fn a_function_can_say_which() {
        fn parity(key: &u64) -> u64 {
            key % 2
        }

        #[corio::dispatcher(show_keys, group_by = parity)]
        async fn by_parity(keys: Vec<u64>) -> Vec<u64> {
            keys
        }

        #[corio::task(Timeline)]
        fn program() -> Vec<u64> {
            io_all!((1..=5).map(by_parity))
        }

        check(
            program(),
            expect![[r#"
                0ns: by_parity[1, 3, 5]
                0ns: by_parity[2, 4]
                [1, 2, 3, 4, 5]"#]],
        );
    }

    #[test]
    fn one_that_is_larger_than_max_batch_leaves_in_parts() {
        check_under(
            |schedule| schedule.options(pages, |options| options.max_batch(2)),
            all_of([("a", 1), ("b", 2), ("a", 3), ("a", 4), ("b", 5), ("a", 6), ("a", 7)].to_vec()),
            expect![[r#"
                0ns: pages[("a", 1), ("a", 3)]
                0ns: pages[("a", 4), ("a", 6)]
                0ns: pages[("a", 7)]
                0ns: pages[("b", 2), ("b", 5)]
                [10, 20, 30, 40, 50, 60, 70]"#]],
        );
    }

    #[corio::task(Timeline)]
    fn all_of(keys: Vec<Page>) -> Vec<u64> {
        io_all!(keys.into_iter().map(pages))
    }

    #[test]
    fn equal_keys_are_asked_once_in_theirs() {
        check_under(
            |schedule| schedule.options(pages, |options| options.dedup()),
            all_of([("a", 1), ("b", 1), ("a", 1), ("b", 1), ("a", 2)].to_vec()),
            expect![[r#"
                0ns: pages[("a", 1), ("a", 2)]
                0ns: pages[("b", 1)]
                [10, 10, 10, 10, 20]"#]],
        );
    }

    /// A batch takes as many milliseconds as its largest number says.
    #[corio::dispatcher(show_keys, max_in_flight = 1, group_by = |page| page.0)]
    async fn slow(timeline: &Timeline, keys: &[Page]) -> Vec<u64> {
        timeline.sleep(keys.iter().map(|(_, time)| *time).max().unwrap()).await;
        keys.iter().map(|(_, time)| *time).collect()
    }

    #[corio::task(Timeline)]
    fn after(pause: u64, name: &'static str, time: u64) {
        io!(context!().pause(pause));
        io!(slow((name, time)));
    }

    #[test]
    fn one_whose_batch_is_slow_holds_no_other() {
        #[corio::task(Timeline)]
        fn program() {
            join!(
                after(0, "a", 4),
                after(0, "b", 10),
                after(5, "a", 1),
                after(6, "c", 7),
                after(7, "a", 2),
                after(11, "b", 1)
            );
        }

        check(
            program(),
            expect![[r#"
                0ns: slow[("a", 4)]
                0ns: slow[("b", 10)]
                5ms: slow[("a", 1)]
                6ms: slow[("c", 7)]
                7ms: slow[("a", 2)]
                11ms: slow[("b", 1)]
                ()"#]],
        );
    }

    #[test]
    fn a_limit_of_the_schedule_bounds_all_together() {
        #[corio::task(Timeline)]
        fn program() {
            join!(after(0, "a", 4), after(0, "b", 10), after(5, "a", 1));
        }

        check_under(
            |schedule| schedule.max_in_flight(1).options(slow, |options| options.max_in_flight(9)),
            program(),
            expect![[r#"
                0ns: slow[("a", 4)]
                4ms: slow[("b", 10)]
                14ms: slow[("a", 1)]
                ()"#]],
        );
    }

    #[test]
    fn what_fails_in_one_is_tried_again_in_it() {
        #[corio::dispatcher(show_keys, group_by = |page| page.0, retry(attempts = 2, when = |_| true))]
        fn fails(keys: &[Page]) -> Vec<Result<u64, ()>> {
            keys.iter()
                .map(|(_, number)| if number % 2 == 1 { Err(()) } else { Ok(*number) })
                .collect()
        }

        #[corio::task(Timeline)]
        fn program() {
            io_all!([("a", 1), ("b", 2), ("a", 2), ("b", 3), ("a", 5)].map(fails));
        }

        check(
            program(),
            expect![[r#"
                0ns: fails[("a", 1), ("a", 2), ("a", 5)]
                0ns: fails[("b", 2), ("b", 3)]
                0ns: fails[("a", 1), ("a", 5)]
                0ns: fails[("b", 3)]
                ()"#]],
        );
    }
}

mod order {
    use super::*;

    /// A batch takes 10 ms.
    #[corio::dispatcher(show_keys, ordered)]
    async fn log(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
        timeline.sleep(10).await;
        timeline.note(format_args!("done: {keys:?}"));
        keys.to_vec()
    }

    #[corio::task(Timeline)]
    fn log_after(pause: u64, key: u64) {
        io!(context!().pause(pause));
        io!(log(key));
    }

    #[test]
    fn the_next_batch_leaves_when_the_last_is_answered() {
        #[corio::task(Timeline)]
        fn program() {
            join!(
                log_after(0, 1),
                log_after(0, 2),
                log_after(3, 3),
                log_after(2, 4),
                log_after(15, 5),
                log_after(40, 6)
            );
        }

        check(
            program(),
            expect![[r#"
                0ns: log[1, 2]
                10ms: done: [1, 2]
                10ms: log[4, 3]
                20ms: done: [4, 3]
                20ms: log[5]
                30ms: done: [5]
                40ms: log[6]
                50ms: done: [6]
                ()"#]],
        );
    }

    #[test]
    fn parts_leave_one_at_a_time() {
        #[corio::task(Timeline)]
        fn program() {
            join!(task! { io_all!((1..=5).map(log)); }, log_after(12, 6), log_after(13, 7));
        }

        check_under(
            |schedule| schedule.options(log, |options| options.max_batch(2)),
            program(),
            expect![[r#"
                0ns: log[1, 2]
                10ms: done: [1, 2]
                10ms: log[3, 4]
                20ms: done: [3, 4]
                20ms: log[5, 6]
                30ms: done: [5, 6]
                30ms: log[7]
                40ms: done: [7]
                ()"#]],
        );
    }

    #[test]
    fn doubles_are_not_lost() {
        #[corio::task(Timeline)]
        fn program() {
            io_all!([1, 1, 2, 1].map(log));
        }

        check(
            program(),
            expect![[r#"
                0ns: log[1, 1, 2, 1]
                10ms: done: [1, 1, 2, 1]
                ()"#]],
        );
    }

    #[test]
    fn nothing_leaves_before_the_last_slot_is_answered() {
        #[corio::dispatcher(show_keys, ordered)]
        async fn backwards(timeline: &Timeline, batch: Batch<u64, u64>) {
            let slots: Vec<_> = batch.into_iter().collect();
            for slot in slots.into_iter().rev() {
                timeline.sleep(10).await;
                slot.answer_with(|key| key);
            }
        }

        #[corio::task(Timeline)]
        fn twice(key: u64) {
            io!(backwards(key));
            context!().note(format_args!("{key} is answered"));
            io!(backwards(key + 10));
        }

        #[corio::task(Timeline)]
        fn program() {
            join!(twice(1), twice(2), twice(3));
        }

        check(
            program(),
            expect![[r#"
                0ns: backwards[1, 2, 3]
                10ms: 3 is answered
                20ms: 2 is answered
                30ms: 1 is answered
                30ms: backwards[13, 12, 11]
                ()"#]],
        );
    }

    #[test]
    fn in_place_they_are_no_different() {
        #[corio::dispatcher(show_keys, ordered, max_batch = 2)]
        fn in_place(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
            timeline.note(format_args!("done: {keys:?}"));
            keys.to_vec()
        }

        #[corio::task(Timeline)]
        fn two_steps(key: u64) {
            io!(in_place(key));
            io!(in_place(key + 10));
        }

        #[corio::task(Timeline)]
        fn program() {
            join!(two_steps(1), two_steps(2), two_steps(3));
        }

        let timeline = Timeline::default();
        timeline.schedule().run(program()).unwrap();
        let done: Vec<_> = timeline
            .take()
            .lines()
            .filter_map(|line| line.split_once("done: ").map(|(_, keys)| keys.to_owned()))
            .collect();
        // 3 was asked before what 1 and 2 ask next.
        let keys = done.concat().replace("][", ", ");
        assert!(keys.starts_with("[1, 2, 3, "), "{keys}");
        assert_eq!(keys, "[1, 2, 3, 11, 12, 13]");
    }

    #[test]
    fn groups_do_not_overtake_each_other() {
        #[corio::dispatcher(show_keys, ordered, group_by = |key: &(char, u64)| key.0)]
        async fn grouped(timeline: &Timeline, keys: &[(char, u64)]) -> Vec<u64> {
            timeline.sleep(10).await;
            timeline.note("done");
            keys.iter().map(|key| key.1).collect()
        }

        #[corio::task(Timeline)]
        fn program() -> Vec<u64> {
            io_all!([('a', 1), ('a', 2), ('b', 3), ('a', 4), ('c', 5), ('c', 6)].map(grouped))
        }

        check(
            program(),
            expect![[r#"
                0ns: grouped[('a', 1), ('a', 2)]
                10ms: done
                10ms: grouped[('b', 3)]
                20ms: done
                20ms: grouped[('a', 4)]
                30ms: done
                30ms: grouped[('c', 5), ('c', 6)]
                40ms: done
                [1, 2, 3, 4, 5, 6]"#]],
        );
    }

    #[test]
    fn a_limit_of_the_schedule_holds_them_too() {
        #[corio::dispatcher(show_keys)]
        async fn other(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
            timeline.sleep(25).await;
            keys.to_vec()
        }

        #[corio::task(Timeline)]
        fn program() {
            join!(other(0), log_after(1, 1), log_after(2, 2));
        }

        check_under(
            |schedule| schedule.max_in_flight(1),
            program(),
            expect![[r#"
                0ns: other[0]
                25ms: log[1, 2]
                35ms: done: [1, 2]
                ()"#]],
        );
    }

    #[test]
    fn each_dispatcher_has_its_own() {
        #[corio::dispatcher(show_keys, write)]
        async fn other(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
            timeline.sleep(4).await;
            keys.to_vec()
        }

        #[corio::task(Timeline)]
        fn others() {
            io!(other(1));
            io!(other(2));
        }

        #[corio::task(Timeline)]
        fn program() {
            join!(log_after(0, 1), log_after(1, 2), others());
        }

        check(
            program(),
            expect![[r#"
                0ns: other[1]
                0ns: log[1]
                4ms: other[2]
                10ms: done: [1]
                10ms: log[2]
                20ms: done: [2]
                ()"#]],
        );
    }

    #[test]
    fn many_are_made_in_the_order_asked() {
        #[corio::dispatcher(ordered, max_batch = 7)]
        async fn counted(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
            timeline.sleep(keys[0] % 5).await;
            timeline.note(format_args!("{keys:?}"));
            keys.to_vec()
        }

        #[corio::task(Timeline)]
        fn ticket(next: &Cell<u64>, pause: u64) {
            for _ in 0..3 {
                io!(context!().pause(pause));
                let number = next.get();
                next.set(number + 1);
                io!(counted(number));
            }
        }

        #[corio::task(Timeline)]
        fn program() {
            let next = Cell::new(0);
            all!((0..40).map(|n| ticket(&next, n * 7 % 13)));
        }

        let timeline = Timeline::default();
        // Nothing is told but what the dispatcher says.
        Schedule::new(&timeline).clock(timeline.clock.clone()).run(program()).unwrap();
        let numbers: Vec<u64> = timeline
            .take()
            .lines()
            .flat_map(|line| {
                line.split_once(": [")
                    .unwrap()
                    .1
                    .trim_end_matches(']')
                    .split(", ")
                    .map(|number| number.parse().unwrap())
                    .collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(numbers, (0..120).collect::<Vec<_>>());
    }
}

mod order_and_retries {
    use super::*;

    /// Fails until it is late enough.
    #[corio::dispatcher(show_keys, ordered, max_batch = 2, retry(attempts = 10, backoff = "10ms", when = |_| true))]
    fn until(
        timeline: &Timeline,
        keys: &[(&'static str, u64)],
    ) -> Vec<Result<&'static str, &'static str>> {
        let now = timeline.clock.now();
        keys.iter()
            .map(
                |(name, until)| {
                    if now < Duration::from_millis(*until) { Err(*name) } else { Ok(*name) }
                },
            )
            .collect()
    }

    #[corio::task(Timeline)]
    fn until_after(pause: u64, name: &'static str, time: u64) {
        io!(context!().pause(pause));
        let _ = io!(until((name, time)));
        context!().note(format_args!("{name} is done"));
    }

    #[test]
    fn one_that_pauses_holds_what_comes_behind() {
        #[corio::task(Timeline)]
        fn program() {
            join!(
                until_after(0, "first", 15),
                until_after(0, "second", 0),
                until_after(0, "third", 0),
                until_after(5, "later", 0)
            );
        }

        check(
            program(),
            expect![[r#"
                0ns: until[("first", 15), ("second", 0)]
                0ns: second is done
                10ms: until[("first", 15), ("third", 0)]
                10ms: third is done
                20ms: until[("first", 15), ("later", 0)]
                20ms: first is done
                20ms: later is done
                ()"#]],
        );
    }

    #[test]
    fn several_that_pause_keep_their_order() {
        #[corio::task(Timeline)]
        fn program() {
            join!(
                until_after(0, "first", 5),
                until_after(0, "second", 5),
                until_after(0, "third", 5),
                until_after(0, "fourth", 0)
            );
        }

        check(
            program(),
            expect![[r#"
                0ns: until[("first", 5), ("second", 5)]
                10ms: until[("first", 5), ("second", 5)]
                10ms: first is done
                10ms: second is done
                10ms: until[("third", 5), ("fourth", 0)]
                10ms: third is done
                10ms: fourth is done
                ()"#]],
        );
    }

    #[test]
    fn one_that_is_dropped_during_its_pause_holds_nobody_any_more() {
        #[corio::task(Timeline)]
        fn gives_up() {
            race!(until_after(0, "dropped", 1000), task! { io!(context!().pause(4)); });
        }

        #[corio::task(Timeline)]
        fn program() {
            join!(gives_up(), until_after(1, "later", 0));
        }

        check(
            program(),
            expect![[r#"
                0ns: until[("dropped", 1000)]
                4ms: until[("later", 0)]
                4ms: later is done
                ()"#]],
        );
    }

    #[test]
    fn when_all_attempts_are_used_up_the_next_goes_on() {
        #[corio::task(Timeline)]
        fn program() {
            join!(until_after(0, "first", 1000), until_after(1, "second", 0));
        }

        check_under(
            |schedule| {
                schedule.options(until, |options| {
                    options.max_batch(1).retry(
                        corio::Retry::attempts(3)
                            .backoff(Duration::from_millis(10), Duration::from_millis(10))
                            .when(Result::is_err),
                    )
                })
            },
            program(),
            expect![[r#"
                0ns: until[("first", 1000)]
                10ms: until[("first", 1000)]
                20ms: until[("first", 1000)]
                20ms: first is done
                20ms: until[("second", 0)]
                20ms: second is done
                ()"#]],
        );
    }

    #[test]
    fn those_that_pause_for_different_times_keep_their_order() {
        #[corio::dispatcher(show_keys, ordered)]
        fn slots(timeline: &Timeline, batch: Batch<u64, u64>) {
            let early = timeline.clock.now() == Duration::ZERO;
            for slot in batch {
                match *slot.key() {
                    pause if early => slot.retry_after(Duration::from_millis(pause)),
                    _ => slot.answer_with(|key| key),
                }
            }
        }

        #[corio::task(Timeline)]
        fn program() -> Vec<u64> {
            io_all!([10, 20, 1, 5].map(slots))
        }

        // Each waits for those before it, and all are as late as the latest.
        let timeline = Timeline::default();
        assert_eq!(timeline.schedule().run(program()).unwrap(), [10, 20, 1, 5]);
        let sent = timeline.take();
        let again: Vec<&str> = sent
            .lines()
            .skip(1)
            .flat_map(|line| line.split_once('[').unwrap().1.trim_end_matches(']').split(", "))
            .collect();
        assert_eq!(again, ["10", "20", "1", "5"], "{sent}");
    }

    #[test]
    fn a_slot_that_is_to_be_tried_again_goes_first() {
        #[corio::dispatcher(show_keys, ordered, max_batch = 2)]
        async fn slots(timeline: &Timeline, batch: Batch<u64, u64>) {
            let early = timeline.clock.now() < Duration::from_millis(20);
            timeline.sleep(10).await;
            for slot in batch {
                if *slot.key() == 2 && early { slot.retry() } else { slot.answer_with(|key| key) }
            }
        }

        #[corio::task(Timeline)]
        fn program() -> Vec<u64> {
            io_all!((1..=4).map(slots))
        }

        check(
            program(),
            expect![[r#"
                0ns: slots[1, 2]
                10ms: slots[2, 3]
                20ms: slots[2, 4]
                [1, 2, 3, 4]"#]],
        );
    }
}

mod order_and_drops {
    use super::*;

    #[corio::dispatcher(show_keys, ordered)]
    async fn log(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
        timeline.sleep(10).await;
        timeline.note(format_args!("done: {keys:?}"));
        keys.to_vec()
    }

    #[corio::task(Timeline)]
    fn log_after(pause: u64, key: u64) {
        io!(context!().pause(pause));
        io!(log(key));
    }

    #[corio::task(Timeline)]
    fn gives_up(pause: u64, key: u64) {
        race!(log_after(pause, key), task! { io!(context!().pause(5)); });
        context!().note(format_args!("{key} gives up"));
    }

    #[test]
    fn what_is_queued_is_withdrawn_and_the_rest_keeps_its_order() {
        #[corio::task(Timeline)]
        fn program() {
            join!(
                log_after(0, 1),
                log_after(1, 2),
                gives_up(2, 3),
                log_after(3, 4),
                gives_up(4, 5)
            );
        }

        check(
            program(),
            expect![[r#"
                0ns: log[1]
                5ms: 3 gives up
                5ms: 5 gives up
                10ms: done: [1]
                10ms: log[2, 4]
                20ms: done: [2, 4]
                ()"#]],
        );
    }

    #[test]
    fn what_is_on_its_way_still_holds_the_next() {
        #[corio::task(Timeline)]
        fn program() {
            join!(gives_up(0, 1), log_after(1, 2));
        }

        // A write that is on its way is made, whoever asked for it.
        check(
            program(),
            expect![[r#"
                0ns: log[1]
                5ms: 1 gives up
                10ms: done: [1]
                10ms: log[2]
                20ms: done: [2]
                ()"#]],
        );
    }

    type Slots = Mutex<Vec<Slot<u64, u64>>>;

    #[corio::dispatcher(show_keys, write)]
    fn kept(slots: &Slots, batch: Batch<u64, u64>) {
        slots.lock().unwrap().extend(batch);
    }

    #[corio::task(Slots)]
    fn two_writes() -> (u64, u64) {
        (io!(kept(1)), io!(kept(2)))
    }

    #[test]
    fn the_answer_to_a_run_that_was_dropped_is_thrown_away() {
        let slots = Slots::default();
        let mut schedule = Schedule::new(&slots);
        smol::block_on(async {
            {
                let mut run = pin!(schedule.run_async(two_writes()));
                assert!(
                    poll_fn(|context| Poll::Ready(run.as_mut().poll(context).is_pending())).await
                );
            }
            let late = mem::take(&mut *slots.lock().unwrap());
            assert_eq!(late.len(), 1, "the first write is on its way");
            let mut run = pin!(schedule.run_async(two_writes()));
            let mut late = Some(late);
            let result = poll_fn(|context| {
                let poll = run.as_mut().poll(context);
                // That of the run before comes first, and then its own.
                late.take().into_iter().flatten().for_each(|slot| slot.answer(666));
                for slot in slots.lock().unwrap().drain(..) {
                    slot.answer_with(|key| key * 100);
                }
                poll
            })
            .await;
            assert_eq!(result.unwrap(), (100, 200));
        });
        assert!(slots.lock().unwrap().is_empty());
    }
}
