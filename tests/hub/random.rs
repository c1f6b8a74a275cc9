//! Random askers against what must hold: each request that is waited for is answered once, by a
//! batch of its own lane that left after it was asked and while somebody waited, within the limits.
//! `CORIO_HUB=from..to` goes through other seeds.

use std::cell::RefCell;
use std::collections::HashMap;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use corio::testing::VirtualClock;
use corio::{Config, Hub};
use futures_util::future::{FutureExt, LocalBoxFuture, join_all, select};
use support::executor::{Executor, yield_now};

type Millis = u64;

/// A batch that left.
struct Batch {
    dispatcher: &'static str,
    tenant: u8,
    keys: Vec<u64>,
    from: Millis,
    to: Option<Millis>,
}

#[derive(Clone, Default, corio::Context)]
struct App {
    db: Db,
}

#[derive(Clone, corio::Context)]
struct TenantApp {
    db: Db,
    tenant: u8,
}

#[derive(Clone, Default)]
struct Db {
    clock: VirtualClock,
    batches: Arc<Mutex<Vec<Batch>>>,
}

/// Notes the end of a batch, also when that is dropped.
struct Ends(Db, usize);

impl Drop for Ends {
    fn drop(&mut self) {
        let now = self.0.now();
        self.0.batches.lock().unwrap()[self.1].to = Some(now);
    }
}

impl Db {
    fn now(&self) -> Millis {
        self.clock.now().as_millis() as Millis
    }

    /// Records a batch. Returns its number.
    async fn batch(&self, dispatcher: &'static str, tenant: u8, keys: &[u64]) -> usize {
        let (keys, from) = (keys.to_vec(), self.now());
        let latency = keys[0] % 7;
        let number = {
            let mut batches = self.batches.lock().unwrap();
            batches.push(Batch { dispatcher, tenant, keys, from, to: None });
            batches.len() - 1
        };
        let _ends = Ends(self.clone(), number);
        if latency > 0 {
            self.clock.sleep(Duration::from_millis(latency)).await;
        }
        number
    }
}

#[corio::dispatcher(shared, max_batch = 5, max_in_flight = 1)]
async fn plain(db: &Db, keys: &[u64]) -> Vec<u64> {
    db.batch("plain", 0, keys).await;
    keys.to_vec()
}

#[corio::dispatcher(shared, dedup, max_in_flight = 2, rate = "3/12ms")]
async fn dedup(db: &Db, keys: &[u64]) -> Vec<u64> {
    db.batch("dedup", 0, keys).await;
    keys.to_vec()
}

#[corio::dispatcher(shared, max_batch = 3, max_in_flight = 1, group_by = |key| key % 3, by = |tenant: &u8| *tenant)]
async fn tenants(db: &Db, tenant: &u8, keys: &[u64]) -> Vec<u64> {
    db.batch("tenants", *tenant, keys).await;
    keys.to_vec()
}

#[corio::dispatcher(shared, ordered, max_batch = 4)]
async fn ordered(db: &Db, keys: &[u64]) -> Vec<u64> {
    db.batch("ordered", 0, keys).await;
    keys.to_vec()
}

/// Fails now and then, and asks again without a pause.
#[corio::dispatcher(shared, max_batch = 4, max_in_flight = 1, retry(attempts = 3, when = |_| true))]
async fn retried(db: &Db, keys: &[u64]) -> Vec<Result<u64, u64>> {
    let number = db.batch("retried", 0, keys).await as u64;
    keys.iter()
        .map(|key| if (key + number).is_multiple_of(3) { Err(*key) } else { Ok(*key) })
        .collect()
}

/// Name, keys of a batch, and batches of a lane in flight.
const LIMITS: [(&str, usize, usize); 5] = [
    ("plain", 5, 1),
    ("dedup", usize::MAX, 2),
    ("tenants", 3, 1),
    ("ordered", 4, 1),
    ("retried", 4, 1),
];

fn either<T>(result: Result<T, T>) -> T {
    result.unwrap_or_else(|error| error)
}

