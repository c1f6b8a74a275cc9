//! Runs through a hub.

use expect_test::expect;
use futures_util::join;

use crate::world::*;

#[corio::task(App)]
fn twice(n: u64) -> u64 {
    let doubled = io!(double(n));
    io!(double(doubled))
}

#[corio::task(App)]
fn all_twice(from: u64, to: u64) -> Vec<u64> {
    all!((from..to).map(twice))
}

#[test]
fn what_runs_ask_at_their_quiescence_leaves_together() {
    let world = World::new();
    let (mut one, mut other) =
        (world.config().schedule(world.app()), world.config().schedule(world.app()));
    let (answers, log) = world
        .run(async { join!(one.run_async(all_twice(0, 3)), other.run_async(all_twice(10, 12))) });
    assert_eq!(answers, (Ok(vec![0, 4, 8]), Ok(vec![40, 44])));
    expect![[r#"
        0    double [0, 1, 2, 10, 11]
        10   double [0, 2, 4, 20, 22]
    "#]]
    .assert_eq(&log);
}

#[test]
fn a_run_and_plain_code_share_batches() {
    let world = World::new();
    let mut schedule = world.config().schedule(world.app());
    let hub = &world.hub;
    let (answers, log) =
        world.run(async { join!(schedule.run_async(all_twice(0, 2)), hub.ask(double(7))) });
    assert_eq!(answers, (Ok(vec![0, 4]), Ok(14)));
    expect![[r#"
        0    double [0, 1, 7]
        10   double [0, 2]
    "#]]
    .assert_eq(&log);
}

#[test]
fn a_run_that_is_dropped_withdraws_what_has_not_left() {
    let world = World::new();
    let mut schedule = world.config().schedule(world.app());
    let (hub, clock) = (&world.hub, world.executor.clock());
    let (answer, log) = world.run(async {
        let dropped = async {
            clock.sleep(std::time::Duration::from_millis(1)).await;
            let limit = std::pin::pin!(clock.sleep(std::time::Duration::from_millis(2)));
            drop(futures_util::future::select(schedule.run_async(all_twice(0, 2)), limit).await);
        };
        let asks = async {
            let first = hub.ask(double(7)).await;
            (first, hub.ask(double(8)).await)
        };
        join!(dropped, asks).1
    });
    assert_eq!(answer, (Ok(14), Ok(16)));
    expect![[r#"
        0    double [7]
        10   double [8]
    "#]]
    .assert_eq(&log);
}

#[test]
fn a_schedule_can_be_used_again_after_a_run_was_dropped() {
    let world = World::new();
    let mut schedule = world.config().schedule(world.app());
    let clock = world.executor.clock();
    let (answer, log) = world.run(async {
        let limit = std::pin::pin!(clock.sleep(std::time::Duration::from_millis(3)));
        drop(futures_util::future::select(schedule.run_async(all_twice(0, 2)), limit).await);
        schedule.run_async(all_twice(5, 6)).await
    });
    assert_eq!(answer, Ok(vec![20]));
    expect![[r#"
        0    double [0, 1]
        3    double [5]
        13   double [10]
    "#]]
    .assert_eq(&log);
}

#[test]
fn dispatchers_that_are_not_shared_answer_in_the_run() {
    #[corio::dispatcher]
    fn own(record: &Record, keys: &[u64]) -> Vec<u64> {
        record.say(format!("own {keys:?}"));
        keys.to_vec()
    }
    #[corio::task(App)]
    fn both(n: u64) -> (u64, u64) {
        io!(own(n), double(n))
    }
    let world = World::new();
    let (mut one, mut other) =
        (world.config().schedule(world.app()), world.config().schedule(world.app()));
    let (answers, log) =
        world.run(async { join!(one.run_async(both(1)), other.run_async(both(2))) });
    assert_eq!(answers, (Ok((1, 2)), Ok((2, 4))));
    expect![[r#"
        0    own [1]
        0    own [2]
        0    double [1, 2]
    "#]]
    .assert_eq(&log);
}

#[test]
fn a_shared_dispatcher_that_the_hub_does_not_know_is_said_to_be_missing() {
    #[corio::dispatcher(shared)]
    fn forgotten(keys: &[u64]) -> Vec<u64> {
        keys.to_vec()
    }
    let world = World::new();
    let mut schedule = world.config().schedule(world.app());
    assert_eq!(
        support::message(|| world.executor.block_on(schedule.run_async(forgotten(1)))),
        "corio: `forgotten` is a shared dispatcher, and the hub that this schedule goes through \
         does not know it: make the hub with `.share(forgotten)`"
    );
}

#[test]
fn an_answer_of_a_test_comes_before_the_hub() {
    let world = World::new();
    let config = world.config().answer_with(double, |keys| keys.to_vec());
    let (answer, log) = world.run(config.schedule(world.app()).run_async(twice(3)));
    assert_eq!((answer, log), (Ok(3), String::new()));
}

#[corio::task(App)]
fn all_by_parity(from: u64, to: u64) -> Vec<u64> {
    io_all!((from..to).map(by_parity))
}

#[test]
fn a_run_whose_packet_is_in_several_lanes_withdraws_its_own_in_each_and_nothing_else() {
    let world = World::with(|hub| hub.share(by_parity));
    let mut schedule = world.config().schedule(world.app());
    let (hub, clock) = (&world.hub, world.executor.clock());
    let (answers, log) = world.run(async {
        let dropped = async {
            let limit = std::pin::pin!(clock.sleep(std::time::Duration::from_millis(3)));
            let run = schedule.run_async(all_by_parity(0, 5));
            drop(futures_util::future::select(run, limit).await);
        };
        // Aboard of the odd batch alone, behind those of the run.
        let asks = futures_util::future::join_all([7, 9].map(|key| hub.ask(by_parity(key))));
        join!(dropped, asks).1
    });
    assert_eq!(answers, [Ok(7), Ok(9)]);
    expect![[r#"
        0    by_parity [0, 2, 4]
        0    by_parity [1, 3, 7, 9]
    "#]]
    .assert_eq(&log);
    assert_eq!(hub.snapshot().dispatcher("by_parity").unwrap().in_flight, 0);
}
