//! A hub under simulation: clients that ask it, one thing after another, and a server of so many
//! connections. The hub is the real one; the time is tokio's, which passes when nothing can run.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use comfy_table::Table;
use corio::{Hub, Options};
use tokio::runtime::{Builder, Handle};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};

use crate::plot::{Line, Point};
use crate::results::{from_the_best, markdown};

/// How often each client asks.
const ASKS: usize = 100;

/// Tokio's timers are exact to a millisecond, so that a millisecond of the world is a second here.
const SCALE: f64 = 1000.0;

/// How long the server takes for a batch.
#[derive(Clone, Copy)]
enum Latency {
    /// 10 ms.
    Constant,
    /// A Pareto distribution: 5 ms at least, 8 in the median, 65 for one in a hundred.
    Skewed,
    /// 2 ms, and 20 µs for each key.
    BySize,
    /// 5 ms; 100 if one of its keys is a slow one, as one in a hundred is.
    SlowKeys,
    /// 3 ms; one batch in a hundred 200.
    Stalls,
    /// 1.3 ms, and 50 µs for each key, on one of two cores.
    Cpu,
}

use Latency::{BySize, Constant, Cpu, Skewed, SlowKeys, Stalls};

#[derive(Clone, Copy)]
struct World {
    latency: Latency,
    name: &'static str,
    clients: usize,
    /// Connections of the server.
    pool: usize,
}

#[derive(Clone, Copy)]
enum Limit {
    Fixed(usize),
    Adaptive(usize),
}

const LIMITS: [(&str, Limit); 7] = [
    ("1", Limit::Fixed(1)),
    ("2", Limit::Fixed(2)),
    ("4", Limit::Fixed(4)),
    ("8", Limit::Fixed(8)),
    ("none", Limit::Fixed(usize::MAX)),
    ("adaptive ≤ 2", Limit::Adaptive(2)),
    ("adaptive ≤ 8", Limit::Adaptive(8)),
];

/// What the clients met: times in milliseconds.
pub(crate) struct Met {
    mean: f64,
    p99: f64,
    batches: f64,
}

/// What each limit gave, in the order of `LIMITS`.
pub(crate) struct Row {
    name: String,
    met: Vec<Met>,
}

#[derive(corio::Context)]
struct App {
    server: Server,
}

struct Server {
    latency: Latency,
    connections: Semaphore,
    random: Arc<Mutex<fastrand::Rng>>,
}

impl Server {
    async fn answer(&self, keys: &[u64]) {
        let random = || self.random.lock().map_or(0.5, |mut random| random.f64());
        let size = keys.len() as f64;
        let millis = match self.latency {
            Constant => 10.0,
            Skewed => (5.0 * (1.0 - random()).powf(-1.0 / 1.8)).min(500.0),
            BySize => 2.0 + 0.02 * size,
            SlowKeys if keys.iter().any(|_| random() < 0.01) => 100.0,
            SlowKeys => 5.0,
            Stalls if random() < 0.01 => 200.0,
            Stalls => 3.0,
            Cpu => 1.3 + 0.05 * size,
        };
        let _connection = self.connections.acquire().await;
        sleep(Duration::from_secs_f64(millis / 1000.0 * SCALE)).await;
    }
}

#[corio::dispatcher(shared)]
async fn ask(server: &Server, keys: &[u64]) -> Vec<u64> {
    server.answer(keys).await;
    keys.to_vec()
}

/// Tokio's clock.
struct Clock(Instant);

impl corio::Clock for Clock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(sleep_until(self.0 + time))
    }
}

/// Asks, thinks 5 ms in the mean, and asks again. Returns how long it waited each time.
async fn client(hub: Hub<App>, number: u64, random: Arc<Mutex<fastrand::Rng>>) -> Vec<f64> {
    let think = || {
        let random = random.lock().map_or(0.5, |mut random| random.f64());
        Duration::from_secs_f64(-0.005 * SCALE * (1.0 - random).ln())
    };
    let mut waited = Vec::new();
    for _ in 0..ASKS {
        sleep(think()).await;
        let asked = Instant::now();
        if hub.ask(ask(number)).await.is_ok() {
            waited.push(asked.elapsed().as_secs_f64() / SCALE * 1000.0);
        }
    }
    waited
}

