//! Drives: what is asked in a future leaves when it waits.

use expect_test::expect;
use futures_util::future::join_all;
use futures_util::join;
use std::future::Future;
use support::executor::yield_now;

use crate::world::*;

async fn twice(hub: &corio::Hub<App>, n: u64) -> u64 {
    let doubled = hub.ask(double(n)).await.unwrap();
    hub.ask(double(doubled)).await.unwrap()
}

#[test]
fn each_quiescence_is_a_packet() {
    let world = World::new();
    let hub = &world.hub;
    let (answers, log) = world.run(hub.drive(join_all((0..4).map(|n| twice(hub, n)))));
    assert_eq!(answers, [0, 4, 8, 12]);
    expect![[r#"
        0    double [0, 1, 2, 3]
        10   double [0, 2, 4, 6]
    "#]]
    .assert_eq(&log);
}

#[test]
fn a_part_that_wakes_itself_is_waited_for() {
    let world = World::new();
    let hub = &world.hub;
    let slow = |n: u64| async move {
        for _ in 0..n {
            yield_now().await;
        }
        twice(hub, n).await
    };
    let (answers, log) = world.run(hub.drive(join_all((0..4).map(slow))));
    assert_eq!(answers, [0, 4, 8, 12]);
    expect![[r#"
        0    double [0, 1, 2, 3]
        10   double [0, 2, 4, 6]
    "#]]
    .assert_eq(&log);
}

#[test]
fn a_drive_in_a_drive_of_the_same_hub_is_a_part_of_it() {
    let world = World::new();
    let hub = &world.hub;
    let (_, log) = world.run(hub.drive(join_all((0..3).map(|n| hub.drive(twice(hub, n))))));
    expect![[r#"
        0    double [0, 1, 2]
        10   double [0, 2, 4]
    "#]]
    .assert_eq(&log);
}

#[test]
fn in_a_drive_of_another_hub_each_hub_gets_its_packet() {
    let world = World::new();
    let (hub, other) = (&world.hub, &world.another_hub());
    let both = |n: u64| async move { join!(hub.ask(double(n)), other.ask(triple(n))) };
    let (answers, log) = world.run(hub.drive(other.drive(join_all((0..3).map(both)))));
    assert_eq!(answers, [(Ok(0), Ok(0)), (Ok(2), Ok(3)), (Ok(4), Ok(6))]);
    expect![[r#"
        0    triple [0, 1, 2]
        0    double [0, 1, 2]
    "#]]
    .assert_eq(&log);
}

#[test]
fn what_is_spawned_elsewhere_takes_part_when_it_follows() {
    let world = World::new();
    let hub = &world.hub;
    let spawned = |n: u64| {
        let (hub, executor) = (hub.clone(), world.executor.clone());
        async move {
            let (send, receive) = tokio::sync::oneshot::channel();
            let asks = hub.clone();
            let followed = hub.follow(async move {
                yield_now().await;
                let _ = send.send(twice(&asks, n).await);
            });
            executor.spawn(followed);
            receive.await.unwrap()
        }
    };
    let (answers, log) = world.run(hub.drive(join_all((0..3).map(spawned))));
    assert_eq!(answers, [0, 4, 8]);
    expect![[r#"
        0    double [0, 1, 2]
        10   double [0, 2, 4]
    "#]]
    .assert_eq(&log);
}

#[test]
fn a_drive_dropped_at_each_of_its_polls_leaves_nothing_behind() {
    for polls in 1..8 {
        let world = World::new();
        let hub = &world.hub;
        let mut driven = hub.drive(join_all((0..3).map(|n| twice(hub, n))));
        let (_, _) = world.run(async {
            let mut left = polls;
            std::future::poll_fn(|context| {
                left -= 1;
                let ready = std::pin::Pin::new(&mut driven).poll(context).is_ready();
                if ready || left == 0 {
                    std::task::Poll::Ready(())
                } else {
                    std::task::Poll::Pending
                }
            })
            .await
        });
        drop(driven);
        world.executor.settle();
        let (answer, _) = world.run(hub.ask(double(7)));
        assert_eq!(answer, Ok(14), "after {polls} polls");
        let of = hub.snapshot().dispatchers()[0].clone();
        assert_eq!((of.queued, of.aboard, of.in_flight), (0, 0, 0), "after {polls} polls");
    }
}
