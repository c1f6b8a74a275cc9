//! How requests leave: as far as limits allow, as one batch or in parts.
//!
//! The size of a batch is limited in five places. Requests that may leave together and are too many
//! for one batch leave in parts, at the same time (`send_parts`); only in order does the rest wait
//! (`send_first_in_order`). Three shortcuts hand over a buffer as it is, and so look first whether
//! it fits: `take_fast_path`, `take_coalesced` and `is_next_in_order`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::grouped::GroupedRequests;
use super::state::{BufOf, Queue};
use crate::dispatch::buffer::{NO_SEQ, QueuedRequest};
use crate::dispatch::error::Fault;
use crate::dispatch::ids::InFlightId;
use crate::dispatch::in_flight::{InFlight, Mailbox, Part, ReadMailbox};
use crate::dispatch::keys::{Seq, ShownKeys};
use crate::dispatch::options::Options;
use crate::dispatch::request::Request;
use crate::dispatch::shared_state::Due;
use crate::observe::Event;
use crate::util::Alarm;

/// Where batches go: the dispatcher, or its replacement.
pub(crate) trait Outlet<R: Request> {
    /// Whether anything may leave. Asked before each batch, as a dispatcher may cancel its run.
    fn is_open(&self) -> bool;

    /// Hands a batch over. Its answers come back to the queue, during this call or later.
    fn hand_over(&self, buf: BufOf<R>, part: Part);
}

impl<R: Request> Queue<R> {
    /// Sends the waiting requests, unless a limit holds them. If any stay, the queue is listed
    /// again.
    pub(crate) fn send(&self, outlet: &impl Outlet<R>) {
        self.is_listed.set(false);
        self.deliver_cached_now();
        if self.is_held() {
            self.listen_for_drops();
            return self.list();
        }
        // All of `send_waiting` runs as code of the dispatcher: comparing keys and finding groups
        // is user code as well.
        self.shared.with_current_dispatcher(R::name(), || self.send_waiting(outlet));
    }

    /// Delivers cache hits that were to be delivered with the answers of a batch.
    pub(crate) fn deliver_cached_now(&self) {
        if let Some(cached) = self.cached.take() {
            self.push_ready(cached);
        }
    }

    /// Whether requests wait that no limit holds. If not, an alarm is set for those that wait for
    /// the rate.
    pub(crate) fn can_send(&self) -> bool {
        let has_ready_group =
            || self.grouped.as_ref().is_some_and(|grouped| grouped.borrow().next_ready().is_some());
        let can_send = !self.is_held() && (!self.waiting.borrow().is_empty() || has_ready_group());
        if !can_send {
            self.wait_for_rate();
        }
        can_send
    }

    /// Whether a limit or the barrier holds all waiting requests.
    pub(super) fn is_held(&self) -> bool {
        !self.options.unbatched && (self.is_full() || self.is_held_by_others())
    }

    /// Whether its own limits, or the order of its requests, hold all waiting requests.
    pub(crate) fn is_full(&self) -> bool {
        let Options { in_flight, ordered, .. } = self.options;
        let limit = if ordered { 1 } else { in_flight };
        self.quota_used.get() >= limit
            || ordered && self.waiting.borrow().has_paused()
            || self.is_held_by_rate()
    }

    /// Number of requests that wait to be sent, those that pause aside.
    pub(crate) fn unsent_len(&self) -> usize {
        let waiting = self.waiting.borrow();
        waiting.len() - waiting.paused_len()
    }

    /// Whether the barrier or the limit for all dispatchers together holds this queue, whatever it
    /// has in flight itself.
    fn is_held_by_others(&self) -> bool {
        let shared = &self.shared;
        // A dispatcher that answers in place never has a batch in flight.
        shared.barrier_is_up.get()
            || self.is_concurrent && shared.quota_used.get() >= shared.max_in_flight.get()
    }

    /// Sends the waiting requests, as far as groups and order allow.
    #[inline]
    fn send_waiting(&self, outlet: &impl Outlet<R>) {
        match self.take_fast_path() {
            Some(buf) => self.send_batch(buf, self.shared.next_batch(), Part::default(), outlet),
            None => self.send_slow(outlet),
        }
    }

    /// Takes the gathered requests, if they may leave as they are.
    #[inline]
    fn take_fast_path(&self) -> Option<BufOf<R>> {
        let mut waiting = self.waiting.borrow_mut();
        let is_unchanged = self.is_fast_path
            && !waiting.has_backlog()
            && self.drop_epoch.get() == self.shared.drop_epoch.get();
        let fits = (1..=self.options.max_batch).contains(&waiting.gathered_len());
        (is_unchanged && fits).then(|| waiting.take_gathered(self.take_buf()))
    }