fn simulate(world: World, limit: Limit) -> Met {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without I/O needs nothing");
    runtime.block_on(async {
        let random = Arc::new(Mutex::new(fastrand::Rng::with_seed(7)));
        let connections = Semaphore::new(world.pool);
        let server = Server { latency: world.latency, connections, random: random.clone() };
        let limited = |options: Options<u64, u64>| match limit {
            Limit::Fixed(batches) => options.max_in_flight(batches),
            Limit::Adaptive(batches) => options.adaptive_in_flight(batches),
        };
        let hub = Hub::new(App { server }, corio::spawn::tokio(Handle::current()))
            .clock(Clock(Instant::now()))
            .options(ask, limited);
        let clients: Vec<_> = (0..world.clients as u64)
            .map(|number| tokio::spawn(client(hub.clone(), number, random.clone())))
            .collect();
        let mut waited = Vec::new();
        for client in clients {
            waited.extend(client.await.unwrap_or_default());
        }
        waited.sort_by(f64::total_cmp);
        Met {
            mean: waited.iter().sum::<f64>() / waited.len() as f64,
            p99: waited[waited.len() * 99 / 100],
            batches: hub.snapshot().batches() as f64,
        }
    })
}

/// Every world under every limit.
pub(crate) fn simulate_all() -> Vec<Row> {
    let latencies = [
        ("constant", Constant),
        ("skewed", Skewed),
        ("by size", BySize),
        ("slow keys", SlowKeys),
        ("stalls", Stalls),
        ("cpu", Cpu),
    ];
    let mut rows = Vec::new();
    for (clients, pool) in [(16, 2), (16, 10), (200, 2), (200, 10)] {
        for (name, latency) in latencies {
            let pool = if let Cpu = latency { 2 } else { pool };
            let world = World { latency, name, clients, pool };
            if rows.iter().any(|row: &Row| row.name == title(world)) {
                continue;
            }
            let met = LIMITS.iter().map(|(_, limit)| simulate(world, *limit)).collect();
            rows.push(Row { name: title(world), met });
        }
    }
    rows
}

fn title(World { name, clients, pool, .. }: World) -> String {
    format!("{name}, {clients} clients, pool {pool}")
}

/// Mean and p99 in milliseconds and batches of every world; at the end how far each limit is from
/// the best, in the geometric mean.
pub(crate) fn table(rows: &[Row]) -> Table {
    let from_the_best = |measure: fn(&Met) -> f64| -> Vec<f64> {
        let worlds: Vec<Vec<f64>> =
            rows.iter().map(|row| row.met.iter().map(measure).collect()).collect();
        from_the_best(&worlds)
    };
    let means = from_the_best(|met| met.mean);
    let p99s = from_the_best(|met| met.p99);
    let batches = from_the_best(|met| met.batches);
    let of_world = |row: &Row| {
        let cells = row
            .met
            .iter()
            .map(|met| format!("{:.1} / {:.0}, {:.0}", met.mean, met.p99, met.batches));
        (row.name.clone(), cells.collect())
    };
    let ratios = (0..LIMITS.len())
        .map(|at| format!("{:.2} / {:.2}, {:.2} ×", means[at], p99s[at], batches[at]));
    let products =
        means.iter().zip(&batches).map(|(mean, batches)| format!("{:.2}", mean * batches));
    let in_all = [
        ("of the best, mean".to_owned(), ratios.collect()),
        ("mean × batches".to_owned(), products.collect()),
    ];
    let limits = LIMITS.iter().map(|(name, _)| *name);
    markdown("mean / p99 ms, batches", limits, rows.iter().map(of_world).chain(in_all))
}

/// For the picture, the worlds where much is going on. Numbers are joined by a line.
pub(crate) fn lines(rows: &[Row]) -> Vec<Line> {
    let line = |row: &Row| Line {
        name: row.name.clone(),
        points: LIMITS
            .iter()
            .zip(&row.met)
            .filter(|((name, _), _)| *name != "none")
            .map(|((limit, kind), met)| {
                let joins = matches!(kind, Limit::Fixed(_));
                Point { limit, joins, batches: met.batches, time: met.mean }
            })
            .collect(),
    };
    rows.iter().filter(|row| row.name.contains("200 clients, pool 10")).map(line).collect()
}
