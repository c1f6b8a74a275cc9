//! What a hub does with requests of many askers: parts, groups, places, fairness, order, dedup.

use expect_test::expect;
use futures_util::future::join_all;
use futures_util::join;
use std::time::Duration;

use crate::world::*;

#[corio::task(TenantApp)]
fn read(n: u64) -> Option<String> {
    io!(of_tenant(n))
}

#[test]
fn tenants_share_no_batch_and_hold_nobody() {
    let world = World::new();
    let hub = &world.hub;
    let ask = async |tenant, n| hub.ask_for(Tenant(tenant), of_tenant(n)).await.unwrap().unwrap();
    let app = TenantApp { record: world.record.clone(), tenant: Tenant("a") };
    let mut schedule = world.config().schedule(app);
    let (answers, log) = world.run(async {
        let asks = join_all([ask("a", 1), ask("b", 1), ask("b", 2), ask("a", 3)]);
        join!(asks, schedule.run_async(read(4)))
    });
    assert_eq!(answers.0, ["a:1", "b:1", "b:2", "a:3"]);
    assert_eq!(answers.1, Ok(Some("a:4".to_owned())));
    expect![[r#"
        0    of_tenant a [1, 3, 4]
        0    of_tenant b [1, 2]
    "#]]
    .assert_eq(&log);
}

#[corio::dispatcher(shared, group_by = |key| key / 10)]
async fn grouped(record: &Record, keys: &[u64]) -> Vec<u64> {
    // The group of the tens is slow.
    record.batch("grouped", keys, if keys[0] / 10 == 1 { 100 } else { 10 }).await;
    keys.to_vec()
}

#[test]
fn a_slow_group_holds_no_other() {
    let world = World::new();
    let hub = &world.hub;
    let steps = async |keys: [u64; 3]| {
        for key in keys {
            hub.ask(grouped(key)).await.unwrap();
        }
    };
    let (_, log) =
        world.run(async { join!(steps([1, 2, 3]), steps([10, 4, 5]), steps([20, 21, 11])) });
    expect![[r#"
        0    grouped [1]
        0    grouped [10]
        0    grouped [20]
        10   grouped [2]
        10   grouped [21]
        20   grouped [3]
        100  grouped [11]
        100  grouped [4]
        110  grouped [5]
    "#]]
    .assert_eq(&log);
}

#[test]
fn lanes_of_parts_and_groups_go_when_they_are_idle_and_come_again() {
    let world = World::new();
    let hub = &world.hub;
    world.run(async {
        for round in 0..3_u64 {
            let asks = (0..500).map(|n| hub.ask(grouped(1000 + 10 * (round * 300 + n))));
            join_all(asks).await.into_iter().for_each(|answer| assert!(answer.is_ok()));
        }
    });
    world.executor.settle();
    assert_eq!(hub.snapshot().dispatcher("grouped").unwrap().lanes, 0);
    let (answer, _) = world.run(hub.ask(grouped(7)));
    assert_eq!(answer, Ok(7));
}

#[corio::dispatcher(shared, group_by = |key| key / 10, rate = "2/50ms")]
async fn rated(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("rated", keys, 1).await;
    keys.to_vec()
}

#[corio::task(App)]
fn read_rated(key: u64) -> u64 {
    io!(rated(key))
}

#[test]
fn a_rate_is_kept_by_all_who_ask_together_for_each_group() {
    let world = World::with(|hub| hub.share(rated));
    let hub = &world.hub;
    let steps = async |keys: [u64; 3]| {
        for key in keys {
            hub.ask(rated(key)).await.unwrap();
        }
    };
    let run_after = async |millis: u64, key| {
        world.record.clock.sleep(Duration::from_millis(millis)).await;
        world.config().schedule(world.app()).run_async(read_rated(key)).await.unwrap();
    };
    let (_, log) = world.run(async {
        join!(steps([1, 2, 3]), run_after(2, 4), run_after(20, 5), run_after(30, 10))
    });
    expect![[r#"
        0    rated [1]
        1    rated [2]
        30   rated [10]
        50   rated [4, 3, 5]
    "#]]
    .assert_eq(&log);
}

#[corio::dispatcher(shared, cache = "schedule", by = || (), max_in_flight = 1, rate = "1/100ms")]
async fn cached(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("cached", keys, 10).await;
    keys.to_vec()
}

#[test]
fn what_is_in_the_cache_waits_for_no_rate_and_no_place_and_what_comes_into_it_is_not_sent() {
    let world = World::with(|hub| hub.share(cached).max_in_flight(1));
    let (hub, record) = (&world.hub, &world.record);
    let ask = async |key| {
        hub.ask(cached(key)).await.unwrap();
        record.say(format!("answered {key}"));
    };
    let ask_after = async |millis, key| {
        record.clock.sleep(Duration::from_millis(millis)).await;
        ask(key).await;
    };
    let (_, log) = world.run(async {
        // 1 is asked once more while it is in flight; 2 waits for the rate, and then 3.
        join!(ask(1), ask_after(5, 1), ask_after(20, 2), ask_after(30, 1), ask_after(105, 2));
        join!(ask(3), ask(2), async {
            // The only place is taken.
            assert_eq!(join!(hub.ask(double(1)), ask(1)).0, Ok(2));
        });
    });
    expect![[r#"
        0    cached [1]
        10   answered 1
        10   answered 1
        30   answered 1
        100  cached [2]
        110  answered 2
        110  answered 2
        110  double [1]
        110  answered 2
        110  answered 1
        200  cached [3]
        210  answered 3
    "#]]
    .assert_eq(&log);
}

#[test]
fn a_lane_is_remembered_as_long_as_its_batches_count_for_the_rate() {
    let world = World::with(|hub| hub.share(rated));
    let (hub, clock) = (&world.hub, &world.record.clock);
    let lanes = || hub.snapshot().dispatcher("rated").unwrap().lanes;
    let (seen, log) = world.run(async {
        let mut seen = Vec::new();
        for millis in [0, 30, 10, 20, 60] {
            clock.sleep(Duration::from_millis(millis)).await;
            hub.ask(rated(7)).await.unwrap();
            seen.push(lanes());
        }
        clock.sleep(Duration::from_millis(48)).await;
        seen.push(lanes());
        clock.sleep(Duration::from_millis(2)).await;
        seen.push(lanes());
        seen
    });
    assert_eq!(seen, [1, 1, 1, 1, 1, 1, 0]);
    expect![[r#"
        0    rated [7]
        31   rated [7]
        50   rated [7]
        81   rated [7]
        142  rated [7]
    "#]]
    .assert_eq(&log);
}

#[test]
fn what_counts_for_a_rate_does_not_delay_the_end_of_a_hub_and_what_waits_for_it_does() {
    let world = World::with(|hub| hub.share(rated));
    let hub = &world.hub;
    let now = || world.record.clock.now().as_millis();
    world.run(async {
        hub.ask(rated(1)).await.unwrap();
        hub.ask(rated(2)).await.unwrap();
        let (waits, ()) = join!(hub.ask(rated(3)), hub.shutdown(Duration::from_secs(9)));
        assert_eq!(waits, Ok(3));
    });
    assert_eq!(now(), 51);
}

#[corio::dispatcher(shared, max_batch = 8, max_in_flight = 1)]
async fn small_batches(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("small_batches", keys, 10).await;
    keys.to_vec()
}

#[test]
fn a_small_packet_waits_for_few_batches_however_large_others_are() {
    let world = World::new();
    let hub = &world.hub;
    let (_, log) = world.run(async {
        let large = hub.drive(join_all((100..140).map(|n| hub.ask(small_batches(n)))));
        let small = async {
            world.executor.clock().sleep(Duration::from_millis(1)).await;
            hub.drive(join_all((1..4).map(|n| hub.ask(small_batches(n))))).await;
            world.record.say("the small one is answered");
        };
        join!(large, small)
    });
    expect![[r#"
        0    small_batches [100, 101, 102, 103, 104, 105, 106, 107]
        10   small_batches [108, 109, 110, 111, 112, 113, 1, 2]
        20   small_batches [114, 115, 116, 117, 118, 119, 120, 3]
        30   small_batches [121, 122, 123, 124, 125, 126, 127, 128]
        30   the small one is answered
        40   small_batches [129, 130, 131, 132, 133, 134, 135, 136]
        50   small_batches [137, 138, 139]
    "#]]
    .assert_eq(&log);
}

#[corio::dispatcher(shared, write, max_batch = 3)]
async fn write(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("write", keys, 10).await;
    record.say(format!("written {keys:?}"));
    keys.to_vec()
}

#[test]
fn what_is_ordered_leaves_in_the_order_asked_one_batch_at_a_time() {
    let world = World::new();
    let hub = &world.hub;
    let (_, log) = world.run(join_all((0..8).map(|n| hub.ask(write(n)))));
    expect![[r#"
        0    write [0, 1, 2]
        10   written [0, 1, 2]
        10   write [3, 4, 5]
        20   written [3, 4, 5]
        20   write [6, 7]
        30   written [6, 7]
    "#]]
    .assert_eq(&log);
}

#[test]
fn an_ordered_batch_is_seen_to_its_end_although_nobody_waits() {
    let world = World::new();
    let (hub, clock) = (&world.hub, world.executor.clock());
    let (answer, log) = world.run(async {
        let limit = std::pin::pin!(clock.sleep(Duration::from_millis(3)));
        let asks = join_all((0..5).map(|n| hub.ask(write(n))));
        drop(futures_util::future::select(asks, limit).await);
        hub.ask(write(7)).await
    });
    assert_eq!(answer, Ok(7));
    expect![[r#"
        0    write [0, 1, 2]
        10   written [0, 1, 2]
        10   write [7]
        20   written [7]
    "#]]
    .assert_eq(&log);
}

#[test]
fn equal_keys_of_a_batch_are_sent_once() {
    let world = World::new();
    let hub = &world.hub;
    let (answers, log) = world.run(join_all([1, 2, 1, 1].map(|n| hub.ask(triple(n)))));
    assert_eq!(answers, [3, 6, 3, 3].map(Ok));
    expect![[r#"
        0    triple [1, 2]
    "#]]
    .assert_eq(&log);
}

#[test]
fn who_has_written_reads_what_he_wrote_and_joins_no_batch_in_flight() {
    let world = World::new();
    let hub = &world.hub.clone();
    let after = async |millis, n| {
        world.executor.clock().sleep(Duration::from_millis(millis)).await;
        hub.ask(triple(n)).await
    };
    let (_, log) = world.run(join_all([after(0, 1), after(2, 1), after(3, 1)]));
    expect![[r#"
        0    triple [1]
        10   triple [1]
    "#]]
    .assert_eq(&log);
}

#[corio::dispatcher(shared, max_in_flight = 3)]
async fn wide(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("wide", keys, 10).await;
    keys.to_vec()
}

#[test]
fn as_many_batches_are_in_flight_as_the_dispatcher_allows() {
    let world = World::new();
    let hub = &world.hub;
    let after = async |millis, n| {
        world.executor.clock().sleep(Duration::from_millis(millis)).await;
        hub.ask(wide(n)).await
    };
    let asks = (0..6).map(|n| after(n, n));
    let (_, log) = world.run(join_all(asks));
    expect![[r#"
        0    wide [0]
        1    wide [1]
        2    wide [2]
        10   wide [3, 4, 5]
    "#]]
    .assert_eq(&log);
}

#[test]
fn the_places_of_a_hub_are_granted_in_turn() {
    let world = World::with(|hub| hub.max_in_flight(2));
    let hub = &world.hub;
    let chain = async |keys: [u64; 3], which: u64| {
        for key in keys {
            match which {
                0 => hub.ask(double(key)).await.unwrap(),
                1 => hub.ask(triple(key)).await.unwrap(),
                _ => hub.ask(wide(key)).await.unwrap(),
            };
        }
    };
    let (_, log) =
        world.run(async { join!(chain([1, 2, 3], 0), chain([1, 2, 3], 1), chain([1, 2, 3], 2)) });
    expect![[r#"
        0    double [1]
        0    triple [1]
        10   wide [1]
        10   double [2]
        20   triple [2]
        20   double [3]
        30   wide [2]
        30   triple [3]
        40   wide [3]
    "#]]
    .assert_eq(&log);
}

#[test]
fn a_busy_lane_gives_its_place_to_those_that_wait() {
    let world = World::with(|hub| hub.max_in_flight(1));
    let hub = &world.hub;
    let clock = world.executor.clock();
    let after = async |millis| clock.sleep(Duration::from_millis(millis)).await;
    let double_after = async |millis, n| {
        after(millis).await;
        hub.ask(double(n)).await
    };
    let triple_after = async |millis, n| {
        after(millis).await;
        hub.ask(triple(n)).await
    };
    let (_, log) = world.run(async {
        join!(double_after(0, 1), triple_after(1, 1), double_after(2, 2), double_after(12, 3))
    });
    expect![[r#"
        0    double [1]
        10   triple [1]
        20   double [2, 3]
    "#]]
    .assert_eq(&log);
}

#[test]
fn answers_of_a_batch_become_visible_together() {
    // A drive whose parts are woken one by one asks for all of them at once.
    let world = World::new();
    let hub = &world.hub;
    let chain = async |n: u64| {
        let doubled = hub.ask(double(n)).await.unwrap();
        hub.ask(triple(doubled)).await.unwrap()
    };
    let (_, log) = world.run(hub.drive(join_all((0..40).map(chain))));
    assert_eq!(log.lines().count(), 2, "{log}");
}

/// Some take 100 ms instead of 10.
#[corio::dispatcher(shared)]
async fn mostly_fast(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("mostly_fast", keys, if keys.contains(&13) { 100 } else { 10 }).await;
    keys.to_vec()
}

#[test]
fn a_batch_that_takes_much_longer_than_usual_holds_the_next_no_longer_than_a_usual_one() {
    let world = World::new();
    let hub = &world.hub;
    let after = async |millis, n| {
        world.executor.clock().sleep(Duration::from_millis(millis)).await;
        hub.ask(mostly_fast(n)).await
    };
    // 10 ms are typical; 13 is overdue after 20, which is seen when the next request comes.
    let asks = [(0, 1), (15, 13), (20, 2), (30, 3), (36, 4), (40, 5), (50, 6), (60, 7)];
    let (_, log) = world.run(join_all(asks.map(|(millis, n)| after(millis, n))));
    expect![[r#"
        0    mostly_fast [1]
        15   mostly_fast [13]
        36   mostly_fast [2, 3, 4]
        46   mostly_fast [5]
        56   mostly_fast [6]
        66   mostly_fast [7]
    "#]]
    .assert_eq(&log);
}

#[corio::dispatcher(shared, max_batch = 8)]
async fn full_at_eight(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("full_at_eight", keys, 10).await;
    keys.to_vec()
}

#[test]
fn a_batch_that_is_full_need_not_wait_for_more() {
    let world = World::new();
    let hub = &world.hub;
    let after = async |millis, n| {
        world.executor.clock().sleep(Duration::from_millis(millis)).await;
        hub.ask(full_at_eight(n)).await
    };
    let (_, log) = world.run(join_all((0..20).map(|n| after(n / 10, n))));
    expect![[r#"
        0    full_at_eight [0, 1, 2, 3, 4, 5, 6, 7]
        1    full_at_eight [8, 9, 10, 11, 12, 13, 14, 15]
        11   full_at_eight [16, 17, 18, 19]
    "#]]
    .assert_eq(&log);
}
