//! How many batches are on their way at once, and what happens at the limit: requests gather, and
//! leave together when a place is free.

use std::sync::{Arc, Mutex};

use corio::{Batch, Event, Schedule, Task};
use expect_test::{Expect, expect};
use support::timeline::Timeline;

#[track_caller]
fn check(program: impl Task<Timeline>, expect: Expect) {
    check_under(|schedule| schedule, program, expect);
}

/// Runs a program under a schedule that was told something.
#[track_caller]
fn check_under(
    tell: impl for<'t> FnOnce(Schedule<&'t Timeline>) -> Schedule<&'t Timeline>,
    program: impl Task<Timeline>,
    expect: Expect,
) {
    let timeline = Timeline::default();
    tell(timeline.schedule()).run(program).unwrap();
    expect.assert_eq(&timeline.take());
}

/// A batch takes as many milliseconds as its largest key says.
async fn take_time(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
    timeline.sleep(*keys.iter().max().unwrap()).await;
    keys.to_vec()
}

#[corio::dispatcher(show_keys, max_in_flight = 1)]
async fn one(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
    take_time(timeline, keys).await
}

#[corio::dispatcher(show_keys, max_in_flight = 2)]
async fn two(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
    take_time(timeline, keys).await
}

#[corio::dispatcher(show_keys, max_in_flight = usize::MAX)]
async fn many(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
    take_time(timeline, keys).await
}

#[corio::dispatcher(show_keys)]
fn in_place(keys: &[u64]) -> Vec<u64> {
    keys.to_vec()
}

/// Asks after so many milliseconds.
#[corio::task(Timeline)]
fn one_after(pause: u64, key: u64) {
    io!(context!().pause(pause));
    io!(one(key));
}

#[corio::task(Timeline)]
fn two_after(pause: u64, key: u64) {
    io!(context!().pause(pause));
    io!(two(key));
}

#[corio::task(Timeline)]
fn many_after(pause: u64, key: u64) {
    io!(context!().pause(pause));
    io!(many(key));
}

#[corio::task(Timeline)]
fn in_place_after(pause: u64, key: u64) {
    io!(context!().pause(pause));
    io!(in_place(key));
}

mod of_a_dispatcher {
    use super::*;

