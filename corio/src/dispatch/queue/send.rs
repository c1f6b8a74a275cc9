//! How requests leave: as far as limits allow, as one batch or in parts.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::grouped::GroupedRequests;
use super::state::{BufOf, Queue};
use crate::dispatch::buffer::{NO_SEQ, QueuedRequest};
use crate::dispatch::error::Fault;
use crate::dispatch::ids::InFlightId;
use crate::dispatch::in_flight::{InFlight, Mailbox, MailboxReader, Part};
use crate::dispatch::keys::{Seq, ShownKeys};
use crate::dispatch::options::Options;
use crate::dispatch::request::Request;
use crate::dispatch::shared_state::Due;
use crate::observe::Event;
use crate::util::Alarm;

/// Where batches go: to the dispatcher.
pub(crate) trait Outlet<R: Request> {
    /// Whether anything may leave. Looked at before each batch.
    fn is_open(&self) -> bool;

    /// Hands a batch over. What becomes of it comes back to the queue, now or later.
    fn hand_over(&self, buf: BufOf<R>, part: Part);
}

impl<R: Request> Queue<R> {
    /// Sends what waits, unless a limit holds it; what stays is listed again.
    pub(crate) fn send(&self, outlet: &impl Outlet<R>) {
        self.listed.set(false);
        self.deliver_cached_now();
        if self.is_held() {
            self.listen_for_drops();
            return self.list();
        }
        // From here on: comparing keys, to find groups, runs code of the user's too.
        self.shared.with_current_dispatcher(R::name(), || self.send_waiting(outlet));
    }

    /// Gives what was kept to those who would get it with the answers of a batch.
    pub(crate) fn deliver_cached_now(&self) {
        if let Some(cached) = self.cached.take() {
            self.push_ready(cached);
        }
    }

    /// Whether something waits that no limit holds.
    pub(crate) fn can_send(&self) -> bool {
        let has_ready_group =
            || self.grouped.as_ref().is_some_and(|grouped| grouped.borrow().next_ready().is_some());
        !self.is_held() && (!self.waiting.borrow().is_empty() || has_ready_group())
    }

    /// Whether what waits has to wait on.
    pub(super) fn is_held(&self) -> bool {
        let Options { in_flight, ordered, unbatched, .. } = self.options;
        if unbatched {
            return false;
        }
        let limit = if ordered { 1 } else { in_flight };
        self.quota_used.get() >= limit
            || self.is_held_by_others()
            || ordered && self.waiting.borrow().is_pausing()
    }

    /// Whether nothing may leave whatever is on its way of this dispatcher.
    fn is_held_by_others(&self) -> bool {
        let shared = &self.shared;
        // One that answers in place is never in flight.
        shared.barrier_is_up.get()
            || self.is_concurrent && shared.quota_used.get() >= shared.limits.in_flight
    }

    #[inline]
    fn send_waiting(&self, outlet: &impl Outlet<R>) {
        match self.take_fast_path() {
            Some(buf) => self.send_now(buf, self.shared.next_batch(), Part::default(), outlet),
            None => self.send_slow(outlet),
        }
    }

    /// Takes what has gathered, if it may leave as it is.
    #[inline]
    fn take_fast_path(&self) -> Option<BufOf<R>> {
        let mut waiting = self.waiting.borrow_mut();
        let is_fast_path = self.is_fast_path
            && !waiting.has_backlog()
            && self.drop_epoch.get() == self.shared.drop_epoch.get();
        let fits = (1..=self.options.max_batch).contains(&waiting.gathered_len());
        (is_fast_path && fits).then(|| waiting.take_gathered(self.take_buf()))
    }

    #[inline(never)]
    fn send_slow(&self, outlet: &impl Outlet<R>) {
        let coalesced = self.take_coalesced();
        self.drop_unwanted_gathered();
        let waits_before = self.waiting.borrow().has_backlog();
        if let Some(buf) = coalesced {
            self.send_parts(buf, None, outlet);
        } else if self.is_fast_path && !waits_before {
            let buf = self.waiting.borrow_mut().take_gathered(self.take_buf());
            self.send_parts(buf, None, outlet);
        } else if !waits_before && self.is_next_in_order() {
            let mut buf = self.waiting.borrow_mut().take_gathered(self.take_buf());
            self.last_ticket.set(buf.number(self.last_ticket.get()));
            self.send_parts(buf, None, outlet);
        } else {
            self.add_gathered_to_backlog();
            if self.options.ordered {
                self.send_first_in_order(outlet);
            } else if let Some(grouped) = &self.grouped {
                self.find_groups(grouped);
                self.send_groups(grouped, outlet);
            } else {
                let buf = self.buf_from(&mut || self.waiting.borrow_mut().pop());
                self.send_parts(buf, None, outlet);
            }
        }
        if self.waits() {
            self.listen_for_drops();
            self.list();
        }
    }

    /// Whether something waits to be sent, though a limit may hold it.
    pub(super) fn waits(&self) -> bool {
        !self.waiting.borrow().is_empty()
            || self.grouped.as_ref().is_some_and(|grouped| grouped.borrow().len() > 0)
    }

