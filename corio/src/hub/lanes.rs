//! The lanes of one dispatcher, and which of them a request belongs to.
//!
//! Invariants:
//! - The number of a group is used again only when no lane in the table has it; keys are numbered
//!   and their lanes found under one lock.
//! - A lane is closed before it is taken out. A closed lane may be found in the table, and is
//!   replaced.
//! - Under the lock keys are grouped, and parts compared: code of the user's, which must not use
//!   the hub. Its panic is the fault of the requests that it is for.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::asker::Entry;
use super::lane::{HubLane, Packet};
use crate::dispatch::{Fault, Groups, Request};
use crate::util::concurrent::{Mutex, MutexGuard, PoisonError};
use crate::util::{discard, panic_message};

pub(super) struct Lanes<P, R: Request> {
    table: Mutex<Table<P, R>>,
}

struct Table<P, R: Request> {
    lanes: HashMap<Arc<LaneName<P>>, Arc<HubLane<R>>>,
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

/// Requests, and the lane that they belong to.
pub(super) struct Found<P, R: Request> {
    pub(super) lane: Arc<HubLane<R>>,
    /// The name of the lane, if that is new and gets its driver from whoever found it.
    pub(super) is_new: Option<Arc<LaneName<P>>>,
    pub(super) packet: Packet<R>,
}

/// A request, and why it has no lane.
pub(super) type Failed<R> = (Entry<R>, Fault);

/// So many groups are remembered without a look at the lanes.
const FEW_GROUPS: usize = 64;

impl<P: Clone + Eq + std::hash::Hash, R: Request> Lanes<P, R> {
    pub(super) fn new(groups: Option<Groups<R::Key>>) -> Self {
        let table = Table { lanes: HashMap::new(), groups, prune_groups_at: FEW_GROUPS };
        Lanes { table: Mutex::new(table) }
    }

    fn table(&self) -> MutexGuard<'_, Table<P, R>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the lanes of requests of one part, and those requests that code of the user's failed
    /// for. Each lane keeps the order of asking.
    pub(super) fn find(
        &self,
        part: P,
        entries: Vec<Entry<R>>,
    ) -> (P, Vec<Found<P, R>>, Vec<Failed<R>>) {
        let mut failed = Vec::new();
        let mut name = LaneName { part, group: 0 };
        let mut table = self.table();
        let packets = table.by_group(entries, &mut failed);
        let mut found = Vec::with_capacity(packets.len());
        for (group, packet) in packets {
            name.group = group;
            match guarded::<R, _>(|| table.lane(&name)) {
                Ok((lane, is_new)) => found.push(Found { lane, is_new, packet }),
                Err(fault) => failed.extend(packet.into_iter().map(|entry| (entry, fault.clone()))),
            }
        }
        drop(table);
        (name.part, found, failed)
    }

    /// Closes a lane, unless something has arrived or `is_kept` says of the number of lanes that it
    /// stays. Returns whether it is closed.
    pub(super) fn retire(
        &self,
        name: &LaneName<P>,
        lane: &Arc<HubLane<R>>,
        is_kept: impl FnOnce(usize) -> bool,
    ) -> bool {
        let mut table = self.table();
        let closes = !is_kept(table.lanes.len()) && lane.close_if_empty();
        let removed = if closes { table.remove(name, lane) } else { None };
        drop(table);
        drop(removed);
        closes
    }

    /// Takes out a lane that is closed, if it is there.
    pub(super) fn remove(&self, name: &LaneName<P>, lane: &Arc<HubLane<R>>) {
        let removed = self.table().remove(name, lane);
        drop(removed);
    }
}

/// A lane that was taken out; to be dropped without the lock.
type Removed<P, R> = (Arc<LaneName<P>>, Arc<HubLane<R>>);

/// A lane, and its name if it is new.
type LaneOrNew<P, R> = (Arc<HubLane<R>>, Option<Arc<LaneName<P>>>);

impl<P: Clone + Eq + std::hash::Hash, R: Request> Table<P, R> {
    /// The lane of this name, which takes requests.
    fn lane(&mut self, name: &LaneName<P>) -> LaneOrNew<P, R> {
        if let Some(lane) = self.lanes.get(name).filter(|lane| !lane.is_closed()) {
            return (lane.clone(), None);
        }
        let (lane, name) = (HubLane::new(), Arc::new(name.clone()));
        self.lanes.insert(name.clone(), lane.clone());
        (lane, Some(name))
    }

    fn remove(&mut self, name: &LaneName<P>, lane: &Arc<HubLane<R>>) -> Option<Removed<P, R>> {
        self.lanes.get(name).filter(|found| Arc::ptr_eq(found, lane))?;
        self.lanes.remove_entry(name)
    }

    /// Splits requests by their groups.
    fn by_group(
        &mut self,
        entries: Vec<Entry<R>>,
        failed: &mut Vec<Failed<R>>,
    ) -> Vec<(u32, Packet<R>)> {
        self.forget_groups();
        let Some(groups) = &mut self.groups else { return vec![(0, entries.into())] };
        let (mut packets, mut places) = (Vec::<(u32, Packet<R>)>::new(), HashMap::new());
        for entry in entries {
            match guarded::<R, _>(|| groups.number(&entry.key)) {
                Ok(group) => {
                    let place = *places.entry(group).or_insert_with(|| {
                        packets.push((group, Packet::new()));
                        packets.len() - 1
                    });
                    packets[place].1.push_back(entry);
                }
                Err(fault) => failed.push((entry, fault)),
            }
        }
        packets
    }

    /// Forgets the groups without a lane, if there may be many.
    fn forget_groups(&mut self) {
        let Table { lanes, groups: Some(groups), prune_groups_at } = self else { return };
        if groups.len() >= *prune_groups_at {
            let used: HashSet<u32> = lanes.keys().map(|name| name.group).collect();
            // A destructor that panics fails nobody's request: the rest is forgotten later.
            let _ = guarded::<R, _>(|| groups.retain(&mut |group| used.contains(&group)));
            *prune_groups_at = FEW_GROUPS.max(2 * groups.len());
        }
    }
}

/// Runs code of the user's; a panic becomes a fault.
fn guarded<R: Request, T>(run: impl FnOnce() -> T) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let message = panic_message(&*panic);
        discard(panic);
        Fault::Panicked { dispatcher: R::name(), message }
    })
}
