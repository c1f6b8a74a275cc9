//! Requests between the queues of a dispatcher: on their way, tried again, joined, answered from elsewhere, in any order. Whoever waits is answered, and what nobody waits for holds
//! nobody.

mod support;

use std::time::Duration;

use corio::{Batch, cache};
use expect_test::expect;
use support::story::Story;

const MILLISECOND: Duration = Duration::from_millis(1);

/// Tries 1 again after 10 ms, the first time, and answers it 30 ms later; answers 2 after 1000 s.
#[corio::dispatcher(dedup, show_keys, in_flight = 2, retry(attempts = 2))]
async fn fetch(story: &Story, batch: Batch<u64, u64>) {
    let is_retried = batch.len() == 1;
    for slot in batch {
        match *slot.key() {
            1 if is_retried => {
                story.sleep(30).await;
                slot.answer(10);
            }
            1 => {
                story.sleep(10).await;
                slot.retry();
            }
            _ => {
                story.sleep(1_000_000).await;
                slot.answer(20);
            }
        }
    }
}

#[corio::task(Story)]
fn waits_for(key: u64, after: u64, at_most: u32) {
    io!(context!().pause(after));
    match timeout!(at_most * MILLISECOND, fetch(key)) {
        Ok(answer) => context!().note(format_args!("{key} is {answer}")),
        Err(_) => context!().note(format_args!("{key} is given up")),
    }
}

#[test]
fn a_batch_is_given_up_though_a_key_that_it_has_given_back_is_waited_for_by_others() {
    #[corio::task(Story)]
    fn program() {
        join!(waits_for(1, 0, 100), waits_for(1, 0, 100), waits_for(2, 0, 20));
    }

    let story = Story::default();
    let mut schedule = story.schedule_at_length();
    schedule.options(fetch, |options| options.in_flight(1));
    schedule.run(program()).unwrap();
    expect![[r#"
        0ns: fetch[1, 2]
        10ms: fetch: 1 to be retried
        20ms: 2 is given up
        20ms: fetch[1]
        50ms: fetch: 2 answered
        50ms: 1 is 10
        50ms: 1 is 10
    "#]]
    .assert_eq(&story.take());
}

#[test]
fn a_batch_that_is_given_up_lets_go_of_no_key_that_it_has_given_back() {
    #[corio::task(Story)]
    fn program() {
        join!(waits_for(1, 0, 100), waits_for(2, 0, 20), waits_for(1, 15, 100), waits_for(1, 30, 100));
    }

    let story = Story::default();
    story.schedule_at_length().run(program()).unwrap();
    expect![[r#"
        0ns: fetch[1, 2]
        10ms: fetch: 1 to be retried
        10ms: fetch[1]
        20ms: 2 is given up
        40ms: fetch: 3 answered
        40ms: 1 is 10
        40ms: 1 is 10
        40ms: 1 is 10
    "#]]
    .assert_eq(&story.take());
}

/// Tries the first again after an hour; answers others at once.
#[corio::dispatcher(write, show_keys, retry(attempts = 2, backoff = "1h..1h"))]
async fn write(story: &Story, batch: Batch<u64, u64>) {
    story.sleep(30).await;
    for slot in batch {
        if *slot.key() == 1 { slot.retry() } else { slot.answer(0) }
    }
}

#[test]
fn what_nobody_waits_for_is_not_tried_again() {
    #[corio::task(Story)]
    fn gives_up() {
        let _ = timeout!(20 * MILLISECOND, write(1));
        io!(write(2));
    }

    let story = Story::default();
    story.schedule_at_length().run(gives_up()).unwrap();
    expect![[r#"
        0ns: write[1]
        30ms: write[2]
        60ms: write: 1 answered
    "#]]
    .assert_eq(&story.take());
}

#[corio::dispatcher(cache, show_keys)]
fn look_up(keys: &[u64]) -> Vec<u64> {
    keys.to_vec()
}

#[test]
fn what_is_kept_is_given_though_the_time_is_up() {
    #[corio::task(Story)]
    fn program() -> u64 {
        call!(cache::prime(look_up(1), 1));
        context!().clock.advance(50 * MILLISECOND);
        race!(look_up(1), look_up(2))
    }

    let story = Story::default();
    let mut schedule = story.schedule_at_length();
    schedule.deadline(50 * MILLISECOND);
    let result = schedule.run(program());
    story.note(format_args!("{result:?}"));
    expect![[r#"
        50ms: look_up: 1 kept
        50ms: Ok(1)
    "#]]
    .assert_eq(&story.take());
}
