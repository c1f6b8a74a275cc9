//! Who asks, and whatever else happens beside it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use corio::testing::VirtualClock;
use corio::{Config, Dispatch, Hub, SharedDispatch, Slot, Work};
use futures_util::future::{AbortHandle, BoxFuture, FutureExt, abortable, join_all};
use futures_util::join;
use support::executor::Executor;

use crate::faults::words::{ANSWERED, Told, in_short, message, told};
use crate::world::Tenant;

// ── the contexts ──

/// What batch functions need.
#[derive(Clone, Default)]
pub(crate) struct Lab {
    clock: VirtualClock,
    /// Asks the dispatcher that is asked for one more key, for a function that asks itself.
    again: Arc<Mutex<Option<Again>>>,
    /// Slots that nobody answers in time.
    pub(crate) held: Arc<Mutex<Vec<Slot<u64, u64>>>>,
}

pub(crate) type Again = Arc<dyn Fn(Way, Tenant) -> BoxFuture<'static, Vec<String>> + Send + Sync>;

#[derive(Clone, Default, corio::Context)]
pub(crate) struct App {
    lab: Lab,
}

/// The context of a run.
#[derive(Clone, corio::Context)]
pub(crate) struct TenantApp {
    lab: Lab,
    tenant: Tenant,
}

pub(crate) const ASKER: Tenant = Tenant("asker");
pub(crate) const ANOTHER: Tenant = Tenant("another");
/// One that `by` panics for.
pub(crate) const UNKNOWN: Tenant = Tenant("unknown");

pub(crate) fn part(tenant: &Tenant) -> Tenant {
    assert!(*tenant != UNKNOWN, "no such tenant");
    tenant.clone()
}

/// For these the function asks itself, by each of the ways.
pub(crate) const ASKS_AGAIN: [u64; 3] = [21, 22, 23];

/// The picked one.
pub(crate) const PICKED: u64 = 13;

impl Lab {
    pub(crate) async fn sleep(&self, millis: u64) {
        self.clock.sleep(Duration::from_millis(millis)).await;
    }

    /// What a function is told that asks itself.
    pub(crate) async fn ask_again(&self, way: Way, tenant: &Tenant) -> String {
        let again = self.again.lock().unwrap().clone().expect("it is there while anybody asks");
        again(way, tenant.clone()).await.remove(0)
    }

    /// What a batch takes.
    pub(crate) async fn work(&self) {
        self.sleep(10).await;
    }
}

/// Fails the batch that has the picked key.
pub(crate) fn check(keys: &[u64]) {
    assert!(!keys.contains(&PICKED), "no such floor");
}

// ── asking ──

#[derive(Clone, Copy)]
pub(crate) enum Way {
    Run,
    Ask,
    Drive,
}

pub(crate) const WAYS: [Way; 3] = [Way::Run, Way::Ask, Way::Drive];

/// What is unusual with the hub.
pub(crate) struct Setting {
    pub(crate) keys: Vec<u64>,
    /// Of those who ask together, and of the one who asks later.
    pub(crate) tenant: Tenant,
    pub(crate) hub: fn(Hub<App>) -> Hub<App>,
    /// Hands a job of the hub to the executor, or does not.
    pub(crate) spawner: fn(&Jobs, Work),
    /// Happens beside those who ask: together after 1 ms, another tenant after 2, later after 5.
    pub(crate) meanwhile: for<'w> fn(&'w World) -> BoxFuture<'w, ()>,
}

impl Default for Setting {
    fn default() -> Self {
        Setting {
            keys: vec![1, PICKED, 2],
            tenant: ASKER,
            hub: |hub| hub,
            spawner: Jobs::spawn,
            meanwhile: |_| Box::pin(async {}),
        }
    }
}

/// The jobs of the hub.
#[derive(Clone)]
pub(crate) struct Jobs {
    spawn: Arc<dyn Fn(Work) + Send + Sync>,
    aborts: Arc<Mutex<Vec<AbortHandle>>>,
    panics: Arc<Mutex<Vec<String>>>,
}

impl Jobs {
    fn of(executor: &Executor) -> Self {
        let spawn = Arc::new(executor.spawner());
        Jobs { spawn, aborts: Arc::default(), panics: Arc::default() }
    }

    /// Spawns a job, whose panic the executor survives.
    fn spawn(&self, work: Work) {
        let (work, handle) = abortable(work);
        self.aborts.lock().unwrap().push(handle);
        let panics = self.panics.clone();
        (self.spawn)(Box::pin(async move {
            if let Err(payload) = AssertUnwindSafe(work).catch_unwind().await {
                panics.lock().unwrap().push(message(&*payload));
            }
        }));
    }

    /// Takes them: who holds a handle holds its job.
    pub(crate) fn take(&self) -> Vec<AbortHandle> {
        std::mem::take(&mut *self.aborts.lock().unwrap())
    }
}

pub(crate) struct World {
    executor: Executor,
    pub(crate) jobs: Jobs,
    pub(crate) lab: Lab,
    pub(crate) hub: Hub<App>,
}