    /// Sends the waiting requests where more is to be done than to hand over a buffer.
    #[inline(never)]
    fn send_slow(&self, outlet: &impl Outlet<R>) {
        let coalesced = self.take_coalesced();
        self.drop_unwanted_gathered();
        let had_backlog = self.waiting.borrow().has_backlog();
        if let Some(buf) = coalesced {
            self.send_parts(buf, None, outlet);
        } else if self.is_fast_path && !had_backlog {
            let buf = self.waiting.borrow_mut().take_gathered(self.take_buf());
            self.send_parts(buf, None, outlet);
        } else if !had_backlog && self.is_next_in_order() {
            let mut buf = self.waiting.borrow_mut().take_gathered(self.take_buf());
            self.last_seq.set(buf.number(self.last_seq.get()));
            self.send_parts(buf, None, outlet);
        } else {
            self.add_gathered_to_backlog();
            if self.options.ordered {
                self.send_first_in_order(outlet);
            } else if let Some(grouped) = &self.grouped {
                self.assign_groups(grouped);
                self.send_groups(grouped, outlet);
            } else {
                let room = self.room_for_requests();
                let buf = self.buf_from(room, &mut || self.waiting.borrow_mut().pop());
                self.send_parts(buf, None, outlet);
            }
        }
        if self.has_waiting() {
            self.listen_for_drops();
            self.list();
        }
    }