/// Places of the hub.
const PLACES: usize = 4;

/// A request, as its asker sees it.
struct Asked {
    dispatcher: &'static str,
    tenant: u8,
    key: u64,
    from: Millis,
    /// When it was answered.
    answered: Option<Millis>,
    /// When its asker was gone.
    gone: Option<Millis>,
}

type Asks = Rc<RefCell<Vec<Asked>>>;

#[derive(Clone)]
struct World {
    hub: Hub<App>,
    config: Config,
    db: Db,
    asks: Asks,
}

/// Notes when an asker is gone without an answer.
struct Waits {
    world: World,
    numbers: Vec<usize>,
}

impl Drop for Waits {
    fn drop(&mut self) {
        let now = self.world.db.now();
        for number in &self.numbers {
            let asked = &mut self.world.asks.borrow_mut()[*number];
            if asked.answered.is_none() {
                asked.gone = Some(now);
            }
        }
    }
}

impl Waits {
    fn answered(self) {
        let now = self.world.db.now();
        for number in &self.numbers {
            self.world.asks.borrow_mut()[*number].answered = Some(now);
        }
    }
}

impl World {
    fn waits(&self, dispatcher: &'static str, tenant: u8, keys: &[u64]) -> Waits {
        let from = self.db.now();
        let mut asks = self.asks.borrow_mut();
        let numbers = keys.iter().map(|key| {
            asks.push(Asked { dispatcher, tenant, key: *key, from, answered: None, gone: None });
            asks.len() - 1
        });
        Waits { world: self.clone(), numbers: numbers.collect() }
    }

    async fn ask(&self, which: u64, tenant: u8, key: u64) {
        let (name, of) = (LIMITS[which as usize].0, if which == 2 { tenant } else { 0 });
        let waits = self.waits(name, of, &[key]);
        let answer = match which {
            0 => self.hub.ask(plain(key)).await,
            1 => self.hub.ask(dedup(key)).await,
            2 => self.hub.ask_for(tenant, tenants(key)).await,
            3 => self.hub.ask(ordered(key)).await,
            _ => self.hub.ask(retried(key)).await.map(either),
        };
        assert_eq!(answer, Ok(key));
        waits.answered();
    }

    async fn run(&self, which: u64, tenant: u8, keys: Vec<u64>) {
        let (name, of) = (LIMITS[which as usize].0, if which == 2 { tenant } else { 0 });
        let waits = self.waits(name, of, &keys);
        let mut schedule = self.config.schedule(TenantApp { db: self.db.clone(), tenant });
        assert_eq!(schedule.run_async(ask_all(which, keys.clone())).await, Ok(keys));
        waits.answered();
    }
}

#[corio::task(TenantApp)]
fn ask_all(which: u64, keys: Vec<u64>) -> Vec<u64> {
    match which {
        0 => io_all!(keys.into_iter().map(plain)),
        1 => io_all!(keys.into_iter().map(dedup)),
        2 => io_all!(keys.into_iter().map(tenants)),
        3 => io_all!(keys.into_iter().map(ordered)),
        _ => io_all!(keys.into_iter().map(retried)).into_iter().map(either).collect(),
    }
}

/// What an asker does, step by step.
fn program<'w>(world: &'w World, random: &mut fastrand::Rng, depth: u32) -> LocalBoxFuture<'w, ()> {
    let steps: Vec<LocalBoxFuture<'w, ()>> =
        (0..random.u32(1..4)).map(|_| step(world, random, depth)).collect();
    async move {
        for step in steps {
            step.await;
        }
    }
    .boxed_local()
}

