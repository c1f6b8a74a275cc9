//! The requests of one dispatcher in a hub: its lanes, and which of them a request belongs to.
//!
//! Invariants:
//! - A lane in the table is open, or is being closed by its driver, which takes it out.
//! - The number of a group is used again only when no lane has it.
//! - Code of users runs under the lock where keys are grouped and parts compared, and nowhere else;
//!   a panic of it is caught, and is the fault of the request.

use std::any::TypeId;
use std::collections::HashMap;
use std::collections::hash_map::Entry as TableEntry;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::asker::{Entry, Outcomes};
use super::counts::Counts;
use super::inner::HubInner;
use super::lane::{HubLane, Packet, Pushed};
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
        let packets = self.by_group(entries);
        let mut lanes = Vec::with_capacity(packets.len());
        for (group, packet) in packets {
            lanes.push(self.push_to(&hub, LaneName { part: part.clone(), group }, packet));
        }
        lanes
    }

    /// Puts a packet into the lane of this name.
    fn push_to(
        self: &Arc<Self>,
        hub: &Arc<HubInner<H>>,
        name: LaneName<R::Part>,
        mut packet: Packet<R>,
    ) -> Arc<HubLane<R>> {
        loop {
            let lane = match self.table().lanes.entry(name.clone()) {
                TableEntry::Occupied(lane) => lane.get().clone(),
                TableEntry::Vacant(free) => {
                    self.counts.lane_opens();
                    free.insert(HubLane::new()).clone()
                }
            };
            let before = packet.len();
            packet.retain(|entry| entry.asker.enter(&lane));
            self.counts.unqueue(before - packet.len());
            match lane.push(packet) {
                Pushed::Done => return lane,
                Pushed::Spawn => {
                    (self.spawn_driver)(hub, self.clone(), name, lane.clone());
                    return lane;
                }
                // Its driver is about to take it out of the table.
                Pushed::Closed(back) => packet = back,
            }
        }
    }

    /// Splits requests by their groups. Each group keeps the order of asking.
    fn by_group(&self, entries: Vec<Entry<R>>) -> Vec<(u32, Packet<R>)> {
        let mut table = self.table();
        let Table { lanes, groups: Some(groups), prune_groups_at } = &mut *table else {
            return vec![(0, entries.into())];
        };
        if groups.len() >= *prune_groups_at {
            let used: std::collections::HashSet<u32> =
                lanes.keys().map(|name| name.group).collect();
            groups.retain(&mut |group| used.contains(&group));
            *prune_groups_at = FEW_GROUPS.max(2 * groups.len());
        }
        let (mut packets, mut places) = (Vec::<(u32, Packet<R>)>::new(), HashMap::new());
        let mut failed = Outcomes::default();
        for entry in entries {
            let group = catch_unwind(AssertUnwindSafe(|| groups.number(&entry.key)));
            match group {
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
                    self.counts.unqueue(1);
                    let fault = Fault::Panicked { dispatcher: R::name(), message };
                    failed.add(entry.asker, Err(fault));
                }
            }
        }
        drop(table);
        failed.give();
        packets
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
        if closes {
            table.lanes.remove(name);
            self.counts.lane_closes();
        }
        closes
    }
}
