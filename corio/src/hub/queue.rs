//! The requests of one dispatcher in a hub, and the seats of its drivers.
//!
//! Invariants:
//! - A lane that is not closed has one [`DriverSeat`]. It is made with the lane and goes on to the
//!   driver; when it is dropped, wherever that is, the lane is closed and whatever has arrived is
//!   answered.
//! - A request is counted as queued from `push` until it boards, fails, or its asker is gone.

use std::any::TypeId;
use std::mem;
use std::sync::{Arc, Weak};

use super::asker::{Asker, Entry, Outcomes};
use super::counts::{Counts, Tally};
use super::inner::HubInner;
use super::lane::{Arrived, HubLane, Packet};
use super::lanes::{Found, LaneName, Lanes};
use super::shared_dispatch::SharedDispatch;
use crate::dispatch::{Fault, Options, Request, Unavailable};
use crate::util::PanicCollector;

/// The options of requests `R`.
type OptionsOf<R> = Options<<R as Request>::Key, <R as Request>::Answer>;

/// The requests of one dispatcher.
pub(super) struct HubQueue<H: Send + Sync + 'static, R: SharedDispatch<H>> {
    hub: Weak<HubInner<H>>,
    pub(super) options: OptionsOf<R>,
    pub(super) counts: Arc<Counts>,
    spawn_driver: SpawnDriver<H, R>,
    lanes: Lanes<R::Part, R>,
    /// Whether lanes go when they are idle. There may be any number of parts and groups.
    has_many_lanes: bool,
}

/// Spawns the driver that takes the seat.
pub(super) type SpawnDriver<H, R> = fn(DriverSeat<H, R>);

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
        let (options, lanes) = (options.of_hub(), Lanes::new(groups));
        HubQueue { hub, options, counts, spawn_driver, lanes, has_many_lanes }
    }

    /// Names the queue, while it exists.
    pub(super) fn id(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Puts requests of one part into their lanes. Returns these lanes, each once.
    pub(super) fn push(
        self: &Arc<Self>,
        mut part: R::Part,
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
        // Those that do not get into a lane.
        let mut queued = Tally::new(&self.counts, Counts::unqueue, entries.len());
        let (mut entries, mut lanes) = (entries, Vec::new());
        while !entries.is_empty() {
            let placed;
            (part, placed) = self.place(&hub, part, mem::take(&mut entries));
            for Placed { lane, seat, mut packet } in placed {
                packet.retain(|entry| entry.asker.enter(&lane));
                // Before: a waker that panics has got the packet into the lane.
                queued.requests -= packet.len();
                // A closed lane has lost its driver meanwhile; the number of its group may be
                // another's now.
                if let Err(back) = lane.push(packet) {
                    queued.requests += back.len();
                    entries.extend(back);
                    continue;
                }
                seat.into_iter().for_each(self.spawn_driver);
                lanes.push(lane);
            }
        }
        lanes
    }

    /// Finds the lanes of requests. Those that code of the user's failed for are told.
    fn place(
        self: &Arc<Self>,
        hub: &Arc<HubInner<H>>,
        part: R::Part,
        entries: Vec<Entry<R>>,
    ) -> (R::Part, Vec<Placed<H, R>>) {
        let (part, found, failed) = self.lanes.find(part, entries);
        // Before anything else, so that no lane is without.
        let with_seat = |Found { lane, is_new, packet }| {
            let seat = is_new.map(|name| DriverSeat::new(hub.clone(), self.clone(), name, &lane));
            Placed { lane, seat, packet }
        };
        let placed = found.into_iter().map(with_seat).collect();
        let mut outcomes = Outcomes::default();
        failed.into_iter().for_each(|(entry, fault)| outcomes.add(entry.asker, Err(fault)));
        outcomes.give();
        (part, placed)
    }

    /// Tells requests that they are not sent.
    pub(super) fn refuse(&self, entries: Vec<Entry<R>>, reason: Unavailable) {
        let mut refused = Outcomes::default();
        for entry in entries {
            let fault = Fault::Unavailable { dispatcher: R::name(), reason, was_sent: false };
            refused.add(entry.asker, Err(fault));
        }
        refused.give();
    }
}