    #[test]
    fn requests_gather_at_the_limit_and_leave_together() {
        #[corio::task(Timeline)]
        fn program() {
            join!(one(10), one_after(2, 3), one_after(4, 5), one_after(6, 4), one_after(11, 1));
        }

        check(
            program(),
            expect![[r#"
                0ns: one[10]
                10ms: one[3, 5, 4]
                15ms: one[1]
            "#]],
        );
    }

    #[test]
    fn so_many_batches_are_on_their_way_side_by_side() {
        #[corio::task(Timeline)]
        fn program() {
            // The second place is free first.
            join!(two(10), two_after(1, 5), two_after(2, 20), two_after(3, 21), two_after(7, 1));
        }

        check(
            program(),
            expect![[r#"
                0ns: two[10]
                1ms: two[5]
                6ms: two[20, 21]
                10ms: two[1]
            "#]],
        );
    }

    #[test]
    fn no_limit_holds_nothing() {
        #[corio::task(Timeline)]
        fn program() {
            all!((0..5).map(|pause| many_after(pause, 100)));
        }

        check(
            program(),
            expect![[r#"
                0ns: many[100]
                1ms: many[100]
                2ms: many[100]
                3ms: many[100]
                4ms: many[100]
            "#]],
        );
    }

    #[test]
    fn a_batch_at_the_limit_holds_nobody_else() {
        #[corio::task(Timeline)]
        fn program() {
            join!(one(10), one_after(1, 5), two_after(2, 1), in_place_after(3, 1));
        }

        check(
            program(),
            expect![[r#"
                0ns: one[10]
                2ms: two[1]
                3ms: in_place[1]
                10ms: one[5]
            "#]],
        );
    }

    // As databases do with commits: while one is written, those that come meanwhile gather, and the
    // next takes them all.
    #[test]
    fn one_in_flight_commits_in_groups() {
        #[corio::task(Timeline)]
        fn writer(pause: u64) {
            io!(context!().pause(pause));
            for _ in 0..3 {
                io!(one(10));
            }
        }

        #[corio::task(Timeline)]
        fn program() {
            all!((0..5).map(writer));
        }

        // Nobody who came in the first 10 ms is ever alone again.
        check(
            program(),
            expect![[r#"
                0ns: one[10]
                10ms: one[10, 10, 10, 10, 10]
                20ms: one[10, 10, 10, 10, 10]
                30ms: one[10, 10, 10, 10]
            "#]],
        );
    }

    #[test]
    fn what_is_answered_partly_is_still_on_its_way() {
        #[corio::dispatcher(show_keys, max_in_flight = 1)]
        async fn one_by_one(timeline: &Timeline, batch: Batch<u64, u64>) {
            for slot in batch {
                timeline.sleep(10).await;
                slot.answer_with(|key| key);
            }
        }

        #[corio::task(Timeline)]
        fn twice(key: u64) {
            io!(one_by_one(key));
            io!(one_by_one(key + 10));
        }

        #[corio::task(Timeline)]
        fn program() {
            join!(twice(1), twice(2), twice(3));
        }

        check(
            program(),
            expect![[r#"
                0ns: one_by_one[1, 2, 3]
                30ms: one_by_one[11, 12, 13]
            "#]],
        );
    }

    #[test]
    fn a_place_is_free_again_when_its_batch_fails() {
        #[corio::dispatcher(show_keys, max_in_flight = 1)]
        async fn fails(timeline: &Timeline, keys: &[u64]) -> Result<Vec<u64>, &'static str> {
            timeline.sleep(keys[0]).await;
            Err("failed")
        }

        #[corio::task(Timeline)]
        fn fails_after(pause: u64, key: u64) {
            io!(context!().pause(pause));
            assert_eq!(io!(fails(key)), Err("failed"));
        }

        #[corio::task(Timeline)]
        fn program() {
            join!(fails_after(0, 5), fails_after(1, 5), fails_after(2, 5));
        }

        check(
            program(),
            expect![[r#"
                0ns: fails[5]
                5ms: fails[5, 5]
            "#]],
        );
    }

    #[test]
    fn requests_that_were_withdrawn_at_the_limit_do_not_leave() {
        #[corio::task(Timeline)]
        fn gives_up(key: u64) {
            race!(one_after(1, key), task! { io!(context!().pause(5)); });
        }

        #[corio::task(Timeline)]
        fn program() {
            join!(one(10), gives_up(3), one_after(2, 4));
        }

        check(
            program(),
            expect![[r#"
                0ns: one[10]
                10ms: one[4]
            "#]],
        );
    }

    #[test]
    fn a_limit_starts_anew_with_every_run() {
        #[corio::task(Timeline)]
        fn leaves_one_behind() {
            race!(one_after(0, 1000), task! { io!(context!().pause(5)); });
        }

        let timeline = Timeline::default();
        let mut schedule = timeline.schedule();
        schedule.run(leaves_one_behind()).unwrap();
        schedule.run(one(3)).unwrap();
        expect![[r#"
            0ns: one[1000]
            5ms: one[3]
        "#]]
        .assert_eq(&timeline.take());
    }
}

mod parts {
    use super::*;

    #[corio::dispatcher(show_keys, max_in_flight = 1, max_batch = 2)]
    async fn pairs(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
        take_time(timeline, keys).await
    }

    #[corio::task(Timeline)]
    fn pairs_after(pause: u64, key: u64) {
        io!(context!().pause(pause));
        io!(pairs(key));
    }

    #[test]
    fn take_one_place_together_until_the_last_is_back() {
        #[corio::task(Timeline)]
        fn first() {
            io_all!([10, 9, 4, 5, 7].map(pairs));
        }

        #[corio::task(Timeline)]
        fn program() {
            join!(first(), pairs_after(1, 1));
        }

        check(
            program(),
            expect![[r#"
                0ns: pairs[10, 9]
                0ns: pairs[4, 5]
                0ns: pairs[7]
                10ms: pairs[1]
            "#]],
        );
    }

    #[test]
    fn what_has_gathered_leaves_in_parts_that_take_one_place() {
        #[corio::task(Timeline)]
        fn program() {
            join!(
                pairs(10),
                pairs_after(1, 1),
                pairs_after(2, 2),
                pairs_after(3, 3),
                pairs_after(12, 4)
            );
        }

        check(
            program(),
            expect![[r#"
                0ns: pairs[10]
                10ms: pairs[1, 2]
                10ms: pairs[3]
                13ms: pairs[4]
            "#]],
        );
    }

    #[test]
    fn take_one_place_of_the_schedule() {
        #[corio::task(Timeline)]
        fn program() {
            join!(task! { io_all!([10, 9, 4].map(pairs)); }, many_after(1, 1));
        }

        check_under(
            |schedule| schedule.max_in_flight(2),
            program(),
            expect![[r#"
                0ns: pairs[10, 9]
                0ns: pairs[4]
                1ms: many[1]
            "#]],
        );
        check_under(
            |schedule| schedule.max_in_flight(1),
            program(),
            expect![[r#"
                0ns: pairs[10, 9]
                0ns: pairs[4]
                10ms: many[1]
            "#]],
        );
    }
}

mod of_a_schedule {
    use super::*;

    #[corio::dispatcher(show_keys)]
    async fn alpha(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
        take_time(timeline, keys).await
    }

    #[corio::dispatcher(show_keys)]
    async fn beta(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
        take_time(timeline, keys).await
    }

    #[corio::task(Timeline)]
    fn alpha_after(pause: u64, key: u64) {
        io!(context!().pause(pause));
        io!(alpha(key));
    }

    #[corio::task(Timeline)]
    fn beta_after(pause: u64, key: u64) {
        io!(context!().pause(pause));
        io!(beta(key));
    }

    #[test]
    fn all_dispatchers_share_it() {
        #[corio::task(Timeline)]
        fn program() {
            join!(many(10), many_after(1, 8), alpha_after(2, 5), many_after(3, 1));
        }

        check_under(
            |schedule| schedule.max_in_flight(2),
            program(),
            expect![[r#"
                0ns: many[10]
                1ms: many[8]
                9ms: alpha[5]
                10ms: many[1]
            "#]],
        );
    }

    #[test]
    fn holds_no_dispatcher_that_answers_in_place_and_no_future() {
        #[corio::task(Timeline)]
        fn program() {
            join!(
                many(10),
                many_after(1, 1),
                in_place_after(2, 1),
                task! { io!(context!().pause(3)); context!().note("paused"); }
            );
        }

        check_under(
            |schedule| schedule.max_in_flight(1),
            program(),
            expect![[r#"
                0ns: many[10]
                2ms: in_place[1]
                3ms: paused
                10ms: many[1]
            "#]],
        );
    }

    #[test]
    fn a_free_place_goes_to_the_dispatcher_that_was_asked_first() {
        #[corio::task(Timeline)]
        fn program() {
            join!(
                many(10),
                beta_after(1, 4),
                alpha_after(2, 4),
                many_after(3, 4),
                beta_after(4, 5),
                alpha_after(5, 6)
            );
        }

        check_under(
            |schedule| schedule.max_in_flight(1),
            program(),
            expect![[r#"
                0ns: many[10]
                10ms: beta[4, 5]
                15ms: alpha[4, 6]
                21ms: many[4]
            "#]],
        );
    }

    #[test]
    fn at_the_start_it_goes_to_the_dispatcher_that_was_asked_first() {
        #[corio::task(Timeline)]
        fn program() {
            join!(beta(1), alpha(2), many(3), alpha(4));
        }

        check_under(
            |schedule| schedule.max_in_flight(2),
            program(),
            expect![[r#"
                0ns: beta[1]
                0ns: alpha[2, 4]
                1ms: many[3]
            "#]],
        );
    }

    #[test]
    fn a_dispatcher_at_its_own_limit_does_not_stand_in_the_way() {
        #[corio::task(Timeline)]
        fn program() {
            join!(one(10), one_after(1, 2), alpha_after(2, 3));
        }

        check_under(
            |schedule| schedule.max_in_flight(2),
            program(),
            expect![[r#"
                0ns: one[10]
                2ms: alpha[3]
                10ms: one[2]
            "#]],
        );
    }

    #[test]
    fn nobody_starves_behind_one_who_asks_again_and_again() {
        #[corio::task(Timeline)]
        fn again() {
            for _ in 0..4 {
                io!(alpha(10));
            }
        }

        #[corio::task(Timeline)]
        fn program() {
            join!(again(), again(), beta_after(5, 1));
        }

        check_under(
            |schedule| schedule.max_in_flight(1),
            program(),
            expect![[r#"
                0ns: alpha[10, 10]
                10ms: beta[1]
                11ms: alpha[10, 10]
                21ms: alpha[10, 10]
                31ms: alpha[10, 10]
            "#]],
        );
    }

    #[test]
    fn options_of_one_schedule_are_its_own() {
        #[corio::task(Timeline)]
        fn program() {
            join!(many(10), many_after(1, 5), many_after(2, 5), many_after(3, 5));
        }

        check_under(
            |schedule| schedule.options(many, |options| options.max_in_flight(1).max_batch(2)),
            program(),
            expect![[r#"
                0ns: many[10]
                10ms: many[5, 5]
                10ms: many[5]
            "#]],
        );
        check(
            program(),
            expect![[r#"
                0ns: many[10]
                1ms: many[5]
                2ms: many[5]
                3ms: many[5]
            "#]],
        );
    }

    #[test]
    fn options_can_be_changed_between_runs() {
        #[corio::task(Timeline)]
        fn program() {
            join!(many(10), many_after(1, 5));
        }

        let timeline = Timeline::default();
        let mut schedule = timeline.schedule();
        for limit in [1, 2, 1] {
            schedule = schedule.options(many, |options| options.max_in_flight(limit));
            schedule.run(program()).unwrap();
            timeline.note(format!("the limit was {limit}"));
        }
        expect![[r#"
            0ns: many[10]
            10ms: many[5]
            15ms: the limit was 1
            15ms: many[10]
            16ms: many[5]
            25ms: the limit was 2
            25ms: many[10]
            35ms: many[5]
            40ms: the limit was 1
        "#]]
        .assert_eq(&timeline.take());
    }
}

mod rounds {
    use super::*;

    #[test]
    fn nothing_leaves_before_all_has_come_back() {
        #[corio::task(Timeline)]
        fn quick() {
            for key in 1..=3 {
                io!(many(key));
            }
        }

        #[corio::task(Timeline)]
        fn slow() {
            io!(two(10));
            io!(in_place(2));
        }

        #[corio::task(Timeline)]
        fn program() {
            join!(quick(), slow(), task! { io!(in_place(1)); io!(in_place(2)); });
        }

        check_under(
            |schedule| schedule.barrier(),
            program(),
            expect![[r#"
                0ns: many[1]
                0ns: two[10]
                0ns: in_place[1]
                10ms: many[2]
                10ms: in_place[2, 2]
                12ms: many[3]
            "#]],
        );
    }

    #[test]
    fn do_not_wait_for_futures() {
        #[corio::task(Timeline)]
        fn forever() {
            io!(corio::future(std::future::pending::<()>()));
        }

        #[corio::task(Timeline)]
        fn requests() {
            io!(many(10));
            io!(many(1));
        }

        #[corio::task(Timeline)]
        fn program() {
            race!(forever(), requests());
        }

        check_under(
            |schedule| schedule.barrier(),
            program(),
            expect![[r#"
                0ns: many[10]
                10ms: many[1]
            "#]],
        );
    }

    // No limit of batches holds a future, and so no round does.
    #[test]
    fn do_not_hold_futures() {
        #[corio::task(Timeline)]
        fn paused() {
            io!(context!().pause(3));
            io!(context!().pause(4));
            context!().note("paused");
            io!(many(5));
        }

        #[corio::task(Timeline)]
        fn program() {
            join!(many(10), paused());
        }

        check_under(
            |schedule| schedule.barrier(),
            program(),
            expect![[r#"
                0ns: many[10]
                7ms: paused
                10ms: many[5]
            "#]],
        );
    }

    #[test]
    fn parts_are_of_one_round() {
        #[corio::dispatcher(show_keys, max_batch = 1)]
        async fn alone(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
            take_time(timeline, keys).await
        }

        #[corio::task(Timeline)]
        fn twice(key: u64) {
            io!(alone(key));
            io!(alone(key));
        }

        #[corio::task(Timeline)]
        fn program() {
            join!(twice(10), twice(5), twice(7));
        }

        // In the order in which the first answers came.
        check_under(
            |schedule| schedule.barrier(),
            program(),
            expect![[r#"
                0ns: alone[10]
                0ns: alone[5]
                0ns: alone[7]
                10ms: alone[5]
                10ms: alone[7]
                10ms: alone[10]
            "#]],
        );
    }
}

mod decay {
    use super::*;

    /// Answered in ten parts, at ten times.
    #[corio::dispatcher]
    async fn in_ten_parts(timeline: &Timeline, batch: Batch<u64, u64>) {
        for part in batch.split(10) {
            timeline.sleep(1).await;
            part.into_iter().for_each(|slot| slot.answer_with(|key| key));
        }
    }

    #[corio::task(Timeline)]
    fn four() {
        for key in 0..4 {
            io!(in_ten_parts(key));
        }
    }

    /// 1000 tasks of four requests each.
    #[corio::task(Timeline)]
    fn program() {
        all!((0..1000).map(|_| four()));
    }

    /// The times in milliseconds at which batches left, and their sizes.
    fn batches(
        tell: impl for<'t> FnOnce(Schedule<&'t Timeline>) -> Schedule<&'t Timeline>,
    ) -> Vec<(u128, usize)> {
        let timeline = Timeline::default();
        let batches = Arc::new(Mutex::new(Vec::new()));
        let mut schedule = tell(timeline.schedule()).observe({
            let (batches, clock) = (batches.clone(), timeline.clock.clone());
            move |event: &Event<'_>| {
                if let Event::BatchSent { len, .. } = event {
                    batches.lock().unwrap().push((clock.now().as_millis(), *len));
                }
            }
        });
        schedule.run(program()).unwrap();
        let batches = std::mem::take(&mut *batches.lock().unwrap());
        assert_eq!(batches.iter().map(|(_, len)| len).sum::<usize>(), 4000);
        batches
    }

    #[test]
    fn rounds_keep_tasks_together() {
        let batches = batches(|schedule| schedule.barrier());
        assert_eq!(batches, [(0, 1000), (10, 1000), (20, 1000), (30, 1000)]);
    }

    #[test]
    fn one_in_flight_keeps_tasks_together() {
        let batches =
            batches(|schedule| schedule.options(in_ten_parts, |options| options.max_in_flight(1)));
        assert_eq!(batches, [(0, 1000), (10, 1000), (20, 1000), (30, 1000)]);
    }

    /// All answers that are there at one time are taken before anything leaves: so nothing leaves
    /// twice at one time, and nobody leaves alone when others could go along.
    #[track_caller]
    fn check_whole(batches: &[(u128, usize)]) {
        assert!(
            batches.windows(2).all(|pair| pair[0].0 < pair[1].0),
            "split although together: {batches:?}"
        );
        assert!(batches.iter().all(|(_, len)| *len > 1), "alone: {batches:?}");
    }

    #[test]
    fn the_default_keeps_batches_large() {
        let batches = batches(|schedule| schedule);
        check_whole(&batches);
        // 7 with two places, which take turns: most tasks go by one of them, and the first answered
        // part by the other. 4 would be the fewest, and no limit makes 24; more than two batches a
        // step, and a bit for the last, would be more groups than places.
        assert!(batches.len() <= 10, "{batches:?}");
        // And all are over when they would be, had they stayed together.
        assert!(batches.last().unwrap().0 <= 30, "{batches:?}");
    }

    #[test]
    fn without_a_limit_what_is_there_at_one_time_still_leaves_together() {
        let batches = batches(|schedule| {
            schedule.options(in_ten_parts, |options| options.max_in_flight(usize::MAX))
        });
        check_whole(&batches);
        // A task asks last after 30 ms at the latest.
        assert!(batches.len() <= 31, "{batches:?}");
    }
}
