//! The world that is simulated: a server that takes its time, and tasks that ask it.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use corio::testing::VirtualClock;
use corio::{Batch, Schedule};

/// How many tasks there are, all through the run.
const TASKS: u64 = 1000;

/// How often each asks.
const REQUESTS: u64 = 20;

const MILLISECOND: Duration = Duration::from_millis(1);

/// How long the server takes for a batch.
#[derive(Clone, Copy)]
pub(crate) enum Latency {
    /// 10 ms.
    Constant,
    /// A Pareto distribution: 5 ms at least, 8 in the median, 65 for one in a hundred, and 500 at
    /// most.
    Skewed,
    /// 2 ms, and 20 µs for each key: 22 ms for all thousand.
    BySize,
}

/// How its answers come.
#[derive(Clone, Copy)]
pub(crate) enum Answers {
    AtOnce,
    /// In ten parts, one after the other.
    InParts,
}

/// What the tasks do between two requests.
#[derive(Clone, Copy)]
pub(crate) enum Between {
    Nothing,
    /// They wait for something else, 5 ms in the mean, exponentially distributed: each is somewhere
    /// else after a while.
    Something,
    /// Half of them, each time others, ask another server, which takes 3 ms.
    AnotherServer,
}

/// Which server a key is on.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Shards {
    One,
    /// Ten, each with a tenth of the keys and a group of its own; the first takes twenty times as
    /// long, and who asks there does so twice.
    TenOfWhichOneIsSlow,
}

/// A server, and those who use it.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) latency: Latency,
    pub(crate) answers: Answers,
    pub(crate) between: Between,
    pub(crate) shards: Shards,
}

/// How many batches may be on the way.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    Barrier,
    InFlight(usize),
    None,
}

/// What a run took.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) time: Duration,
    pub(crate) batches: u64,
    pub(crate) of_one: u64,
}

#[derive(corio::Context)]
struct World {
    clock: VirtualClock,
    server: Server,
}

struct Server {
    scenario: Scenario,
    random: RefCell<fastrand::Rng>,
    batches: Cell<u64>,
    of_one: Cell<u64>,
}

impl Server {
    /// A number between 0 and 1, without both ends.
    fn random(&self) -> f64 {
        self.random.borrow_mut().f64().clamp(f64::EPSILON, 1.0 - f64::EPSILON)
    }

    fn is_slow(&self, key: u64) -> bool {
        self.scenario.shards == Shards::TenOfWhichOneIsSlow && shard(key) == 0
    }

    fn latency(&self, keys: usize, of: u64) -> Duration {
        let latency = match self.scenario.latency {
            Latency::Constant => 10 * MILLISECOND,
            Latency::Skewed => {
                (5 * MILLISECOND).mul_f64(self.random().powf(-1.0 / 1.8)).min(500 * MILLISECOND)
            }
            Latency::BySize => 2 * MILLISECOND + MILLISECOND / 50 * keys as u32,
        };
        if self.is_slow(of) { 20 * latency } else { latency }
    }
}

fn shard(key: u64) -> u64 {
    key % 10
}

#[corio::dispatcher]
async fn ask(clock: &VirtualClock, server: &Server, batch: Batch<u64, u64>) {
    server.batches.set(server.batches.get() + 1);
    server.of_one.set(server.of_one.get() + u64::from(batch.len() == 1));
    let latency = server.latency(batch.len(), batch.keys().next().copied().unwrap_or(0));
    match server.scenario.answers {
        Answers::AtOnce => {
            clock.sleep(latency).await;
            batch.into_iter().for_each(|slot| slot.answer_with(|key| key));
        }
        Answers::InParts => {
            for part in batch.split(10) {
                clock.sleep(latency / 10).await;
                part.into_iter().for_each(|slot| slot.answer_with(|key| key));
            }
        }
    }
}

#[corio::dispatcher]
async fn ask_another(clock: &VirtualClock, server: &Server, keys: &[u64]) -> Vec<u64> {
    server.batches.set(server.batches.get() + 1);
    server.of_one.set(server.of_one.get() + u64::from(keys.len() == 1));
    clock.sleep(3 * MILLISECOND).await;
    keys.to_vec()
}

#[corio::task(World)]
fn user(number: u64) {
    let requests = if context!().server.is_slow(number) { 2 } else { REQUESTS };
    for _ in 0..requests {
        io!(ask(number));
        let World { clock, server } = context!();
        match server.scenario.between {
            Between::Nothing => {}
            Between::Something => {
                let time = (5 * MILLISECOND).mul_f64(-server.random().ln());
                io!(corio::future(clock.sleep(time)));
            }
            Between::AnotherServer => {
                if server.random() < 0.5 {
                    io!(ask_another(number));
                }
            }
        }
    }
}

#[corio::task(World)]
fn users() {
    all!((0..TASKS).map(user));
}

pub(crate) fn simulate(scenario: Scenario, limit: Limit) -> Result<Taken, corio::Error> {
    let clock = VirtualClock::new();
    let random = RefCell::new(fastrand::Rng::with_seed(1));
    let server = Server { scenario, random, batches: Cell::new(0), of_one: Cell::new(0) };
    let mut schedule = Schedule::new(World { clock: clock.clone(), server })
        .clock(clock.clone())
        .max_in_flight(usize::MAX);
    let max_in_flight = match limit {
        Limit::Barrier | Limit::None => usize::MAX,
        Limit::InFlight(batches) => batches,
    };
    if let Limit::Barrier = limit {
        schedule = schedule.barrier();
    }
    schedule = schedule
        .options(ask, |options| options.max_in_flight(max_in_flight))
        .options(ask_another, |options| options.max_in_flight(max_in_flight));
    if scenario.shards == Shards::TenOfWhichOneIsSlow {
        schedule = schedule
            .options(ask, |options| options.group_by(|| corio::groups(|key: &u64| shard(*key))));
    }
    schedule.run(users())?;
    let server = &schedule.context().server;
    Ok(Taken { time: clock.now(), batches: server.batches.get(), of_one: server.of_one.get() })
}
