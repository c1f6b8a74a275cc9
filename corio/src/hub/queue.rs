//! The requests of one dispatcher in a hub: its lanes, and which of them a request belongs to.
//!
//! Invariants:
//! - A lane has one driver, and is closed when that is gone. A closed lane may be found in the
//!   table, and is replaced.
//! - The number of a group is used again only when no lane in the table has it; keys are numbered
//!   and their lanes found under one lock.
//! - Under the lock keys are grouped, and parts copied and compared: code of the user's, which must
//!   not use the hub. A panic of a grouping function is the fault of the request. What is dropped
//!   is dropped without the lock.

use std::any::TypeId;
use std::collections::{HashMap, HashSet};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::asker::{Entry, Outcomes};
use super::counts::Counts;
use super::inner::HubInner;
use super::lane::{Arrived, HubLane, Packet, Pushed};
use super::shared_dispatch::SharedDispatch;
use crate::dispatch::{Fault, Groups, Options, Request, Unavailable};
use crate::util::{discard, panic_message};

/// The options of requests `R`.
type OptionsOf<R> = Options<<R as Request>::Key, <R as Request>::Answer>;

/// The requests of one dispatcher.
pub(super) struct HubQueue<H: Send + Sync + 'static, R: SharedDispatch<H>> {
    pub(super) hub: Weak<HubInner<H>>,
    pub(super) options: OptionsOf<R>,
    pub(super) counts: Arc<Counts>,
    spawn_driver: SpawnDriver<H, R>,
    table: Mutex<Table<R::Part, R>>,
    /// Whether lanes go when they are idle. There may be any number of parts and groups.
    has_many_lanes: bool,
}

/// Spawns the driver of a lane.
pub(super) type SpawnDriver<H, R> = fn(
    &Arc<HubInner<H>>,
    Arc<HubQueue<H, R>>,
    LaneName<<R as SharedDispatch<H>>::Part>,
    Arc<HubLane<R>>,
);

struct Table<P, R: Request> {
    lanes: HashMap<LaneName<P>, Arc<HubLane<R>>>,
    groups: Option<Groups<R::Key>>,
    /// When so many groups are known, those without a lane are forgotten.
    prune_groups_at: usize,
}

/// What the requests of a lane have in common: their part, and the number of their group.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct LaneName<P> {
    pub(super) part: P,
    group: u32,
}

/// So many groups are remembered without a look at the lanes.
const FEW_GROUPS: usize = 64;

/// So many idle lanes with a cache are kept.
const MAX_IDLE_LANES: usize = 1024;

