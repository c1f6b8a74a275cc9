//! How many batches leave in a time: the others wait, and gather meanwhile.

use corio::sync::Notify;
use corio::{Batch, Error, Task};
use expect_test::{Expect, expect};
use support::timeline::Timeline;

#[track_caller]
fn check(program: impl Task<Timeline>, expect: Expect) {
    let timeline = Timeline::default();
    timeline.schedule().run(program).unwrap();
    expect.assert_eq(&timeline.take());
}

#[corio::dispatcher(show_keys, rate = "2/10ms")]
fn in_place(keys: &[u64]) -> Vec<u64> {
    keys.to_vec()
}

/// A batch takes as many milliseconds as its largest key says.
#[corio::dispatcher(show_keys, max_in_flight = usize::MAX, rate = "2/10ms")]
async fn later(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
    timeline.sleep(*keys.iter().max().unwrap()).await;
    keys.to_vec()
}

#[corio::task(Timeline)]
fn in_place_after(pause: u64, key: u64) {
    io!(context!().pause(pause));
    io!(in_place(key));
}

#[corio::task(Timeline)]
fn later_after(pause: u64, key: u64) {
    io!(context!().pause(pause));
    io!(later(key));
}

#[test]
fn what_may_not_leave_gathers_until_the_first_batch_is_a_period_old() {
    #[corio::task(Timeline)]
    fn program() {
        all!((0..7).map(|n| in_place_after(2 * n, n)));
    }

    check(
        program(),
        expect![[r#"
            0ns: in_place[0]
            2ms: in_place[1]
            10ms: in_place[2, 3, 4]
            12ms: in_place[5]
            20ms: in_place[6]
        "#]],
    );
}

#[test]
fn in_no_period_leave_more_than_the_rate_says_also_after_a_pause() {
    #[corio::task(Timeline)]
    fn program() {
        all!([0, 9, 11, 12, 13].map(|pause| in_place_after(pause, pause)));
    }

    check(
        program(),
        expect![[r#"
            0ns: in_place[0]
            9ms: in_place[9]
            11ms: in_place[11]
            19ms: in_place[12, 13]
        "#]],
    );
}

#[test]
fn a_batch_counts_from_when_it_leaves_whether_or_not_it_is_back() {
    #[corio::task(Timeline)]
    fn program() {
        join!(later_after(0, 30), later_after(1, 1), later_after(2, 2), later_after(3, 30));
    }

    check(
        program(),
        expect![[r#"
            0ns: later[30]
            1ms: later[1]
            10ms: later[2, 30]
        "#]],
    );
}

#[test]
fn each_part_of_what_is_too_much_for_one_batch_counts() {
    #[corio::dispatcher(show_keys, max_batch = 2, rate = "2/10ms")]
    async fn in_parts(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
        timeline.sleep(1).await;
        keys.to_vec()
    }

    #[corio::task(Timeline)]
    fn program() {
        io_all!((0..9).map(in_parts));
    }

    check(
        program(),
        expect![[r#"
            0ns: in_parts[0, 1]
            0ns: in_parts[2, 3]
            10ms: in_parts[4, 5]
            10ms: in_parts[6, 7]
            20ms: in_parts[8]
        "#]],
    );
}

#[test]
fn each_group_has_the_rate_for_itself() {
    #[corio::dispatcher(show_keys, max_batch = 1, group_by = |key| key / 10, rate = "1/10ms")]
    fn of_host(keys: &[u64]) -> Vec<u64> {
        keys.to_vec()
    }

    #[corio::task(Timeline)]
    fn program() {
        io_all!([10, 11, 20, 12, 30, 21].map(of_host));
    }

    check(
        program(),
        expect![[r#"
            0ns: of_host[10]
            0ns: of_host[20]
            0ns: of_host[30]
            10ms: of_host[11]
            10ms: of_host[21]
            20ms: of_host[12]
        "#]],
    );
}

#[test]
fn in_order_all_groups_count_together() {
    #[corio::dispatcher(show_keys, ordered, group_by = |key| key / 10, rate = "2/10ms")]
    fn in_order(keys: &[u64]) -> Vec<u64> {
        keys.to_vec()
    }

    #[corio::task(Timeline)]
    fn program() {
        io_all!([10, 11, 20, 12].map(in_order));
    }

    check(
        program(),
        expect![[r#"
            0ns: in_order[10, 11]
            0ns: in_order[20]
            10ms: in_order[12]
        "#]],
    );
}

#[test]
fn equal_keys_that_are_asked_while_others_wait_leave_once() {
    #[corio::dispatcher(show_keys, dedup, max_batch = 2, rate = "1/10ms")]
    fn once(keys: &[u64]) -> Vec<u64> {
        keys.to_vec()
    }

    #[corio::task(Timeline)]
    fn program() {
        io_all!([1, 2, 3, 1, 4, 3, 4, 5].map(once));
    }

    check(
        program(),
        expect![[r#"
            0ns: once[1, 2]
            10ms: once[3, 4]
            20ms: once[5]
        "#]],
    );
}

#[test]
fn a_retry_counts_and_a_cached_answer_does_not() {
    #[corio::dispatcher(show_keys, cache, retry(attempts = 2), rate = "1/10ms")]
    fn cached(batch: Batch<u64, u64>) {
        for (at, slot) in batch.into_iter().enumerate() {
            if at == 0 && *slot.key() == 1 { slot.retry() } else { slot.answer_with(|key| key) }
        }
    }

    #[corio::task(Timeline)]
    fn program() {
        io_all!([2, 3].map(cached));
        io_all!([2, 3, 2].map(cached));
        io!(cached(4));
        context!().note("answered 4");
    }

    check(
        program(),
        expect![[r#"
            0ns: cached[2, 3]
            10ms: cached[4]
            10ms: answered 4
        "#]],
    );

    #[corio::task(Timeline)]
    fn retried() {
        io_all!([5, 6].map(again));
        context!().note("answered");
    }

    #[corio::dispatcher(show_keys, retry(attempts = 3), rate = "2/10ms")]
    fn again(timeline: &Timeline, batch: Batch<u64, u64>) {
        let now = corio::Clock::now(&timeline.clock).as_millis();
        for slot in batch {
            if now < 10 { slot.retry() } else { slot.answer_with(|key| key) }
        }
    }

    check(
        retried(),
        expect![[r#"
            0ns: again[5, 6]
            0ns: again[5, 6]
            10ms: again[5, 6]
            10ms: answered
        "#]],
    );
}

#[test]
fn a_schedule_keeps_to_the_rate_from_run_to_run() {
    let timeline = Timeline::default();
    let mut schedule = timeline.schedule();
    for key in 0..5 {
        schedule.run(in_place(key)).unwrap();
    }
    expect![[r#"
        0ns: in_place[0]
        0ns: in_place[1]
        10ms: in_place[2]
        10ms: in_place[3]
        20ms: in_place[4]
    "#]]
    .assert_eq(&timeline.take());

    #[corio::dispatcher(show_keys, group_by = |key| key / 10, rate = "1/10ms")]
    fn of_host(keys: &[u64]) -> Vec<u64> {
        keys.to_vec()
    }

    for key in [10, 20, 11, 30] {
        schedule.run(of_host(key)).unwrap();
    }
    expect![[r#"
        20ms: of_host[10]
        20ms: of_host[20]
        30ms: of_host[11]
        30ms: of_host[30]
    "#]]
    .assert_eq(&timeline.take());
}

#[test]
fn who_waits_for_the_rate_and_is_dropped_does_not_leave_and_keeps_nobody_waiting() {
    #[corio::task(Timeline)]
    fn program() {
        io!(later(1));
        io!(later(1));
        race!(io_and_note(7), ends_after(3));
        context!().note("over");
    }

    #[corio::task(Timeline)]
    fn io_and_note(key: u64) {
        io!(later(key));
        context!().note("not seen");
    }

    #[corio::task(Timeline)]
    fn ends_after(pause: u64) {
        io!(context!().pause(pause));
    }

    check(
        program(),
        expect![[r#"
            0ns: later[1]
            1ms: later[1]
            5ms: over
        "#]],
    );
}

#[test]
fn nothing_is_waited_for_when_the_last_that_the_rate_held_is_dropped_while_a_batch_is_in_flight() {
    #[corio::task(Timeline)]
    fn program() {
        spawn!(later_after(0, 5));
        spawn!(later_after(1, 4));
        race!(later_after(2, 9), ends_after(3));
        wait!();
        wait!(Notify::new().notified());
    }

    #[corio::task(Timeline)]
    fn ends_after(pause: u64) {
        io!(context!().pause(pause));
    }

    let timeline = Timeline::default();
    let error = timeline.schedule().run(program()).unwrap_err();
    assert!(matches!(error, Error::Deadlock(_)), "{error}");
    // Not at 10 ms, when the rate would have let it go.
    assert_eq!(corio::Clock::now(&timeline.clock).as_millis(), 5);
}

#[test]
fn a_run_that_waits_for_itself_is_told_at_once_although_batches_count() {
    #[corio::task(Timeline)]
    fn program() {
        io!(in_place(1));
        io!(in_place(2));
        wait!(Notify::new().notified());
    }

    let timeline = Timeline::default();
    let error = timeline.schedule().run(program()).unwrap_err();
    assert!(matches!(error, Error::Deadlock(_)), "{error}");
    assert_eq!(corio::Clock::now(&timeline.clock).as_millis(), 0);
}
