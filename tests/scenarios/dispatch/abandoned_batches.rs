//! Batches that nobody waits for any more: they are given up, so that they hold nobody; but what
//! has begun to be written is seen to its end.

use std::cell::RefCell;
use std::collections::BTreeMap;

use corio::{Batch, Elapsed, Event, Schedule, Slot, Task};
use expect_test::{Expect, expect};
use support::timeline::Timeline;
use support::{Counted, Counts};

use std::time::Duration;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[track_caller]
fn check(program: impl Task<Timeline>, expect: Expect) {
    let timeline = Timeline::default();
    timeline.schedule().run(program).unwrap();
    expect.assert_eq(&timeline.take());
}

/// Takes ten milliseconds, and tells when it is dropped or over.
async fn ten(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
    let _told = timeline.note_of_drop("(over)");
    timeline.sleep(10).await;
    keys.to_vec()
}

#[corio::dispatcher(show_keys)]
async fn read(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
    ten(timeline, keys).await
}

#[corio::dispatcher(show_keys, write)]
async fn write(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
    ten(timeline, keys).await
}

#[corio::dispatcher(show_keys, dedup)]
async fn shared(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
    ten(timeline, keys).await
}

#[corio::dispatcher(show_keys)]
async fn mapped(timeline: &Timeline, keys: &[u64]) -> BTreeMap<u64, u64> {
    ten(timeline, keys).await.into_iter().map(|key| (key, key)).collect()
}

#[corio::task(Timeline)]
fn read_within(limit: u64, key: u64) -> Result<u64, Elapsed> {
    timeout!(ms(limit), read(key))
}

