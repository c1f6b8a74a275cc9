//! A hub on several threads: every answer is right, nothing hangs, nothing is left. Which batches
//! there are depends on the threads.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use corio::{Config, Hub, RequestError};
use futures_util::future::{Either, join_all, select};
use support::executor::yield_now;
use tokio::runtime::{Builder, Handle, Runtime};

/// Checks that no batch mixes what must not be mixed, and that no key leaves twice at once.
#[derive(Default)]
struct Db {
    batches: AtomicU64,
}

#[derive(Clone, Default, corio::Context)]
struct App {
    db: Arc<Db>,
}

#[derive(Clone, corio::Context)]
struct TenantApp {
    db: Arc<Db>,
    tenant: u32,
}

impl Db {
    async fn work(&self, of: u64) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        yields(of % 8).await;
    }
}

#[corio::dispatcher(shared, max_batch = 16, max_in_flight = 2)]
async fn square(db: &Arc<Db>, keys: &[u64]) -> Vec<u64> {
    db.work(keys[0]).await;
    keys.iter().map(|key| key * key).collect()
}

#[corio::dispatcher(shared, dedup, group_by = |key| key % 97, by = |tenant: &u32| *tenant)]
async fn of_tenant(db: &Arc<Db>, tenant: &u32, keys: &[u64]) -> Vec<Result<(u32, u64), String>> {
    db.work(keys[0]).await;
    assert!(keys.iter().all(|key| key % 97 == keys[0] % 97), "one group");
    keys.iter()
        .map(
            |key| {
                if key.is_multiple_of(7) { Err(format!("no {key}")) } else { Ok((*tenant, *key)) }
            },
        )
        .collect()
}

#[corio::dispatcher(shared, write, max_batch = 8)]
async fn write(db: &Arc<Db>, keys: &[u64]) -> Vec<u64> {
    db.work(keys[0]).await;
    keys.to_vec()
}

/// Panics for some keys.
#[corio::dispatcher(shared, timeout = "1s")]
async fn flaky(db: &Arc<Db>, keys: &[u64]) -> Vec<u64> {
    db.work(keys[0]).await;
    assert!(keys.iter().all(|key| !key.is_multiple_of(11)), "unlucky");
    keys.to_vec()
}

#[corio::task(TenantApp)]
fn work(key: u64) -> u64 {
    let squared = io!(square(key));
    let (own, written) = io!(of_tenant(key), write(key));
    assert_eq!(written, key);
    if !key.is_multiple_of(7) {
        assert_eq!(own.as_ref().map(|(_, key)| *key), Ok(key));
    }
    io!(square(squared % 1000))
}

#[corio::task(TenantApp)]
fn many(from: u64, to: u64) -> Vec<u64> {
    all!((from..to).map(work))
}

fn expected(key: u64) -> u64 {
    (key * key % 1000) * (key * key % 1000)
}

async fn plain(hub: &Hub<App>, tenant: u32, key: u64) -> u64 {
    let squared = hub.ask(square(key)).await.unwrap();
    let own = hub.ask_for(tenant, of_tenant(key)).await.unwrap();
    if !key.is_multiple_of(7) {
        assert_eq!(own, Ok((tenant, key)));
    }
    assert_eq!(hub.ask(write(key)).await, Ok(key));
    match hub.ask(flaky(key)).await {
        Ok(answer) => assert_eq!(answer, key),
        Err(RequestError::Panicked { .. }) => {}
        Err(other) => panic!("{other}"),
    }
    hub.ask(square(squared % 1000)).await.unwrap()
}

