//! What the tests ask: dispatchers that write down their batches, over an executor with virtual
//! time.

use std::collections::HashMap;
use std::fmt::Debug;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use corio::testing::VirtualClock;
use corio::{Config, Hub};
use expect_test::Expect;
use support::executor::Executor;

/// What happened, in order, each line with its time in milliseconds.
#[derive(Clone, Default)]
pub(crate) struct Record {
    lines: Arc<Mutex<Vec<String>>>,
    pub(crate) clock: VirtualClock,
}

impl Record {
    /// An empty record, with the times of a clock.
    pub(crate) fn by(clock: VirtualClock) -> Self {
        Record { clock, ..Record::default() }
    }

    pub(crate) fn say(&self, line: impl Into<String>) {
        let at = self.clock.now().as_millis();
        self.lines.lock().unwrap().push(format!("{at:<4} {}", line.into()));
    }

    /// A batch begins, and takes so long.
    pub(crate) async fn batch(&self, name: &str, keys: &[impl Debug], millis: u64) {
        self.say(format!("{name} {keys:?}"));
        self.clock.sleep(Duration::from_millis(millis)).await;
    }

    /// All lines so far.
    pub(crate) fn take(&self) -> String {
        let mut lines = std::mem::take(&mut *self.lines.lock().unwrap());
        lines.push(String::new());
        lines.join("\n")
    }
}

/// The context of the hub, and of runs.
#[derive(Clone, Default, corio::Context)]
pub(crate) struct App {
    pub(crate) record: Record,
}

/// A part.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Tenant(pub(crate) &'static str);

/// The context of a run for a tenant.
#[derive(Clone, corio::Context)]
pub(crate) struct TenantApp {
    pub(crate) record: Record,
    pub(crate) tenant: Tenant,
}

/// 10 ms a batch.
#[corio::dispatcher(shared)]
pub(crate) async fn double(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("double", keys, 10).await;
    keys.iter().map(|key| key * 2).collect()
}

/// 10 ms a batch.
#[corio::dispatcher(shared, group_by = |key| key % 2)]
pub(crate) async fn by_parity(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("by_parity", keys, 10).await;
    keys.to_vec()
}

/// 10 ms a batch, each key once.
#[corio::dispatcher(shared, dedup)]
pub(crate) async fn triple(record: &Record, keys: &[u64]) -> Vec<u64> {
    record.batch("triple", keys, 10).await;
    keys.iter().map(|key| key * 3).collect()
}

/// What tenants have, 10 ms a batch.
#[corio::dispatcher(shared, by = |tenant: &Tenant| tenant.clone())]
pub(crate) async fn of_tenant(
    record: &Record,
    tenant: &Tenant,
    keys: &[u64],
) -> HashMap<u64, String> {
    record.batch(&format!("of_tenant {}", tenant.0), keys, 10).await;
    keys.iter().map(|key| (*key, format!("{}:{key}", tenant.0))).collect()
}

/// An executor with a hub.
pub(crate) struct World {
    pub(crate) executor: Executor,
    pub(crate) record: Record,
    pub(crate) hub: Hub<App>,
}

impl World {
    pub(crate) fn new() -> Self {
        World::with(|hub| hub)
    }

    /// With settings of the hub.
    pub(crate) fn with(set: impl FnOnce(Hub<App>) -> Hub<App>) -> Self {
        let executor = Executor::new();
        let record = Record::by(executor.clock());
        let hub = Hub::new(App { record: record.clone() }, executor.spawner());
        let hub = hub.clock(executor.clock()).share(double).share(triple).share(of_tenant);
        World { executor, record, hub: set(hub) }
    }

    /// A second hub on the same executor, with the same record.
    pub(crate) fn another_hub(&self) -> Hub<App> {
        Hub::new(self.app(), self.executor.spawner()).clock(self.executor.clock())
    }

    /// Runs a future, and returns what it gives and what was recorded.
    #[track_caller]
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> (T, String) {
        let output = self.executor.block_on(future);
        (output, self.record.take())
    }

    /// For runs through the hub. Without the clock, which a run that waits would move.
    pub(crate) fn config(&self) -> Config {
        Config::new().through(&self.hub)
    }

    pub(crate) fn app(&self) -> App {
        App { record: self.record.clone() }
    }
}

/// Ways with the same record are told together.
#[track_caller]
pub(crate) fn compare(ways: &[(&str, String)], expected: Expect) {
    let mut told: Vec<(Vec<&str>, &str)> = Vec::new();
    for (way, log) in ways {
        match told.iter_mut().find(|(_, same)| same == log) {
            Some((ways, _)) => ways.push(way),
            None => told.push((vec![way], log)),
        }
    }
    let text: String =
        told.iter().map(|(ways, log)| format!("{}\n{log}", ways.join(", "))).collect();
    expected.assert_eq(&text);
}
