//! Every option by every way: in a run, in a run through the hub, asked, and driven. What belongs
//! to a batch holds by each of them; the cache for a run is the run's.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use corio::{Batch, Config, RequestError};
use expect_test::expect;
use futures_util::future::join_all;

use crate::world::*;

/// Asks the keys of one round together, round after round, by each way, and compares what was
/// recorded: all ways if they are alike, or each with its own.
macro_rules! ways {
    ($dispatcher:ident, $rounds:expr, $expected:expr) => {{
        #[corio::task(App)]
        fn ask_rounds(record: Record, rounds: Vec<Vec<u64>>) {
            for keys in rounds {
                let answers = io_all!(keys.into_iter().map($dispatcher));
                answered(&record, &answers);
            }
        }
        let in_a_run = |through_hub: bool| {
            let world = World::with(|hub| hub.share($dispatcher));
            let config = if through_hub {
                Config::new().through(&world.hub)
            } else {
                Config::new().clock(world.executor.clock())
            };
            let mut schedule = config.schedule(world.app());
            let run = schedule.run_async(ask_rounds(world.record.clone(), $rounds));
            let (outcome, log) = world.run(run);
            if let Err(error) = outcome { format!("{log}the run ends: {error}\n") } else { log }
        };
        let asked = |drives: bool| {
            let world = World::new();
            let (hub, record) = (&world.hub, &world.record);
            let all = async {
                for keys in $rounds {
                    let asks = join_all(keys.into_iter().map(|key| hub.ask($dispatcher(key))));
                    let answers = if drives { hub.drive(asks).await } else { asks.await };
                    asked_answers(record, answers);
                }
            };
            world.run(all).1
        };
        let ways = [
            ("run", in_a_run(false)),
            ("through", in_a_run(true)),
            ("ask", asked(false)),
            ("drive", asked(true)),
        ];
        compare(&ways, $expected);
    }};
}

/// Records answers, shortened to what is between the braces.
fn answered(record: &Record, answers: &[impl Debug]) {
    record.say(format!("answers {answers:?}"));
}

/// Records answers of `ask`, as the answers of a run if none has failed.
fn asked_answers<A: Debug>(record: &Record, answers: Vec<Result<A, RequestError>>) {
    let errors: Vec<String> =
        answers.iter().filter_map(|answer| Some(answer.as_ref().err()?.to_string())).collect();
    if errors.is_empty() {
        answered(record, &answers.into_iter().map(Result::unwrap).collect::<Vec<_>>());
    } else {
        record.say(format!("{} fail: {}", errors.len(), errors[0]));
    }
}

fn one_round(keys: impl IntoIterator<Item = u64>) -> Vec<Vec<u64>> {
    vec![keys.into_iter().collect()]
}

// ── the shape of a function ──

#[corio::dispatcher(shared)]
fn in_place(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.say(format!("in_place {keys:?}"));
    keys.iter().map(|key| key + 1).collect()
}

#[corio::dispatcher(shared)]
fn by_value(record: &Record, keys: Vec<u64>) -> BTreeMap<u64, u64> {
    record.say(format!("by_value {keys:?}"));
    keys.into_iter().filter(|key| key.is_multiple_of(2)).map(|key| (key, key + 1)).collect()
}

#[corio::dispatcher(shared)]
fn filling(record: &Record, keys: &[u64], answers: &mut Vec<u64>) {
    record.say(format!("filling {keys:?}"));
    answers.extend(keys.iter().map(|key| key + 1));
}

#[corio::dispatcher(shared)]
async fn slots_later(record: &Record, batch: Batch<u64, u64>) {
    let keys: Vec<u64> = batch.keys().copied().collect();
    record.batch("slots_later", &keys, 10).await;
    batch.into_iter().rev().for_each(|slot| slot.answer_with(|key| key + 1));
}

