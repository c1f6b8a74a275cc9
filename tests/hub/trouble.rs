//! Trouble reaches those aboard, and nobody else; nobody waits for ever.

use expect_test::expect;
use futures_util::future::join_all;
use futures_util::join;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use support::executor::Executor;

use corio::{Batch, Hub, RequestError};

use crate::world::*;

/// Key 13 panics.
#[corio::dispatcher(shared)]
async fn superstitious(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("superstitious", keys, 10).await;
    assert!(!keys.contains(&13), "no such floor");
    keys.to_vec()
}

#[corio::task(App)]
fn ask_superstitious(n: u64) -> u64 {
    io!(superstitious(n))
}

#[test]
fn a_panic_is_the_error_of_those_aboard_and_the_next_batch_works() {
    let world = World::with(|hub| hub.share(superstitious));
    let hub = &world.hub;
    let mut schedule = world.config().schedule(world.app());
    let (answers, log) = world.run(async {
        let aboard = async { join!(hub.ask(superstitious(1)), hub.ask(superstitious(13))) };
        let later = async {
            world.executor.clock().sleep(Duration::from_millis(5)).await;
            hub.ask(superstitious(2)).await
        };
        let answers = join!(aboard, schedule.run_async(ask_superstitious(3)), later);
        (answers, schedule.run_async(ask_superstitious(4)).await)
    });
    let (((one, other), run, later), again) = answers;
    let text = "dispatcher `superstitious` panicked: no such floor";
    assert_eq!(one.unwrap_err().to_string(), text);
    assert_eq!(other.unwrap_err().to_string(), text);
    assert_eq!(run.unwrap_err().to_string(), text);
    assert_eq!((later, again), (Ok(2), Ok(4)));
    expect![[r#"
        0    superstitious [1, 13, 3]
        10   superstitious [2]
        20   superstitious [4]
    "#]]
    .assert_eq(&log);
}

#[corio::dispatcher(shared)]
fn one_too_few(keys: &[u64]) -> Vec<u64> {
    keys[1..].to_vec()
}

#[test]
fn a_wrong_count_is_the_error_of_those_aboard() {
    let world = World::new();
    let hub = &world.hub;
    let (answers, _) = world.run(join_all((0..2).map(|n| hub.ask(one_too_few(n)))));
    for answer in answers {
        assert_eq!(
            answer.unwrap_err().to_string(),
            "dispatcher `one_too_few` gave 1 answer to a batch of 2 requests: there must be one \
             for each, in order"
        );
    }
}

#[corio::dispatcher(shared, show_keys)]
fn drops_odd(batch: Batch<u64, u64>) {
    for slot in batch.into_iter().filter(|slot| slot.key().is_multiple_of(2)) {
        slot.answer_with(|key| key);
    }
}

#[test]
fn a_slot_that_is_dropped_is_the_error_of_its_request_alone() {
    let world = World::new();
    let hub = &world.hub;
    let (answers, _) = world.run(join_all((0..3).map(|n| hub.ask(drops_odd(n)))));
    assert_eq!((&answers[0], &answers[2]), (&Ok(0), &Ok(2)));
    assert_eq!(
        answers[1].as_ref().unwrap_err().to_string(),
        "dispatcher `drops_odd` dropped the request at position 1 of a batch of 3 without an \
         answer (key 1)"
    );
}

#[corio::dispatcher(shared, timeout = "20ms")]
async fn slow(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("slow", keys, keys[0]).await;
    keys.to_vec()
}

#[test]
fn a_time_out_frees_the_place() {
    let world = World::new();
    let hub = &world.hub;
    let (answers, log) = world.run(async {
        let later = async {
            world.executor.clock().sleep(Duration::from_millis(5)).await;
            hub.ask(slow(1)).await
        };
        join!(hub.ask(slow(1000)), later)
    });
    assert!(answers.0.unwrap_err().is_timeout());
    assert_eq!(answers.1, Ok(1));
    expect![[r#"
        0    slow [1000]
        20   slow [1]
    "#]]
    .assert_eq(&log);
}

#[corio::dispatcher(shared, group_by = |key: &u64| { assert!(*key != 13, "no group"); key % 2 })]
async fn grouped_by_panic(keys: &[u64]) -> Vec<u64> {
    keys.to_vec()
}

#[test]
fn a_panic_while_keys_are_grouped_is_the_error_of_that_request() {
    let world = World::new();
    let hub = &world.hub;
    let (answers, _) =
        world.run(hub.drive(join_all([1, 13, 2].map(|n| hub.ask(grouped_by_panic(n))))));
    assert_eq!((&answers[0], &answers[2]), (&Ok(1), &Ok(2)));
    assert_eq!(
        answers[1].as_ref().unwrap_err().to_string(),
        "dispatcher `grouped_by_panic` panicked: no group"
    );
    assert_eq!(hub.snapshot().dispatchers()[0].queued, 0);
}

// ── spawners ──

#[test]
fn a_spawner_that_drops_what_it_gets_is_an_error() {
    let executor = Executor::new();
    let hub = Hub::new(App::default(), drop);
    let answer = executor.block_on(hub.ask(double(1)));
    expect![
        "a request of `double` was not sent: the hub's executor has dropped what was spawned \
         there, or did not take it: is the runtime still there?"
    ]
    .assert_eq(&answer.unwrap_err().to_string());
}

#[test]
fn a_spawner_that_panics_is_an_error() {
    let executor = Executor::new();
    let hub = Hub::new(App::default(), |_| panic!("no runtime here"));
    let answer = executor.block_on(hub.ask(double(1)));
    assert!(matches!(answer, Err(RequestError::Unavailable { .. })));
}

#[test]
fn an_executor_that_is_gone_with_a_batch_in_flight_is_an_error() {
    let (main, of_hub) = (Executor::new(), Executor::new());
    let record = Record::by(of_hub.clock());
    let hub = Hub::new(App { record }, of_hub.spawner()).clock(of_hub.clock());
    let ask = async {
        let mut of_hub = Some(of_hub);
        let mut ask = pin!(hub.ask(double(1)));
        std::future::poll_fn(|context| {
            let polled = ask.as_mut().poll(context);
            // Its batch has left, and then its executor goes.
            if let Some(of_hub) = of_hub.take() {
                of_hub.turn();
                drop(of_hub);
            }
            polled
        })
        .await
    };
    let answer = main.block_on(ask);
    assert!(matches!(answer, Err(RequestError::Unavailable { .. })), "{answer:?}");
    // What is asked later meets the same.
    let answer = main.block_on(hub.ask(double(1)));
    assert!(matches!(answer, Err(RequestError::Unavailable { .. })), "{answer:?}");
}

// ── asking in a batch function ──

#[derive(Clone, Default, corio::Context)]
struct Nested {
    hub: NestedHub,
}

type NestedHub = std::sync::Arc<std::sync::Mutex<Option<Hub<Nested>>>>;

fn its_hub(hub: &NestedHub) -> Hub<Nested> {
    hub.lock().unwrap().clone().unwrap()
}

#[corio::dispatcher(shared)]
async fn asks_itself(hub: &NestedHub, keys: &[u64]) -> Vec<String> {
    let hub = &its_hub(hub);
    let answers = join_all(keys.iter().map(|key| async move {
        match key {
            0 => "the end".to_owned(),
            key => ask_again(hub, key - 1).await,
        }
    }));
    answers.await
}

/// Boxed, as a future can't hold itself.
fn ask_again(hub: &Hub<Nested>, key: u64) -> futures_util::future::BoxFuture<'_, String> {
    Box::pin(async move { hub.ask(asks_itself(key)).await.unwrap_err().to_string() })
}

#[corio::dispatcher(shared)]
async fn asks_another(hub: &NestedHub, keys: &[u64]) -> Vec<String> {
    let hub = &its_hub(hub);
    join_all(keys.iter().map(|_| async { hub.ask(asks_itself(0)).await.unwrap() })).await
}

#[test]
fn a_batch_function_that_asks_itself_gets_an_error_and_another_may_be_asked() {
    let executor = Executor::new();
    let context = Nested::default();
    let hub = Hub::new(context.clone(), executor.spawner());
    *context.hub.lock().unwrap() = Some(hub.clone());
    let answers =
        executor.block_on(async { join!(hub.ask(asks_itself(1)), hub.ask(asks_another(1))) });
    expect![
        "a request of `asks_itself` was not sent: its batch function asks itself, and would wait \
         for the place that it has: give the function what it needs in the keys, or let it ask \
         another dispatcher"
    ]
    .assert_eq(&answers.0.unwrap());
    assert_eq!(answers.1.unwrap(), "the end");
    // A hub in its own context is never dropped.
    context.hub.lock().unwrap().take();
}

// ── the end of a hub ──

#[test]
fn a_shutdown_waits_for_what_was_asked_and_takes_nothing_new() {
    let world = World::new();
    let hub = &world.hub;
    let (answers, log) = world.run(async {
        let before = async { join!(hub.ask(double(1)), hub.ask(triple(1))) };
        let ends = async {
            world.executor.clock().sleep(Duration::from_millis(1)).await;
            let late = async {
                support::executor::yield_now().await;
                hub.ask(double(2)).await
            };
            let (_, late) = join!(hub.shutdown(Duration::from_secs(1)), late);
            world.record.say("shut down");
            late
        };
        join!(before, ends)
    });
    assert_eq!(answers.0, (Ok(2), Ok(3)));
    assert_eq!(
        answers.1.unwrap_err().to_string(),
        "a request of `double` was not sent: the hub is shut down"
    );
    expect![[r#"
        0    double [1]
        0    triple [1]
        10   shut down
    "#]]
    .assert_eq(&log);
}

#[test]
fn a_shutdown_gives_up_what_takes_too_long() {
    let world = World::new();
    let hub = &world.hub;
    let (answers, log) = world.run(async {
        let ends = async {
            world.executor.clock().sleep(Duration::from_millis(1)).await;
            hub.shutdown(Duration::from_millis(4)).await;
            world.record.say("shut down");
        };
        join!(hub.ask(double(1)), ends)
    });
    assert_eq!(
        answers.0.unwrap_err().to_string(),
        "a request of `double` was given up, and may have been sent: the hub is shut down"
    );
    expect![[r#"
        0    double [1]
        5    shut down
    "#]]
    .assert_eq(&log);
}

#[test]
fn drivers_end_when_the_last_handle_of_a_hub_is_gone() {
    let World { executor, record, hub } = World::new();
    assert_eq!(executor.block_on(hub.ask(double(1))), Ok(2));
    executor.settle();
    assert_eq!(executor.jobs(), 1);
    drop((hub, record));
    executor.settle();
    assert_eq!(executor.jobs(), 0);
}

// ── limits ──

#[test]
fn more_than_max_queued_is_refused() {
    let world = World::with(|hub| hub.max_queued(3));
    let hub = &world.hub;
    let (answers, log) = world.run(join_all((0..5).map(|n| hub.ask(double(n)))));
    assert_eq!(answers[..3], [Ok(0), Ok(2), Ok(4)]);
    assert_eq!(
        answers[4].as_ref().unwrap_err().to_string(),
        "a request of `double` was not sent: the hub holds no more requests: see `Hub::max_queued`"
    );
    expect![[r#"
        0    double [0, 1, 2]
    "#]]
    .assert_eq(&log);
}

// ── a connection in the hand ──

#[derive(Clone, corio::Context)]
struct Pooled {
    pool: std::sync::Arc<tokio::sync::Semaphore>,
}

#[corio::dispatcher(shared, timeout = "50ms")]
async fn by_connection(pool: &std::sync::Arc<tokio::sync::Semaphore>, keys: &[u64]) -> Vec<u64> {
    let _connection = pool.acquire().await;
    keys.to_vec()
}

#[test]
fn who_holds_the_last_connection_of_the_pool_while_asking_is_told_by_the_time_out() {
    let executor = Executor::new();
    let pool = std::sync::Arc::new(tokio::sync::Semaphore::new(1));
    let hub = Hub::new(Pooled { pool: pool.clone() }, executor.spawner()).clock(executor.clock());
    let (held, free) = executor.block_on(async {
        let connection = pool.acquire().await;
        let held = hub.ask(by_connection(1)).await;
        drop(connection);
        (held, hub.ask(by_connection(2)).await)
    });
    expect![
        "dispatcher `by_connection` left 1 request of a batch without an answer for 50ms, its time \
         limit"
    ]
    .assert_eq(&held.unwrap_err().to_string());
    assert_eq!(free, Ok(2));
}

// ── what happens at once ──

#[corio::dispatcher(shared, retry(attempts = 3, when = |error: &String| error == "busy"))]
fn busy_at_once(record: &Record, keys: &[u64]) -> Vec<Result<u64, String>> {
    record.say(format!("busy_at_once {keys:?}"));
    keys.iter().map(|_| Err("busy".to_owned())).collect()
}

#[test]
fn a_request_that_is_tried_again_without_a_pause_is_answered() {
    let world = World::new();
    let hub = &world.hub;
    let (answer, log) = world.run(hub.ask(busy_at_once(1)));
    assert_eq!(answer, Ok(Err("busy".to_owned())));
    expect![[r#"
        0    busy_at_once [1]
        0    busy_at_once [1]
        0    busy_at_once [1]
    "#]]
    .assert_eq(&log);
}

#[corio::dispatcher(shared)]
async fn wakes_itself(keys: &[u64]) -> Vec<u64> {
    for _ in 0..1000 {
        support::executor::yield_now().await;
    }
    keys.to_vec()
}

#[test]
fn a_batch_function_that_wakes_itself_lets_others_run() {
    let world = World::new();
    let hub = &world.hub;
    let mut turns = 0;
    let (answer, _) = world.run(async {
        let counts = async {
            for _ in 0..5 {
                support::executor::yield_now().await;
                turns += 1;
            }
        };
        join!(hub.ask(wakes_itself(1)), counts).0
    });
    assert_eq!((answer, turns), (Ok(1), 5));
}

/// A key whose destructor panics if it is 13.
#[derive(PartialEq, Eq, Hash, Clone, Debug)]
struct Unlucky(u64);

impl Drop for Unlucky {
    fn drop(&mut self) {
        assert!(self.0 != 13 || std::thread::panicking(), "unlucky");
    }
}

#[corio::dispatcher(shared, max_in_flight = 1)]
async fn of_unlucky(record: &Record, keys: &[Unlucky]) -> Vec<u64> {
    record.batch("of_unlucky", keys, 10).await;
    keys.iter().map(|key| key.0).collect()
}

#[test]
fn a_destructor_of_a_key_that_panics_leaves_nobody_waiting() {
    let world = World::new();
    let (hub, clock) = (&world.hub, world.executor.clock());
    let (answers, _) = world.run(async {
        let later = async {
            clock.sleep(Duration::from_millis(1)).await;
            // In the line: one of four is gone when they leave.
            let gone = async {
                let limit = pin!(clock.sleep(Duration::from_millis(1)));
                drop(futures_util::future::select(hub.ask(of_unlucky(Unlucky(13))), limit).await);
            };
            join!(gone, join_all((2..5).map(|n| hub.ask(of_unlucky(Unlucky(n)))))).1
        };
        join!(hub.ask(of_unlucky(Unlucky(1))), later)
    });
    assert_eq!(answers.0, Ok(1));
    for answer in answers.1 {
        assert!(answer.is_err(), "{answer:?}");
    }
    // And the hub goes on.
    assert_eq!(world.run(hub.ask(of_unlucky(Unlucky(7)))).0, Ok(7));
    let of = hub.snapshot().dispatchers()[0].clone();
    assert_eq!((of.queued, of.aboard, of.in_flight), (0, 0, 0));
}

struct PanicsBefore(u64);

impl corio::Request for PanicsBefore {
    type Key = u64;
    type Answer = u64;

    fn into_key(self) -> u64 {
        self.0
    }
}

impl corio::SharedDispatch<App> for PanicsBefore {
    type Part = ();

    fn dispatch_shared<'r>(_: &'r App, _: &'r (), requests: corio::Requests<'_, 'r, Self>) {
        assert!(!requests.keys().contains(&13), "before it is answered");
        requests.answer(|keys| keys.to_vec());
    }
}

#[test]
fn a_dispatcher_by_hand_that_panics_before_it_answers_fails_its_batch_alone() {
    let world = World::new();
    let hub = &world.hub;
    let (answers, _) = world.run(async {
        let first = hub.ask(PanicsBefore(13)).await;
        (first, hub.ask(PanicsBefore(1)).await)
    });
    assert!(matches!(answers.0, Err(RequestError::Unanswered { .. })));
    assert_eq!(answers.1, Ok(1));
}