/// One of many operations: `seed` says which, and whether it is dropped half-way.
async fn operation(hub: Hub<App>, config: Config, app: App, seed: u64) {
    let (key, tenant) = (seed % 1000, (seed % 5) as u32);
    let drops = seed.is_multiple_of(4).then_some(seed % 64);
    match seed % 3 {
        0 => {
            let mut schedule = config.schedule(TenantApp { db: app.db.clone(), tenant });
            if let Some(answers) = within(drops, schedule.run_async(many(key, key + 5))).await {
                assert_eq!(answers.unwrap(), (key..key + 5).map(expected).collect::<Vec<_>>());
            }
        }
        1 => {
            if let Some(answer) = within(drops, plain(&hub, tenant, key)).await {
                assert_eq!(answer, expected(key));
            }
        }
        _ => {
            let driven = hub.drive(join_all((key..key + 5).map(|key| plain(&hub, tenant, key))));
            if let Some(answers) = within(drops, driven).await {
                assert_eq!(answers, (key..key + 5).map(expected).collect::<Vec<_>>());
            }
        }
    }
}

/// What a future gives, unless it is dropped after so many yields.
async fn within<F: Future>(times: Option<u64>, future: F) -> Option<F::Output> {
    match times {
        None => Some(future.await),
        Some(times) => match select(pin!(future), pin!(yields(times))).await {
            Either::Left((output, _)) => Some(output),
            Either::Right(_) => None,
        },
    }
}

/// Lets others go first, so many times.
async fn yields(times: u64) {
    for _ in 0..times {
        yield_now().await;
    }
}

fn runtime(threads: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap()
}

fn hub() -> (Hub<App>, App) {
    let app = App::default();
    let hub = Hub::new(app.clone(), corio::spawn::tokio(Handle::current()));
    (hub.share(square).share(of_tenant).share(write).share(flaky), app)
}

#[test]
fn a_storm_of_operations_of_which_some_are_dropped() {
    support::ends(|| runtime(4).block_on(storm()));
}

async fn storm() {
    let (hub, app) = hub();
    let hub = hub.max_in_flight(6);
    let config = Config::new().through(&hub);
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..4 {
        let operations = (0..150).map(|_| {
            let seed = random.u64(..);
            tokio::spawn(operation(hub.clone(), config.clone(), app.clone(), seed))
        });
        for done in join_all(operations.collect::<Vec<_>>()).await {
            done.unwrap();
        }
    }
    drop(config);
    hub.shutdown(Duration::from_secs(30)).await;
    for of in hub.snapshot().dispatchers() {
        assert_eq!((of.queued, of.aboard, of.in_flight, of.lanes), (0, 0, 0, 0), "{}", of.name);
    }
    let batches = app.db.batches.load(Ordering::Relaxed);
    assert!(batches < hub.snapshot().dispatchers().iter().map(|of| of.requests).sum());
}

#[test]
fn a_thread_that_is_no_worker_asks() {
    let runtime = runtime(2);
    let (hub, _) = runtime.block_on(async { hub() });
    let answers = futures_executor(join_all((0..100).map(|key| hub.ask(square(key)))));
    assert_eq!(answers, (0..100).map(|key| Ok(key * key)).collect::<Vec<_>>());
}

/// On this thread, which is none of tokio's.
fn futures_executor<F: Future>(future: F) -> F::Output {
    support::executor::Executor::new().block_on(future)
}

#[test]
fn a_runtime_that_is_shut_down_under_load_leaves_nobody_waiting() {
    let runtime = runtime(2);
    let (hub, app) = runtime.block_on(async { hub() });
    let config = Config::new().through(&hub);
    let asks = support::ends(move || {
        let waiting = std::thread::spawn(move || {
            futures_executor(join_all((0..5000).map(|key| hub.ask(square(key)))))
        });
        std::thread::yield_now();
        runtime.shutdown_background();
        let mut schedule = config.schedule(TenantApp { db: app.db, tenant: 1 });
        // A run of this thread, whose packets nobody answers any more.
        while schedule.run(work(3)).is_ok() {}
        waiting.join().unwrap()
    });
    for (key, answer) in asks.into_iter().enumerate() {
        match answer {
            Ok(answer) => assert_eq!(answer, (key * key) as u64),
            Err(RequestError::Unavailable { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}
