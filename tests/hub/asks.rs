//! Plain async code asks without a drive.

use expect_test::expect;
use futures_util::future::{join_all, select};
use futures_util::join;
use std::pin::pin;
use support::executor::yield_now;

use crate::world::*;

#[test]
fn what_is_asked_until_the_executor_comes_to_it_leaves_together() {
    let world = World::new();
    let hub = &world.hub;
    let (answers, log) = world.run(join_all((1..=5).map(|n| hub.ask(double(n)))));
    assert_eq!(answers, [2, 4, 6, 8, 10].map(Ok));
    expect![[r#"
        0    double [1, 2, 3, 4, 5]
    "#]]
    .assert_eq(&log);
}

#[test]
fn what_is_asked_while_a_batch_is_in_flight_gathers() {
    let world = World::new();
    let (hub, clock) = (&world.hub, world.executor.clock());
    let ask = async |after: u64, n: u64| {
        clock.sleep(std::time::Duration::from_millis(after)).await;
        hub.ask(double(n)).await.unwrap()
    };
    let asks = [ask(0, 1), ask(2, 2), ask(4, 3), ask(6, 4), ask(12, 5), ask(14, 6)];
    let (answers, log) = world.run(join_all(asks));
    assert_eq!(answers, [2, 4, 6, 8, 10, 12]);
    expect![[r#"
        0    double [1]
        10   double [2, 3, 4]
        20   double [5, 6]
    "#]]
    .assert_eq(&log);
}

#[test]
fn nothing_is_asked_before_the_first_poll() {
    let world = World::new();
    let hub = &world.hub;
    let (answer, log) = world.run(async {
        let never = hub.ask(double(1));
        let answer = hub.ask(double(2)).await;
        drop(never);
        answer
    });
    assert_eq!(answer, Ok(4));
    expect![[r#"
        0    double [2]
    "#]]
    .assert_eq(&log);
}

#[test]
fn an_ask_that_is_dropped_before_its_batch_leaves_does_not_leave() {
    let world = World::new();
    let hub = &world.hub;
    let (_, log) = world.run(async {
        let first = hub.ask(double(1));
        let rest = async {
            yield_now().await;
            yield_now().await;
            // In the line, behind the batch in flight.
            drop(select(hub.ask(double(2)), pin!(yield_now())).await);
            hub.ask(double(3)).await
        };
        join!(first, rest)
    });
    expect![[r#"
        0    double [1]
        10   double [3]
    "#]]
    .assert_eq(&log);
}

#[test]
fn a_batch_that_nobody_waits_for_is_dropped_and_its_place_is_free() {
    let world = World::new();
    let (hub, clock) = (&world.hub, world.executor.clock());
    let (_, log) = world.run(async {
        let limit = clock.sleep(std::time::Duration::from_millis(3));
        drop(select(pin!(hub.ask(double(1))), pin!(limit)).await);
        hub.ask(double(2)).await
    });
    expect![[r#"
        0    double [1]
        3    double [2]
    "#]]
    .assert_eq(&log);
    assert_eq!(hub.snapshot().dispatchers()[0].aboard, 0);
}

#[test]
fn a_batch_with_others_aboard_goes_on_and_late_answers_are_dropped() {
    let world = World::new();
    let (hub, clock) = (&world.hub, world.executor.clock());
    let (answer, log) = world.run(async {
        let leaves = async {
            let limit = clock.sleep(std::time::Duration::from_millis(3));
            drop(select(pin!(hub.ask(double(1))), pin!(limit)).await);
        };
        join!(leaves, hub.ask(double(2))).1
    });
    assert_eq!(answer, Ok(4));
    expect![[r#"
        0    double [1, 2]
    "#]]
    .assert_eq(&log);
}