impl<H: Send + Sync + 'static, R: SharedDispatch<H>> HubQueue<H, R> {
    pub(super) fn new(
        hub: Weak<HubInner<H>>,
        options: OptionsOf<R>,
        counts: Arc<Counts>,
        spawn_driver: SpawnDriver<H, R>,
    ) -> Self {
        let groups = options.make_groups();
        let has_many_lanes = groups.is_some() || TypeId::of::<R::Part>() != TypeId::of::<()>();
        let table = Table { lanes: HashMap::new(), groups, prune_groups_at: FEW_GROUPS };
        let options = options.of_hub();
        HubQueue { hub, options, counts, spawn_driver, table: Mutex::new(table), has_many_lanes }
    }

    fn table(&self) -> MutexGuard<'_, Table<R::Part, R>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names the queue, while it exists.
    pub(super) fn id(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Puts requests of one part into their lanes. Returns these lanes, each once.
    pub(super) fn push(
        self: &Arc<Self>,
        part: R::Part,
        entries: Vec<Entry<R>>,
    ) -> Vec<Arc<HubLane<R>>> {
        let hub = match self.hub.upgrade().filter(|hub| !hub.is_closing()) {
            Some(hub) => hub,
            None => {
                self.refuse(entries, Unavailable::ShutDown);
                return Vec::new();
            }
        };
        if !self.counts.queue(entries.len(), hub.max_queued()) {
            self.refuse(entries, Unavailable::Full);
            return Vec::new();
        }
        let (mut entries, mut lanes) = (entries, Vec::new());
        while !entries.is_empty() {
            for Placed { name, lane, mut packet } in self.place(&part, mem::take(&mut entries)) {
                let before = packet.len();
                packet.retain(|entry| entry.asker.enter(&lane));
                self.counts.unqueue(before - packet.len());
                match lane.push(packet) {
                    Pushed::Done => {}
                    Pushed::Spawn => (self.spawn_driver)(&hub, self.clone(), name, lane.clone()),
                    // Its driver has gone meanwhile; the number of its group may be another's now.
                    Pushed::Closed(back) => {
                        entries.extend(back);
                        continue;
                    }
                }
                lanes.push(lane);
            }
        }
        lanes
    }

    /// Finds the lanes of requests. Each lane keeps the order of asking.
    fn place(&self, part: &R::Part, entries: Vec<Entry<R>>) -> Vec<Placed<R::Part, R>> {
        let mut failed: Vec<(Entry<R>, Fault)> = Vec::new();
        let placed = {
            let mut table = self.table();
            let Table { lanes, groups, prune_groups_at } = &mut *table;
            let packets = match groups {
                None => vec![(0, entries.into())],
                Some(groups) => {
                    if groups.len() >= *prune_groups_at {
                        let used: HashSet<u32> = lanes.keys().map(|name| name.group).collect();
                        groups.retain(&mut |group| used.contains(&group));
                        *prune_groups_at = FEW_GROUPS.max(2 * groups.len());
                    }
                    by_group(groups, entries, &mut failed)
                }
            };
            let lane_of = |(group, packet)| {
                let name = LaneName { part: part.clone(), group };
                let open = lanes.get(&name).filter(|lane| !lane.is_closed()).cloned();
                let lane = open.unwrap_or_else(|| {
                    let lane = HubLane::new();
                    if lanes.insert(name.clone(), lane.clone()).is_none() {
                        self.counts.lane_opens();
                    }
                    lane
                });
                Placed { name, lane, packet }
            };
            packets.into_iter().map(lane_of).collect()
        };
        self.counts.unqueue(failed.len());
        let mut outcomes = Outcomes::default();
        failed.into_iter().for_each(|(entry, fault)| outcomes.add(entry.asker, Err(fault)));
        outcomes.give();
        placed
    }

    /// Tells requests that they are not sent.
    pub(super) fn refuse(&self, entries: Vec<Entry<R>>, reason: Unavailable) {
        let mut refused = Outcomes::default();
        for entry in entries {
            let fault = Fault::Unavailable { dispatcher: R::name(), reason };
            refused.add(entry.asker, Err(fault));
        }
        refused.give();
    }

    /// Lets an idle lane go: true if it is closed. One that may be needed again is kept, unless the
    /// hub closes.
    pub(super) fn retire(
        &self,
        name: &LaneName<R::Part>,
        lane: &Arc<HubLane<R>>,
        hub_closes: bool,
    ) -> bool {
        let mut table = self.table();
        let is_kept = !self.has_many_lanes
            || self.options.keeps_answers() && table.lanes.len() <= MAX_IDLE_LANES;
        let closes = (hub_closes || !is_kept) && lane.close_if_empty();
        let removed = if closes { self.remove(&mut table, name, lane) } else { None };
        drop(table);
        drop(removed);
        closes
    }

    /// Closes the lane of a driver that is gone. Returns what has arrived.
    pub(super) fn driver_is_gone(
        &self,
        name: &LaneName<R::Part>,
        lane: &Arc<HubLane<R>>,
    ) -> Arrived<R> {
        let mut table = self.table();
        let arrived = lane.close();
        let removed = self.remove(&mut table, name, lane);
        drop(table);
        drop(removed);
        arrived
    }

    /// Takes a closed lane out of the table, if it is there. The name is dropped without the lock.
    fn remove(
        &self,
        table: &mut Table<R::Part, R>,
        name: &LaneName<R::Part>,
        lane: &Arc<HubLane<R>>,
    ) -> Option<Removed<R::Part, R>> {
        table.lanes.get(name).filter(|found| Arc::ptr_eq(found, lane))?;
        self.counts.lane_closes();
        table.lanes.remove_entry(name)
    }
}

/// A lane that was taken out of the table.
type Removed<P, R> = (LaneName<P>, Arc<HubLane<R>>);

/// Requests that go to one lane.
struct Placed<P, R: Request> {
    name: LaneName<P>,
    lane: Arc<HubLane<R>>,
    packet: Packet<R>,
}

/// Splits requests by their groups. Where code of the user's panics, the request fails.
fn by_group<R: Request>(
    groups: &mut Groups<R::Key>,
    entries: Vec<Entry<R>>,
    failed: &mut Vec<(Entry<R>, Fault)>,
) -> Vec<(u32, Packet<R>)> {
    let (mut packets, mut places) = (Vec::<(u32, Packet<R>)>::new(), HashMap::new());
    for entry in entries {
        match catch_unwind(AssertUnwindSafe(|| groups.number(&entry.key))) {
            Ok(group) => {
                let place = *places.entry(group).or_insert_with(|| {
                    packets.push((group, Packet::new()));
                    packets.len() - 1
                });
                packets[place].1.push_back(entry);
            }
            Err(panic) => {
                let message = panic_message(&*panic);
                discard(panic);
                failed.push((entry, Fault::Panicked { dispatcher: R::name(), message }));
            }
        }
    }
    packets
}