#[test]
fn their_future_is_dropped_and_their_place_is_free() {
    #[corio::task(Timeline)]
    fn program() {
        call!(read_within(3, 1)).unwrap_err();
        io!(read(2));
    }

    check(
        program(),
        expect![[r#"
            0ns: read[1]
            3ms: (over)
            3ms: read[2]
            13ms: (over)
        "#]],
    );
}

#[test]
fn not_while_one_of_those_who_asked_still_waits() {
    #[corio::task(Timeline)]
    fn program() {
        let _ = join!(
            read_within(3, 1),
            read_within(12, 2),
            read_within(5, 3),
            task! {
                io!(context!().pause(6));
                io!(read(4));
            }
        );
    }

    check(
        program(),
        expect![[r#"
            0ns: read[1, 2, 3]
            10ms: (over)
            10ms: read[4]
            20ms: (over)
        "#]],
    );
}

#[test]
fn when_the_last_of_them_goes_though_others_went_before() {
    #[corio::task(Timeline)]
    fn program() {
        let _ = join!(
            read_within(3, 1),
            read_within(5, 2),
            read_within(4, 3),
            task! {
                io!(context!().pause(1));
                io!(read(4));
            }
        );
    }

    check(
        program(),
        expect![[r#"
            0ns: read[1, 2, 3]
            5ms: (over)
            5ms: read[4]
            15ms: (over)
        "#]],
    );
}

#[test]
fn not_what_has_begun_to_be_written() {
    #[corio::task(Timeline)]
    fn program() {
        timeout!(ms(3), write(1)).unwrap_err();
        io!(write(2));
    }

    check(
        program(),
        expect![[r#"
            0ns: write[1]
            10ms: (over)
            10ms: write[2]
            20ms: (over)
        "#]],
    );
}

#[test]
fn not_while_somebody_has_joined() {
    macro_rules! joined {
        ($request:ident) => {{
            #[corio::task(Timeline)]
            fn late() {
                io!(context!().pause(2));
                io!($request(1));
                context!().note("the one who joined goes on");
            }

            #[corio::task(Timeline)]
            fn program() {
                let (first, ()) = join!(task!({ timeout!(ms(3), $request(1)).is_err() }), late());
                assert!(first);
            }

            program()
        }};
    }

    check(
        joined!(shared),
        expect![[r#"
            0ns: shared[1]
            10ms: (over)
            10ms: the one who joined goes on
        "#]],
    );
    check(
        joined!(mapped),
        expect![[r#"
            0ns: mapped[1]
            10ms: (over)
            10ms: the one who joined goes on
        "#]],
    );
}

#[test]
fn their_keys_are_asked_anew() {
    #[corio::task(Timeline)]
    fn program() {
        timeout!(ms(3), shared(1)).unwrap_err();
        io!(shared(1));
        timeout!(ms(3), mapped(1)).unwrap_err();
        io!(mapped(1));
    }

    check(
        program(),
        expect![[r#"
            0ns: shared[1]
            3ms: (over)
            3ms: shared[1]
            13ms: (over)
            13ms: mapped[1]
            16ms: (over)
            16ms: mapped[1]
            26ms: (over)
        "#]],
    );
}

#[test]
fn the_parts_of_one_are_given_up_one_by_one() {
    #[corio::dispatcher(show_keys, max_batch = 1)]
    async fn in_parts(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
        ten(timeline, keys).await
    }

    #[corio::task(Timeline)]
    fn program() {
        join!(
            task!({ timeout!(ms(3), in_parts(1)).is_err() }),
            task!({ timeout!(ms(5), in_parts(2)).is_err() }),
            task! {
                io!(context!().pause(1));
                io!(in_parts(3));
            }
        );
    }

    check(
        program(),
        expect![[r#"
            0ns: in_parts[1]
            0ns: in_parts[2]
            3ms: (over)
            5ms: (over)
            5ms: in_parts[3]
            15ms: (over)
        "#]],
    );
}

#[test]
fn late_answers_of_their_slots_are_thrown_away() {
    thread_local! {
        static KEPT: RefCell<Vec<Slot<u64, Counted>>> = const { RefCell::new(Vec::new()) };
    }

    #[corio::dispatcher(show_keys)]
    fn keeps(batch: Batch<u64, Counted>) {
        KEPT.with_borrow_mut(|kept| kept.extend(batch));
    }

    #[corio::task(Timeline)]
    fn program(counts: &Counts) {
        assert!(timeout!(ms(3), keeps(1)).is_err());
        let late = KEPT.take();
        let (answer, ()) = join!(
            keeps(2),
            task! {
                io!(context!().pause(1));
                late.into_iter().for_each(|slot| slot.answer(counts.one()));
                io!(context!().pause(1));
                KEPT.take().into_iter().for_each(|slot| slot.answer(counts.one()));
            }
        );
        drop(answer);
        counts.check_built(2);
    }

    let (timeline, counts) = (Timeline::default(), Counts::default());
    timeline.schedule().run(program(&counts)).unwrap();
    expect![[r#"
        0ns: keeps[1]
        3ms: keeps[2]
    "#]]
    .assert_eq(&timeline.take());
}

#[test]
fn an_observer_hears_of_them() {
    #[corio::task(Timeline)]
    fn program() {
        call!(read_within(3, 1)).unwrap_err();
        io!(context!().pause(1));
    }

    let timeline = Timeline::default();
    let told = timeline.clone();
    let mut schedule =
        Schedule::new(&timeline).clock(timeline.clock.clone()).observe(move |event: &Event<'_>| {
            if let Event::Abandoned { .. } = event {
                told.note(format_args!("{event:?}"));
            }
        });
    schedule.run(program()).unwrap();
    expect![[r#"
        3ms: Abandoned { dispatcher: "read", batch: 1 }
        3ms: (over)
    "#]]
    .assert_eq(&timeline.take());
}

#[test]
fn what_a_run_that_ended_had_asked_for_is_asked_anew_by_the_next() {
    #[corio::task(Timeline)]
    fn once() {
        timeout!(ms(30), join_all()).unwrap();
    }

    #[corio::task(Timeline)]
    fn join_all() {
        io!(shared(1), mapped(1));
    }

    let timeline = Timeline::default();
    let mut schedule = timeline.schedule().timeout(ms(5));
    // The deadline ends the first while both keys are on their way.
    assert!(schedule.run(once()).is_err());
    schedule = schedule.timeout(ms(100));
    schedule.run(once()).unwrap();
    expect![[r#"
        0ns: shared[1]
        0ns: mapped[1]
        5ms: (over)
        5ms: (over)
        5ms: shared[1]
        5ms: mapped[1]
        15ms: (over)
        15ms: (over)
    "#]]
    .assert_eq(&timeline.take());
}

#[test]
fn all_who_wait_for_what_is_primed_get_that_at_once_and_nobody_waits_for_the_batch() {
    #[corio::dispatcher(show_keys, cache)]
    async fn kept(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
        ten(timeline, keys).await
    }

    #[corio::task(Timeline)]
    fn asks(after: u64) -> u64 {
        io!(context!().pause(after));
        let answer = io!(kept(1));
        context!().note(format_args!("asked at {after}: {answer}"));
        answer
    }

    #[corio::task(Timeline)]
    fn program() {
        join!(
            asks(0),
            asks(2),
            task! {
                io!(context!().pause(4));
                call!(corio::cache::prime(kept(1), 100));
            }
        );
    }

    check(
        program(),
        expect![[r#"
            0ns: kept[1]
            4ms: asked at 0: 100
            4ms: asked at 2: 100
            4ms: (over)
        "#]],
    );
}