#[corio::dispatcher(shared, blocking)]
fn in_the_pool(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.say(format!("in_the_pool {keys:?}"));
    keys.iter().map(|key| key + 1).collect()
}

#[corio::dispatcher(shared)]
async fn of_error(record: &Record, keys: &[u64]) -> Result<HashMap<u64, u64>, String> {
    record.batch("of_error", keys, 10).await;
    Err("no connection".to_owned())
}

#[test]
fn every_shape_of_function_answers() {
    ways!(
        in_place,
        one_round(0..3),
        expect![[r#"
            run, through, ask, drive
            0    in_place [0, 1, 2]
            0    answers [1, 2, 3]
        "#]]
    );
    ways!(
        by_value,
        one_round([1, 2, 2]),
        expect![[r#"
            run, through, ask, drive
            0    by_value [1, 2]
            0    answers [None, Some(3), Some(3)]
        "#]]
    );
    ways!(
        filling,
        one_round(0..3),
        expect![[r#"
            run, through, ask, drive
            0    filling [0, 1, 2]
            0    answers [1, 2, 3]
        "#]]
    );
    ways!(
        slots_later,
        one_round(0..3),
        expect![[r#"
            run, through, ask, drive
            0    slots_later [0, 1, 2]
            10   answers [1, 2, 3]
        "#]]
    );
    ways!(
        in_the_pool,
        one_round(0..3),
        expect![[r#"
            run, through, ask, drive
            0    in_the_pool [0, 1, 2]
            0    answers [1, 2, 3]
        "#]]
    );
    ways!(
        of_error,
        one_round(0..2),
        expect![[r#"
            run, through, ask, drive
            0    of_error [0, 1]
            10   answers [Err("no connection"), Err("no connection")]
        "#]]
    );
}

// ── what a batch is ──

#[corio::dispatcher(shared, max_batch = 2, max_in_flight = 2)]
async fn by_two(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("by_two", keys, 10).await;
    keys.to_vec()
}

#[test]
fn max_batch_and_max_in_flight() {
    // In a run the parts of a split batch count as one, and leave together; through the hub two at
    // a time.
    ways!(
        by_two,
        one_round(0..6),
        expect![[r#"
        run
        0    by_two [0, 1]
        0    by_two [2, 3]
        0    by_two [4, 5]
        10   answers [0, 1, 2, 3, 4, 5]
        through, ask, drive
        0    by_two [0, 1]
        0    by_two [2, 3]
        10   by_two [4, 5]
        20   answers [0, 1, 2, 3, 4, 5]
    "#]]
    );
}

#[corio::dispatcher(shared, dedup)]
async fn once(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("once", keys, 10).await;
    keys.to_vec()
}

#[test]
fn dedup() {
    ways!(
        once,
        one_round([1, 2, 1]),
        expect![[r#"
        run, through, ask, drive
        0    once [1, 2]
        10   answers [1, 2, 1]
    "#]]
    );
}

#[test]
fn group_by() {
    ways!(
        by_parity,
        one_round(0..5),
        expect![[r#"
        run, through, ask, drive
        0    by_parity [0, 2, 4]
        0    by_parity [1, 3]
        10   answers [0, 1, 2, 3, 4]
    "#]]
    );
}

#[corio::dispatcher(shared, max_batch = 2, rate = "2/50ms")]
async fn rated(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("rated", keys, 10).await;
    keys.to_vec()
}

#[test]
fn rate() {
    ways!(
        rated,
        vec![vec![0, 1, 2], vec![3], (4..9).collect()],
        expect![[r#"
        run
        0    rated [0, 1]
        0    rated [2]
        10   answers [0, 1, 2]
        50   rated [3]
        60   answers [3]
        60   rated [4, 5]
        100  rated [6, 7]
        110  rated [8]
        120  answers [4, 5, 6, 7, 8]
        through, ask, drive
        0    rated [0, 1]
        10   rated [2]
        20   answers [0, 1, 2]
        50   rated [3]
        60   answers [3]
        60   rated [4, 5]
        100  rated [6, 7]
        110  rated [8]
        120  answers [4, 5, 6, 7, 8]
    "#]]
    );
}

#[corio::dispatcher(shared, group_by = |key| key % 2, rate = "1/50ms")]
fn rated_by_parity(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.say(format!("rated_by_parity {keys:?}"));
    keys.to_vec()
}

#[test]
fn rate_of_each_group() {
    ways!(
        rated_by_parity,
        vec![vec![0, 1, 2], vec![3], vec![4, 5]],
        expect![[r#"
        run, through, ask, drive
        0    rated_by_parity [0, 2]
        0    rated_by_parity [1]
        0    answers [0, 1, 2]
        50   rated_by_parity [3]
        50   answers [3]
        50   rated_by_parity [4]
        100  rated_by_parity [5]
        100  answers [4, 5]
    "#]]
    );
}

#[corio::dispatcher(shared, ordered, max_batch = 2)]
async fn in_order(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("in_order", keys, 10).await;
    keys.to_vec()
}

#[test]
fn ordered() {
    ways!(
        in_order,
        one_round([3, 3, 1, 2]),
        expect![[r#"
        run, through, ask, drive
        0    in_order [3, 3]
        10   in_order [1, 2]
        20   answers [3, 3, 1, 2]
    "#]]
    );
}

// ── trouble ──

static TRIES: AtomicU64 = AtomicU64::new(0);

#[corio::dispatcher(
    shared,
    show_keys,
    retry(attempts = 3, backoff = "20ms", when = |error: &String| error == "busy")
)]
async fn busy(record: &Record, keys: &[u64]) -> Vec<Result<u64, String>> {
    record.batch("busy", keys, 10).await;
    let tries = TRIES.fetch_add(1, Ordering::Relaxed) % 3;
    // Key k works at the k-th try.
    keys.iter().map(|key| if *key > tries { Err("busy".to_owned()) } else { Ok(*key) }).collect()
}

#[test]
fn retry() {
    ways!(
        busy,
        one_round(0..4),
        expect![[r#"
        run, through, ask, drive
        0    busy [0, 1, 2, 3]
        30   busy [1, 2, 3]
        60   busy [2, 3]
        70   answers [Ok(0), Ok(1), Ok(2), Err("busy")]
    "#]]
    );
}

#[corio::dispatcher(shared, max_batch = 2, retry(attempts = 3, when = |_| true))]
async fn at_once(record: &Record, keys: &[u64]) -> Vec<Result<u64, u64>> {
    record.batch("at_once", keys, 10).await;
    let now = record.clock.now().as_millis() as u64;
    keys.iter().map(|key| if key * 10 > now { Err(*key) } else { Ok(*key) }).collect()
}

/// Those that are asked again go first.
#[test]
fn retry_without_a_pause() {
    ways!(
        at_once,
        one_round([3, 1, 9, 2]),
        expect![[r#"
        run
        0    at_once [3, 1]
        0    at_once [9, 2]
        10   at_once [3, 9]
        10   at_once [2]
        20   at_once [3, 9]
        30   answers [Ok(3), Ok(1), Err(9), Ok(2)]
        through, ask, drive
        0    at_once [3, 1]
        0    at_once [9, 2]
        10   at_once [3, 9]
        20   at_once [2, 3]
        30   at_once [9]
        40   answers [Ok(3), Ok(1), Err(9), Ok(2)]
    "#]]
    );
}

#[corio::dispatcher(shared, show_keys, retry(attempts = 2, backoff = "20ms"))]
fn again(record: &Record, batch: Batch<u64, u64>) {
    let keys: Vec<u64> = batch.keys().copied().collect();
    record.say(format!("again {keys:?}"));
    for slot in batch {
        if *slot.key() == 1 { slot.retry() } else { slot.answer_with(|key| key) }
    }
}

#[test]
fn retry_by_slots() {
    ways!(
        again,
        one_round(0..3),
        expect![[r#"
        run, through
        0    again [0, 1, 2]
        20   again [1]
        the run ends: dispatcher `again` asked for one more try of a request that was sent 2 times already (key 1)
        ask, drive
        0    again [0, 1, 2]
        20   again [1]
        20   1 fail: dispatcher `again` asked for one more try of a request that was sent 2 times already (key 1)
    "#]]
    );
}

#[corio::dispatcher(shared, timeout = "30ms", retry(attempts = 2, timeouts))]
async fn too_slow(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("too_slow", keys, 100).await;
    keys.to_vec()
}

#[test]
fn timeout() {
    ways!(
        too_slow,
        one_round(0..2),
        expect![[r#"
        run, through
        0    too_slow [0, 1]
        30   too_slow [0, 1]
        the run ends: dispatcher `too_slow` left 2 requests of a batch without an answer for 30ms, its time limit
        ask, drive
        0    too_slow [0, 1]
        30   too_slow [0, 1]
        60   2 fail: dispatcher `too_slow` left 2 requests of a batch without an answer for 30ms, its time limit
    "#]]
    );
}

#[corio::dispatcher(shared, show_keys, faults = "error")]
async fn faulty(record: &Record, batch: Batch<u64, u64>) {
    let keys: Vec<u64> = batch.keys().copied().collect();
    record.batch("faulty", &keys, 10).await;
    batch.into_iter().filter(|slot| *slot.key() != 1).for_each(|slot| slot.answer_with(|key| key));
}

#[test]
fn faults_as_errors_and_shown_keys() {
    ways!(
        faulty,
        one_round(0..3),
        expect![[r#"
        run, through, ask, drive
        0    faulty [0, 1, 2]
        10   answers [Ok(0), Err(Unanswered { dispatcher: "faulty", position: 1, requests: 3, key: Some("1") }), Ok(2)]
    "#]]
    );
}

// ── caches ──

#[corio::dispatcher(shared, read)]
async fn kept_in_run(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("kept_in_run", keys, 10).await;
    keys.to_vec()
}

#[corio::dispatcher(shared, cache = "schedule", by = || (), ttl = "15ms", capacity = 100)]
async fn kept(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("kept", keys, 10).await;
    keys.to_vec()
}

#[test]
fn caches() {
    let rounds = || vec![vec![1, 2], vec![2, 3], vec![1, 3], vec![3]];
    ways!(
        kept_in_run,
        rounds(),
        expect![[r#"
        run, through
        0    kept_in_run [1, 2]
        10   answers [1, 2]
        10   kept_in_run [3]
        20   answers [2, 3]
        20   answers [1, 3]
        20   answers [3]
        ask, drive
        0    kept_in_run [1, 2]
        10   answers [1, 2]
        10   kept_in_run [2, 3]
        20   answers [2, 3]
        20   kept_in_run [1, 3]
        30   answers [1, 3]
        30   kept_in_run [3]
        40   answers [3]
    "#]]
    );
    ways!(
        kept,
        rounds(),
        expect![[r#"
        run, through, ask, drive
        0    kept [1, 2]
        10   answers [1, 2]
        10   kept [3]
        20   answers [2, 3]
        20   answers [1, 3]
        20   answers [3]
    "#]]
    );
}

#[test]
fn a_cache_of_the_hub_is_for_all_runs() {
    let world = World::with(|hub| hub.share(kept));
    let (one, _) = world.run(world.config().schedule(world.app()).run_async(kept(7)));
    let (other, log) = world.run(async {
        world.executor.clock().sleep(Duration::from_millis(1)).await;
        world.config().schedule(world.app()).run_async(kept(7)).await
    });
    assert_eq!((one, other, log.as_str()), (Ok(7), Ok(7), ""));
}