impl World {
    fn new<R>(request: fn(u64) -> R, setting: &Setting) -> Self
    where
        R: SharedDispatch<App, Part = Tenant> + Dispatch<TenantApp, Answer: Told> + 'static,
    {
        let executor = Executor::new();
        let jobs = Jobs::of(&executor);
        let lab = Lab { clock: executor.clock(), ..Lab::default() };
        let (of_hub, spawner) = (jobs.clone(), setting.spawner);
        let hub = Hub::new(App { lab: lab.clone() }, move |work| spawner(&of_hub, work));
        let hub = (setting.hub)(hub.clock(executor.clock()).share(request));
        let to_ask = hub.clone();
        *lab.again.lock().unwrap() = Some(Arc::new(move |way, tenant| {
            let hub = to_ask.clone();
            Box::pin(async move { ask(&hub, way, tenant, request, &[0]).await })
        }));
        World { executor, jobs, lab, hub }
    }

    /// What the hub and its executor still hold.
    fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        for of in self.hub.snapshot().dispatchers() {
            let counts = [of.queued, of.aboard, of.in_flight, of.lanes];
            if counts != [0; 4] {
                left.push(format!("queued, aboard, in flight, lanes of {}: {counts:?}", of.name));
            }
        }
        if self.executor.jobs() != 0 {
            left.push(format!("{} jobs", self.executor.jobs()));
        }
        left
    }
}

/// Asks for keys. Returns what each was told.
pub(crate) async fn ask<R>(
    hub: &Hub<App>,
    way: Way,
    tenant: Tenant,
    request: fn(u64) -> R,
    keys: &[u64],
) -> Vec<String>
where
    R: SharedDispatch<App, Part = Tenant> + Dispatch<TenantApp, Answer: Told>,
{
    let asks = async {
        let asks = || join_all(keys.iter().map(|key| hub.ask_for(tenant.clone(), request(*key))));
        let answers = match way {
            Way::Run => {
                let context = TenantApp { lab: hub.context().lab.clone(), tenant: tenant.clone() };
                let mut schedule = Config::new().through(hub).schedule(context);
                match schedule.run_async(asks_all(request, keys.to_vec())).await {
                    Ok(answers) => answers.into_iter().map(Ok).collect(),
                    Err(error) => return vec![format!("the run ends: {error}"); keys.len()],
                }
            }
            Way::Ask => asks().await,
            Way::Drive => hub.drive(asks()).await,
        };
        assert_eq!(answers.len(), keys.len(), "one outcome for each request");
        keys.iter().zip(answers).map(|(key, answer)| told(*key, answer)).collect()
    };
    match AssertUnwindSafe(asks).catch_unwind().await {
        Ok(told) => told,
        Err(payload) => vec![format!("a panic: {}", message(&*payload)); keys.len()],
    }
}

#[corio::task(TenantApp)]
pub(crate) fn asks_all<R: Dispatch<TenantApp>>(
    request: fn(u64) -> R,
    keys: Vec<u64>,
) -> Vec<R::Answer> {
    io_all!(keys.into_iter().map(request))
}

/// What comes of a fault by one way: what each was told, in lines.
pub(crate) fn outcome<R>(way: Way, request: fn(u64) -> R, setting: &Setting) -> String
where
    R: SharedDispatch<App, Part = Tenant> + Dispatch<TenantApp, Answer: Told> + 'static,
{
    let world = World::new(request, setting);
    let (lab, hub) = (&world.lab, &world.hub);
    let all = async {
        let asker = async {
            lab.sleep(1).await;
            ask(hub, way, setting.tenant.clone(), request, &setting.keys).await
        };
        let another = async {
            lab.sleep(2).await;
            ask(hub, Way::Run, ANOTHER, request, &[7]).await.remove(0)
        };
        let later = async {
            lab.sleep(5).await;
            ask(hub, Way::Ask, setting.tenant.clone(), request, &[8]).await.remove(0)
        };
        join!(asker, another, later, (setting.meanwhile)(&world))
    };
    let Ok((told, another, later, ())) =
        catch_unwind(AssertUnwindSafe(|| world.executor.block_on(all)))
    else {
        return format!("  hangs: {:?}\n", hub.snapshot());
    };
    // What was held is answered too late.
    let held = std::mem::take(&mut *lab.held.lock().unwrap());
    held.into_iter().for_each(|slot| slot.answer_with(|key| key));
    lab.again.lock().unwrap().take();
    world.jobs.take();
    world.executor.settle();
    let mut ends: Vec<(String, String)> =
        setting.keys.iter().map(u64::to_string).zip(told).collect();
    let others = [("another tenant".to_owned(), another), ("later".to_owned(), later)];
    ends.extend(others.into_iter().filter(|(_, told)| told != ANSWERED));
    let mut lines = in_short(ends);
    let panics = world.jobs.panics.lock().unwrap();
    lines.extend(panics.iter().map(|panic| format!("  a job of the executor panics: {panic}")));
    lines.extend(world.left().into_iter().map(|left| format!("  is left: {left}")));
    lines.push(String::new());
    lines.join("\n")
}