    /// With dedup: takes what was settled, if it may leave as it is. Somebody waits for each of it
    /// unless tasks were dropped, or primed a key, since.
    fn take_coalesced(&self) -> Option<BufOf<R>> {
        let is_wanted = !self.pending_keys.as_ref()?.borrow().has_answered()
            && self.drop_epoch.get() == self.shared.drop_epoch.get();
        let Options { ordered, max_batch, groups, .. } = self.options;
        let at_most = if ordered { max_batch } else { usize::MAX };
        if is_wanted && groups.is_none() {
            self.waiting.borrow_mut().take_coalesced(at_most)
        } else {
            None
        }
    }

    /// Whether, with nothing waiting before it, what has gathered may leave in order as one batch.
    fn is_next_in_order(&self) -> bool {
        let Options { ordered, max_batch, .. } = self.options;
        ordered
            && self.pending_keys.is_none()
            && self.groups_in_order.is_none()
            && self.waiting.borrow().gathered_len() <= max_batch
    }

    fn add_gathered_to_backlog(&self) {
        let mut gathered = self.waiting.borrow_mut().take_gathered(self.take_buf());
        // With dedup each has a ticket already, and nothing has gathered since.
        let numbers = self.options.ordered && self.pending_keys.is_none();
        for entry in gathered.drain() {
            let seq = if numbers { Seq::numbered(self.last_ticket.get() + 1) } else { entry.seq };
            self.last_ticket.set(seq.number.max(self.last_ticket.get()));
            self.waiting.borrow_mut().push(QueuedRequest { seq, ..entry });
        }
        self.recycle(gathered);
    }

    /// A load of those that somebody waits for.
    fn buf_from(&self, next: &mut dyn FnMut() -> Option<QueuedRequest<R::Key>>) -> BufOf<R> {
        let mut buf = self.take_buf();
        while let Some(entry) = next() {
            if self.is_wanted(&entry) {
                buf.push(entry);
            } else {
                self.forget(entry);
            }
        }
        buf
    }

    /// In order, only those before the first of another group may leave.
    fn send_first_in_order(&self, outlet: &impl Outlet<R>) {
        let mut buf = self.take_buf();
        let mut group = None;
        if let Some(groups) = &self.groups_in_order {
            groups.borrow_mut().forget_all();
        }
        while buf.len() < self.options.max_batch {
            let Some(entry) = self.waiting.borrow_mut().pop() else { break };
            if !self.is_wanted(&entry) {
                self.forget(entry);
                continue;
            }
            if let Some(groups) = &self.groups_in_order {
                match self.guarded(|| groups.borrow_mut().number(&entry.key)) {
                    Ok(number) if *group.get_or_insert(number) == number => {}
                    Ok(_) => {
                        self.waiting.borrow_mut().put_back(entry);
                        break;
                    }
                    Err(fault) => {
                        self.fail_one(entry, &fault);
                        continue;
                    }
                }
            }
            buf.push(entry);
        }
        self.send_parts(buf, None, outlet);
    }

    /// Puts those that are in no group yet into theirs.
    fn find_groups(&self, grouped: &RefCell<GroupedRequests<R::Key>>) {
        loop {
            let Some(entry) = self.waiting.borrow_mut().pop() else { return };
            if !self.is_wanted(&entry) {
                self.forget(entry);
                continue;
            }
            match self.guarded(|| grouped.borrow_mut().number(&entry.key)) {
                Ok(group) => grouped.borrow_mut().push(group, entry),
                Err(fault) => self.fail_one(entry, &fault),
            }
        }
    }

    /// Each group that its own limit does not hold leaves, as far as there is room for it beside
    /// all others.
    fn send_groups(&self, grouped: &RefCell<GroupedRequests<R::Key>>, outlet: &impl Outlet<R>) {
        while outlet.is_open() && !self.is_held_by_others() {
            let Some(group) = grouped.borrow().next_ready() else { return };
            let buf = self.buf_from(&mut || grouped.borrow_mut().pop(group));
            self.send_parts(buf, Some(group), outlet);
        }
    }

    /// Sends what may leave together, in parts if it is too much for one batch.
    fn send_parts(&self, mut buf: BufOf<R>, group: Option<u32>, outlet: &impl Outlet<R>) {
        if buf.is_empty() {
            return self.recycle(buf);
        }
        if buf.len() <= self.options.max_batch {
            return self.send_one(buf, Part { group, split: None }, outlet);
        }
        let parts = buf.drain_into_parts(self.options.max_batch, || self.take_buf());
        self.recycle(buf);
        let split = Some(self.in_flight.split());
        for part in parts.into_iter().take_while(|_| outlet.is_open()) {
            self.send_one(part, Part { group, split }, outlet);
        }
    }

    /// Sends a batch; out of line, for all places but the most frequent one.
    #[inline(never)]
    fn send_one(&self, buf: BufOf<R>, part: Part, outlet: &impl Outlet<R>) {
        self.send_now(buf, self.shared.next_batch(), part, outlet);
    }