    /// Whether requests wait to be sent, held or not. Paused requests do not count.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.borrow().is_empty()
            || self.grouped.as_ref().is_some_and(|grouped| grouped.borrow().len() > 0)
    }

    /// With dedup: takes the coalesced requests, if they may leave as they are. Each of them is
    /// wanted unless tasks were dropped, or the cache was primed, since they were coalesced.
    fn take_coalesced(&self) -> Option<BufOf<R>> {
        let is_wanted = !self.pending_keys.as_ref()?.borrow().has_answered()
            && self.drop_epoch.get() == self.shared.drop_epoch.get();
        let Options { ordered, max_batch, groups, .. } = self.options;
        let at_most = if ordered { max_batch } else { self.room_for_requests() };
        if is_wanted && groups.is_none() {
            self.waiting.borrow_mut().take_coalesced(at_most)
        } else {
            None
        }
    }

    /// Whether the gathered requests may leave as one batch of an ordered queue, provided that the
    /// backlog is empty.
    fn is_next_in_order(&self) -> bool {
        let Options { ordered, max_batch, .. } = self.options;
        ordered
            && self.pending_keys.is_none()
            && self.groups_in_order.is_none()
            && self.waiting.borrow().gathered_len() <= max_batch
    }

    /// Moves the gathered requests to the backlog, with sequence numbers if the queue has them.
    fn add_gathered_to_backlog(&self) {
        let mut gathered = self.waiting.borrow_mut().take_gathered(self.take_buf());
        // With dedup each request has its number already, and none has gathered since.
        let assigns_seqs = self.options.ordered && self.pending_keys.is_none();
        for entry in gathered.drain() {
            let seq = if assigns_seqs { Seq::numbered(self.last_seq.get() + 1) } else { entry.seq };
            self.last_seq.set(seq.number.max(self.last_seq.get()));
            self.waiting.borrow_mut().push(QueuedRequest { seq, ..entry });
        }
        self.recycle(gathered);
    }

    /// Fills a buffer with the requests of `next` that are wanted, `at_most` so many, and drops
    /// those that are not.
    fn buf_from(
        &self,
        at_most: usize,
        next: &mut dyn FnMut() -> Option<QueuedRequest<R::Key>>,
    ) -> BufOf<R> {
        let mut buf = self.take_buf();
        while buf.len() < at_most {
            let Some(entry) = next() else { break };
            if self.is_wanted(&entry) {
                buf.push(entry);
            } else {
                self.drop_unwanted(entry);
            }
        }
        buf
    }

    /// Sends the first requests of an ordered queue: at most `max_batch`, all of one group.
    fn send_first_in_order(&self, outlet: &impl Outlet<R>) {
        let mut buf = self.take_buf();
        let mut group = None;
        if let Some(groups) = &self.groups_in_order {
            groups.borrow_mut().forget_all();
        }
        while buf.len() < self.options.max_batch {
            let Some(entry) = self.waiting.borrow_mut().pop() else { break };
            if !self.is_wanted(&entry) {
                self.drop_unwanted(entry);
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

    /// Moves requests that are in no group yet into their groups.
    fn assign_groups(&self, grouped: &RefCell<GroupedRequests<R::Key>>) {
        loop {
            let Some(entry) = self.waiting.borrow_mut().pop() else { return };
            if !self.is_wanted(&entry) {
                self.drop_unwanted(entry);
                continue;
            }
            match self.guarded(|| grouped.borrow_mut().number(&entry.key)) {
                Ok(group) => grouped.borrow_mut().push(group, entry),
                Err(fault) => self.fail_one(entry, &fault),
            }
        }
    }

    /// Sends a batch of each group below its limit, as long as the limit for all dispatchers
    /// together allows it.
    fn send_groups(&self, grouped: &RefCell<GroupedRequests<R::Key>>, outlet: &impl Outlet<R>) {
        while outlet.is_open() && !self.is_held_by_others() {
            let Some(group) = grouped.borrow().next_ready() else { return };
            let room = grouped.borrow().room(group).saturating_mul(self.options.max_batch);
            let buf = self.buf_from(room, &mut || grouped.borrow_mut().pop(group));
            self.send_parts(buf, Some(group), outlet);
        }
    }

    /// Sends requests that may leave together, in parts if they exceed `max_batch`.
    fn send_parts(&self, mut buf: BufOf<R>, group: Option<u32>, outlet: &impl Outlet<R>) {
        if buf.is_empty() {
            return self.recycle(buf);
        }
        if buf.len() <= self.options.max_batch {
            return self.send_batch_slow(buf, Part { group, split: None }, outlet);
        }
        let parts = buf.drain_into_parts(self.options.max_batch, || self.take_buf());
        self.recycle(buf);
        let split = Some(self.in_flight.split());
        for part in parts.into_iter().take_while(|_| outlet.is_open()) {
            self.send_batch_slow(part, Part { group, split }, outlet);
        }
    }

    /// Sends a batch. This copy of `send_batch` is out of line, for all callers but the most
    /// frequent one.
    #[inline(never)]
    fn send_batch_slow(&self, buf: BufOf<R>, part: Part, outlet: &impl Outlet<R>) {
        self.count_for_rate(part);
        self.send_batch(buf, self.shared.next_batch(), part, outlet);
    }

    /// Sends a batch under this number. Inlined, as most requests leave as they have gathered.
    #[inline(always)]
    pub(super) fn send_batch(
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
        if let Some(copy_key) = self.copy_sent_key {
            if let Err(fault) = self.guarded(|| buf.copy_keys(copy_key)) {
                return self.fail_all(buf, &fault);
            }
        }
        outlet.hand_over(buf, part);
    }

    /// Fails a request because of user code outside the dispatcher. The request is reported as a
    /// batch of its own.
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

    /// Emits the event for a batch that leaves.
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

    /// Puts a batch in flight, to be answered later. It counts for the limits, its time-out runs,
    /// and from now on drops of its waiters are noticed.
    pub(crate) fn begin(&self, buf: BufOf<R>, part: Part) -> InFlightId {
        let shared = &self.shared;
        shared.host.inline_budget.end();
        let mut flight = InFlight::new(buf, part);
        shared.in_flight.set(shared.in_flight.get() + 1);
        let is_first = part.split.is_none_or(|split| self.in_flight.part_leaves(split));
        if is_first && !self.options.unbatched {
            match (&self.grouped, part.group) {
                (Some(grouped), Some(group)) => grouped.borrow_mut().begin_batch(group),
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
            for position in 0..flight.buf.len() {
                let seq = flight.buf.seq(position);
                pending_keys.set_place(seq, Some((id, position)));
                if !self.options.joins_in_flight {
                    pending_keys.close(seq);
                }
            }
        }
        self.in_flight.put(id, flight);
        self.listen_for_drops();
        self.watch(id);
        if let Some(listener) = &self.shared.host.listener {
            listener.begins(id);
        }
        id
    }

    /// Notes the number of the future that answers a batch in flight, once the future was polled
    /// and has not ended.
    #[inline]
    pub(crate) fn future_has_started(&self, id: InFlightId, future: u32) {
        self.in_flight.with(id, |flight| flight.future = Some(future));
    }

    /// Notes that a function on a thread pool gets the slots of a batch in flight.
    #[cfg(feature = "blocking")]
    #[inline]
    pub(crate) fn job_has_started(&self, id: InFlightId) {
        self.in_flight.with(id, |flight| flight.is_with_a_job = true);
    }

    /// Creates the mailbox for the slots of a batch in flight, which are answered with `A`.
    #[inline]
    pub(crate) fn new_mailbox<A>(&self, id: InFlightId, slots: usize) -> Mailbox<R::Key, A> {
        let ring = self.shared.host.ring.clone();
        Mailbox::new(slots, ring, self.number, id, self.options.show_key)
    }

    /// Makes a batch in flight read its answers from this mailbox. `keys` is the emptied vector of
    /// its keys, kept for the memory.
    #[inline]
    pub(crate) fn attach_mailbox(
        &self,
        id: InFlightId,
        keys: Vec<R::Key>,
        reader: impl ReadMailbox<R::Key, R::Answer> + 'static,
    ) {
        debug_assert!(keys.is_empty());
        self.in_flight.with(id, |flight| {
            flight.buf.keys = keys;
            flight.mailbox = Some(Rc::new(reader));
        });
    }

    /// Moves the requests that were paused until this alarm to the backlog.
    pub(crate) fn end_pause(&self, alarm: Alarm) {
        self.waiting.borrow_mut().end_pause(alarm);
        self.list();
    }

    /// Requeues requests, each after its pause. Requests with equal pauses share an alarm.
    pub(super) fn requeue_all(&self, entries: Vec<(Duration, QueuedRequest<R::Key>)>) {
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

const _: () = assert!(NO_SEQ.number == 0, "sequence numbers start at 1");