fn step<'w>(world: &'w World, random: &mut fastrand::Rng, depth: u32) -> LocalBoxFuture<'w, ()> {
    let (which, tenant, key) = (random.u64(0..5), random.u8(0..3), random.u64(0..40));
    match random.u32(0..if depth == 0 { 5 } else { 9 }) {
        0 | 1 => async move { world.ask(which, tenant, key).await }.boxed_local(),
        2 => {
            let keys = (0..random.u64(1..12)).map(|_| random.u64(0..40)).collect();
            async move { world.run(which, tenant, keys).await }.boxed_local()
        }
        3 => {
            let time = Duration::from_millis(random.u64(1..9));
            async move { world.db.clock.sleep(time).await }.boxed_local()
        }
        4 => yield_now().boxed_local(),
        5 | 6 => {
            let parts: Vec<_> =
                (0..random.u32(2..6)).map(|_| program(world, random, depth - 1)).collect();
            let all = join_all(parts);
            if random.bool() {
                async move { drop(world.hub.drive(all).await) }.boxed_local()
            } else {
                async move { drop(all.await) }.boxed_local()
            }
        }
        7 => world.hub.follow(program(world, random, depth - 1)).boxed_local(),
        _ => {
            let part = program(world, random, depth - 1);
            let time = Duration::from_millis(random.u64(0..9));
            async move {
                let limit = pin!(world.db.clock.sleep(time));
                drop(select(part, limit).await);
            }
            .boxed_local()
        }
    }
}

/// Checks what must hold of everything that happened.
fn check(asks: &[Asked], batches: &[Batch]) {
    for batch in batches {
        let (_, max, _) = LIMITS.into_iter().find(|(name, ..)| *name == batch.dispatcher).unwrap();
        assert!(batch.keys.len() <= max, "{} {:?}", batch.dispatcher, batch.keys);
        if batch.dispatcher == "tenants" {
            assert!(batch.keys.iter().all(|key| key % 3 == batch.keys[0] % 3), "one group");
        }
        if batch.dispatcher == "dedup" {
            let mut keys = batch.keys.clone();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), batch.keys.len(), "each key once");
        }
        // Somebody waits for each key: none leaves that was withdrawn. (Of a run that is one task.)
        for key in &batch.keys {
            let waits = |asked: &Asked| {
                let is_this = (asked.dispatcher, asked.tenant, asked.key)
                    == (batch.dispatcher, batch.tenant, *key);
                is_this
                    && asked.from <= batch.from
                    && asked.gone.is_none_or(|gone| gone >= batch.from)
                    && asked.answered.is_none_or(|answered| answered >= batch.from)
            };
            assert!(asks.iter().any(waits), "nobody waits for {key} of {}", batch.dispatcher);
        }
    }
    for batch in batches.iter().filter(|batch| batch.dispatcher != "ordered") {
        // Somebody waits for it until it ends: it is dropped when the last asker goes.
        let waits = |asked: &Asked| {
            (asked.dispatcher, asked.tenant) == (batch.dispatcher, batch.tenant)
                && batch.keys.contains(&asked.key)
                && asked.from <= batch.from
                && asked.gone.or(asked.answered) >= batch.to
        };
        assert!(asks.iter().any(waits), "nobody waits for {:?} any more", batch.keys);
    }
    // Each answer comes from a batch that left while its asker waited.
    for asked in asks {
        let Some(answered) = asked.answered else {
            assert!(asked.gone.is_some(), "{} of {} is not answered", asked.key, asked.dispatcher);
            continue;
        };
        let is_answer = |batch: &&Batch| {
            (batch.dispatcher, batch.tenant) == (asked.dispatcher, asked.tenant)
                && batch.keys.contains(&asked.key)
                && batch.from >= asked.from
                && batch.to.is_some_and(|to| to <= answered)
        };
        assert!(
            batches.iter().any(|batch| is_answer(&batch)),
            "{} of {}",
            asked.key,
            asked.dispatcher
        );
    }
    limits(batches);
    turns(asks, batches);
    rate(batches);
}