/// Requests on their way into a lane, with the seat of its driver if the lane is new.
struct Placed<H: Send + Sync + 'static, R: SharedDispatch<H>> {
    lane: Arc<HubLane<R>>,
    seat: Option<DriverSeat<H, R>>,
    packet: Packet<R>,
}

/// The right and the duty to drive a lane. When it is dropped, there is no driver any more, and
/// whatever has arrived until then gets a fault.
pub(super) struct DriverSeat<H: Send + Sync + 'static, R: SharedDispatch<H>> {
    pub(super) hub: Arc<HubInner<H>>,
    pub(super) queue: Arc<HubQueue<H, R>>,
    pub(super) name: Arc<LaneName<R::Part>>,
    pub(super) lane: Arc<HubLane<R>>,
    /// The number of the driver among those of the hub; absent if the hub is shut down.
    pub(super) number: Option<u64>,
    /// What is told to those who are left.
    pub(super) fault: Fault,
}

impl<H: Send + Sync + 'static, R: SharedDispatch<H>> DriverSeat<H, R> {
    fn new(
        hub: Arc<HubInner<H>>,
        queue: Arc<HubQueue<H, R>>,
        name: Arc<LaneName<R::Part>>,
        lane: &Arc<HubLane<R>>,
    ) -> Self {
        let (number, lane) = (hub.drivers().begin(lane.clone()), lane.clone());
        queue.counts.lane_opens();
        let is_over = number.is_none();
        let reason = if is_over { Unavailable::ShutDown } else { Unavailable::SpawnerGone };
        let fault = Fault::Unavailable { dispatcher: R::name(), reason, was_sent: false };
        DriverSeat { hub, queue, name, lane, number, fault }
    }

    /// Tells those who wait for these requests of the fault, and whether a batch of theirs may have
    /// left.
    pub(super) fn fail(&self, askers: impl Iterator<Item = Asker<R>>, may_be_sent: bool) {
        let mut fault = self.fault.clone();
        if let Fault::Unavailable { was_sent, .. } = &mut fault {
            *was_sent = may_be_sent;
        }
        let mut outcomes = Outcomes::default();
        askers.for_each(|asker| outcomes.add(asker, Err(fault.clone())));
        outcomes.give();
    }

    /// Whether the lane goes when it is idle.
    pub(super) fn may_retire(&self) -> bool {
        self.queue.has_many_lanes
    }

    /// Lets an idle lane go: true if it is closed. One that may be needed again is kept, unless the
    /// hub closes.
    pub(super) fn retire(&self) -> bool {
        let DriverSeat { hub, queue, name, lane, .. } = self;
        let is_kept = |lanes: usize| {
            !queue.has_many_lanes || queue.options.keeps_answers() && lanes <= MAX_IDLE_LANES
        };
        queue.lanes.retire(name, lane, |lanes| !hub.is_closing() && is_kept(lanes))
    }
}

impl<H: Send + Sync + 'static, R: SharedDispatch<H>> Drop for DriverSeat<H, R> {
    fn drop(&mut self) {
        let DriverSeat { hub, queue, name, lane, number, .. } = &*self;
        let mut panics = PanicCollector::default();
        let Arrived { packets, .. } = lane.close();
        panics.run(|| queue.lanes.remove(name, lane));
        let entries: Vec<Entry<R>> = packets.into_iter().flatten().collect();
        queue.counts.unqueue(entries.len());
        queue.counts.lane_closes();
        panics.run(|| self.fail(entries.into_iter().map(|entry| entry.asker), false));
        number.iter().for_each(|number| hub.drivers().end(*number));
    }
}