    /// The same, in line, as the batch of that number: most leave as they have gathered.
    #[inline(always)]
    pub(super) fn send_now(
        &self,
        mut buf: BufOf<R>,
        batch: u64,
        part: Part,
        outlet: &impl Outlet<R>,
    ) {
        buf.batch = batch;
        if self.shared.observers().has_observer() {
            self.emit_sent(&buf);
        }
        if let Some(copy_key) = self.copies_keys {
            if let Err(fault) = self.guarded(|| buf.copy_keys(copy_key)) {
                return self.fail_all(buf, &fault);
            }
        }
        outlet.hand_over(buf, part);
    }

    /// Fails a request that code around the dispatcher has failed, as a batch of its own.
    #[cold]
    pub(super) fn fail_one(&self, entry: QueuedRequest<R::Key>, fault: &Fault) {
        let mut buf = self.take_buf();
        buf.push(entry);
        buf.batch = self.shared.next_batch();
        if self.shared.observers().has_observer() {
            self.emit_sent(&buf);
        }
        self.fail_all(buf, fault);
    }

    #[cold]
    fn emit_sent(&self, buf: &BufOf<R>) {
        let shown = ShownKeys { keys: &buf.keys, show: self.options.show_key };
        self.shared.observers().emit(|| Event::BatchSent {
            dispatcher: R::name(),
            batch: buf.batch,
            len: buf.keys.len(),
            keys: &shown,
        });
    }

    /// A flight will be answered later.
    pub(crate) fn begin(&self, buf: BufOf<R>, part: Part) -> InFlightId {
        let shared = &self.shared;
        shared.host.inline_budget.end();
        let mut flight = InFlight::new(buf, part);
        shared.in_flight.set(shared.in_flight.get() + 1);
        let is_first = part.split.is_none_or(|split| self.in_flight.part_leaves(split));
        if is_first && !self.options.unbatched {
            match (&self.grouped, part.group) {
                (Some(grouped), Some(group)) => grouped.borrow_mut().batch_leaves(group),
                _ => self.quota_used.set(self.quota_used.get() + 1),
            }
            shared.quota_used.set(shared.quota_used.get() + 1);
        }
        let id = self.in_flight.next();
        if let Some(limit) = self.options.timeout {
            flight.alarm =
                Some(shared.set_alarm(limit, Due::InFlight { queue: self.number, flight: id }));
        }
        if let Some(pending_keys) = &self.pending_keys {
            let mut pending_keys = pending_keys.borrow_mut();
            (0..flight.buf.len()).for_each(|position| {
                pending_keys.set_place(flight.buf.seq(position), Some((id, position)))
            });
        }
        self.in_flight.put(id, flight);
        self.listen_for_drops();
        self.watch(id);
        id
    }

    /// The future that answers a flight has started, and is not over: its number.
    #[inline]
    pub(crate) fn future_has_started(&self, id: InFlightId, future: u32) {
        self.in_flight.with(id, |flight| flight.future = Some(future));
    }

    /// A function on a thread pool gets the slots of a flight.
    #[cfg(feature = "blocking")]
    #[inline]
    pub(crate) fn job_has_started(&self, id: InFlightId) {
        self.in_flight.with(id, |flight| flight.is_with_a_job = true);
    }

    /// A mailbox for the slots of a flight, which are answered with `A`.
    #[inline]
    pub(crate) fn new_mailbox<A>(&self, id: InFlightId, slots: usize) -> Mailbox<R::Key, A> {
        let ring = self.shared.host.ring.clone();
        Mailbox::new(slots, ring, self.number, id, self.options.show_key)
    }

    /// Has a flight read its mailbox, and gives it back the memory of its keys.
    #[inline]
    pub(crate) fn attach_mailbox<A: 'static>(
        &self,
        id: InFlightId,
        keys: Vec<R::Key>,
        reader: MailboxReader<R::Key, A, R::Answer>,
    ) {
        debug_assert!(keys.is_empty());
        self.in_flight.with(id, |flight| {
            flight.buf.keys = keys;
            flight.mailbox = Some(Rc::new(reader));
        });
    }

    /// Some requests have paused long enough.
    pub(crate) fn end_pause(&self, alarm: Alarm) {
        self.waiting.borrow_mut().end_pause(alarm);
        self.list();
    }

    /// Has requests go out again after a pause, those with the same pause together.
    pub(super) fn try_again(&self, entries: Vec<(Duration, QueuedRequest<R::Key>)>) {
        let mut by_pause: BTreeMap<Duration, Vec<QueuedRequest<R::Key>>> = BTreeMap::new();
        for (pause, entry) in entries {
            if let Some(pending_keys) = &self.pending_keys {
                pending_keys.borrow_mut().set_place(entry.seq, None);
            }
            by_pause.entry(pause).or_default().push(entry);
        }
        for (pause, entries) in by_pause {
            if pause.is_zero() {
                entries.into_iter().for_each(|entry| self.waiting.borrow_mut().push(entry));
                self.list();
            } else {
                let alarm = self.shared.set_alarm(pause, Due::Retries { queue: self.number });
                self.waiting.borrow_mut().pause(alarm, entries);
                self.listen_for_drops();
            }
        }
    }
}

const _: () = assert!(NO_SEQ.number == 0, "numbers of requests begin behind it");