/// What may share a batch.
type Lane = (&'static str, u8, u64);

fn lane(dispatcher: &'static str, tenant: u8, key: u64) -> Lane {
    (dispatcher, tenant, if dispatcher == "tenants" { key % 3 } else { 0 })
}

impl Batch {
    fn lane(&self) -> Lane {
        lane(self.dispatcher, self.tenant, self.keys[0])
    }
}

/// Batches of `dedup` in any period of so many milliseconds.
const RATE: (usize, Millis) = (3, 12);

fn rate(batches: &[Batch]) {
    let left: Vec<Millis> = batches
        .iter()
        .filter(|batch| batch.dispatcher == "dedup")
        .map(|batch| batch.from)
        .collect();
    for times in left.windows(RATE.0 + 1) {
        assert!(times[RATE.0] - times[0] >= RATE.1, "{times:?} are too many in a period");
    }
}

/// Checks that no lane waits for a place, with nothing in flight, while another takes many.
fn turns(asks: &[Asked], batches: &[Batch]) {
    // The rate may hold `dedup`.
    for asked in asks.iter().filter(|asked| asked.dispatcher != "dedup") {
        let own = lane(asked.dispatcher, asked.tenant, asked.key);
        let (before, after): (Vec<&Batch>, Vec<&Batch>) = batches
            .iter()
            .filter(|batch| batch.lane() == own)
            .partition(|batch| batch.from < asked.from);
        let in_flight_until = before.iter().filter_map(|batch| batch.to).max().unwrap_or(0);
        let from = asked.from.max(in_flight_until);
        let to = after.iter().map(|batch| batch.from).chain(asked.gone).min().unwrap_or(0);
        let mut of_others: HashMap<Lane, usize> = HashMap::new();
        for batch in batches.iter().filter(|batch| from < batch.from && batch.from < to) {
            *of_others.entry(batch.lane()).or_default() += 1;
        }
        for (other, count) in of_others {
            assert!(count <= 2, "{own:?} waits from {from} to {to}, {count} batches of {other:?}");
        }
    }
}

/// Checks how many batches are in flight, of each lane and in all.
fn limits(batches: &[Batch]) {
    for (at, begins) in batches.iter().enumerate() {
        let mut of_lane: HashMap<_, usize> = HashMap::new();
        let mut all = 0;
        for batch in &batches[..=at] {
            if batch.to.is_none_or(|to| to > begins.from) {
                *of_lane.entry(batch.lane()).or_default() += 1;
                all += 1;
            }
        }
        assert!(all <= PLACES, "{all} batches in flight");
        for ((dispatcher, ..), count) in of_lane {
            let (.., limit) = LIMITS.into_iter().find(|(name, ..)| *name == dispatcher).unwrap();
            assert!(count <= limit, "{count} batches of {dispatcher} in flight");
        }
    }
}

fn run_seed(seed: u64) {
    let executor = Executor::new();
    let db = Db { clock: executor.clock(), ..Db::default() };
    let hub = Hub::new(App { db: db.clone() }, executor.spawner())
        .clock(executor.clock())
        .share(plain)
        .share(dedup)
        .share(tenants)
        .share(ordered)
        .share(retried)
        .max_in_flight(PLACES);
    let world =
        World { config: Config::new().through(&hub), hub, db: db.clone(), asks: Asks::default() };
    let mut random = fastrand::Rng::with_seed(seed);
    let askers: Vec<_> = (0..random.u32(2..8)).map(|_| program(&world, &mut random, 2)).collect();
    executor.block_on(join_all(askers));
    executor.settle();
    check(&world.asks.borrow(), &db.batches.lock().unwrap());
    for of in world.hub.snapshot().dispatchers() {
        assert_eq!((of.queued, of.aboard, of.in_flight), (0, 0, 0), "{}", of.name);
    }
}

#[test]
fn whatever_askers_do_each_is_answered_by_a_batch_of_its_own() {
    let seeds = std::env::var("CORIO_HUB").unwrap_or_else(|_| "0..1000".to_owned());
    let (from, to) = seeds.split_once("..").expect("CORIO_HUB=from..to");
    for seed in from.parse().unwrap()..to.parse().unwrap() {
        let caught = std::panic::catch_unwind(|| run_seed(seed));
        caught.unwrap_or_else(|panic| {
            eprintln!("with seed {seed}: CORIO_HUB={seed}..{}", seed + 1);
            std::panic::resume_unwind(panic)
        });
    }
}
