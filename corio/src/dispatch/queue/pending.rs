//! What waits to be sent: requests that have gathered, those that wait behind a limit or for their
//! turn, and those that pause before they are tried again.
//!
//! Most queues gather in a load that leaves as it is. Where the order of requests matters
//! (`ordered`), or equal keys are looked for (dedup), each gets a number in the order of
//! asking, its ticket, and waits in a backlog, which is sorted by it: so what comes back to be
//! tried again is before everything that was asked later, whenever it comes. Where groups may
//! overtake each other, each has a backlog of its own (`groups.rs`), and here is what is in none
//! yet.

use std::collections::BTreeMap;
use std::mem;

use super::backlog::Backlog;
use crate::dispatch::buffer::{BatchBuf, PooledBuf, QueuedRequest};
use crate::dispatch::ids::Waiter;
use crate::util::Alarm;

pub(super) struct PendingRequests<K, A> {
    gathered: PooledBuf<K, A>,
    /// With dedup, what has gathered and is to go out, each with its ticket: what waits after the
    /// backlog, and only while that is empty. So it can leave as it is.
    coalesced: Option<PooledBuf<K, A>>,
    backlog: Backlog<K>,
    /// By the alarm that ends their pause.
    paused: BTreeMap<Alarm, Vec<QueuedRequest<K>>>,
    pausing: usize,
}

impl<K, A> PendingRequests<K, A> {
    /// Nothing waits; what comes gathers in `buf`.
    pub(super) fn gathering_in(buf: PooledBuf<K, A>) -> Self {
        PendingRequests {
            gathered: buf,
            coalesced: None,
            backlog: Backlog::default(),
            paused: BTreeMap::new(),
            pausing: 0,
        }
    }

    /// Whether nothing had gathered before.
    #[inline]
    pub(super) fn gather(&mut self, waiter: Waiter, key: K) -> bool {
        let first = self.gathered.is_empty();
        self.gathered.waiters.push(waiter);
        self.gathered.keys.push(key);
        first
    }

    /// The same, if something has gathered and there is room for more; gives back the key if not.
    /// Nothing in it can call the allocator, which saves the registers that `push` keeps for that.
    #[inline(always)]
    pub(super) fn gather_within_capacity(&mut self, waiter: Waiter, key: K) -> Result<(), K> {
        let BatchBuf { waiters, keys, .. } = &mut *self.gathered;
        let (before, keys_before) = (waiters.len(), keys.len());
        match (waiters.spare_capacity_mut(), keys.spare_capacity_mut()) {
            ([of_waiter, ..], [of_key, ..]) if before > 0 => {
                of_waiter.write(waiter);
                of_key.write(key);
            }
            _ => return Err(key),
        }
        // SAFETY: the place behind the last has just been written in both.
        unsafe {
            waiters.set_len(before + 1);
            keys.set_len(keys_before + 1);
        }
        Ok(())
    }

    #[inline]
    pub(super) fn gathered_len(&self) -> usize {
        self.gathered.len()
    }

    /// Takes what has gathered, and gathers in `spare` from now on.
    pub(super) fn take_gathered(&mut self, spare: PooledBuf<K, A>) -> PooledBuf<K, A> {
        mem::replace(&mut self.gathered, spare)
    }

    /// Gathers in the roomier of two loads; gives the other.
    pub(super) fn gather_in_roomier(&mut self, mut spare: PooledBuf<K, A>) -> PooledBuf<K, A> {
        debug_assert!(self.gathered.is_empty());
        if spare.waiters.capacity() > self.gathered.waiters.capacity() {
            mem::swap(&mut spare, &mut self.gathered);
        }
        spare
    }

    /// Takes what waits elsewhere.
    pub(super) fn take_others(&mut self) -> impl Sized + use<K, A> {
        self.pausing = 0;
        (mem::take(&mut self.backlog), mem::take(&mut self.paused))
    }

    /// Adds what was settled. Gives back a load that is empty, if there is one.
    pub(super) fn coalesce(&mut self, mut buf: PooledBuf<K, A>) -> Option<PooledBuf<K, A>> {
        if self.has_backlog() {
            self.queue_coalesced();
            buf.drain().for_each(|entry| self.backlog.push(entry));
        }
        if buf.is_empty() {
            return Some(buf);
        }
        self.coalesced.replace(buf)
    }

    /// Takes what was settled, if it is no more than that.
    pub(super) fn take_coalesced(&mut self, at_most: usize) -> Option<PooledBuf<K, A>> {
        self.coalesced.take_if(|coalesced| (1..=at_most).contains(&coalesced.len()))
    }

    /// Has what was settled wait in the backlog.
    #[inline]
    fn queue_coalesced(&mut self) {
        if self.coalesced_len() > 0 {
            self.queue_all_coalesced();
        }
    }

    #[cold]
    fn queue_all_coalesced(&mut self) {
        let PendingRequests { coalesced, backlog, .. } = self;
        coalesced
            .iter_mut()
            .for_each(|coalesced| coalesced.drain().for_each(|entry| backlog.push(entry)));
    }

    pub(super) fn push(&mut self, entry: QueuedRequest<K>) {
        self.queue_coalesced();
        self.backlog.push(entry);
    }

    /// Takes the first of the backlog.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<QueuedRequest<K>> {
        self.queue_coalesced();
        self.backlog.pop()
    }

    /// Puts back the one that was taken last.
    pub(super) fn put_back(&mut self, entry: QueuedRequest<K>) {
        self.backlog.put_back(entry);
    }

    pub(super) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty() || self.coalesced_len() > 0
    }

    fn coalesced_len(&self) -> usize {
        self.coalesced.as_ref().map_or(0, |coalesced| coalesced.len())
    }

    /// Whether nothing waits, but perhaps for the end of a pause.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.gathered.is_empty() && !self.has_backlog()
    }

    /// How many wait, those that pause included.
    pub(super) fn len(&self) -> usize {
        self.gathered.len() + self.coalesced_len() + self.backlog.len() + self.pausing
    }

    pub(super) fn pause(&mut self, until: Alarm, entries: Vec<QueuedRequest<K>>) {
        self.pausing += entries.len();
        self.paused.insert(until, entries);
    }

    pub(super) fn paused_len(&self) -> usize {
        self.pausing
    }

    pub(super) fn is_pausing(&self) -> bool {
        self.pausing > 0
    }

    /// A pause is over.
    pub(super) fn end_pause(&mut self, alarm: Alarm) {
        for entry in self.paused.remove(&alarm).unwrap_or_default() {
            self.pausing -= 1;
            self.push(entry);
        }
    }

    /// Takes out those of the backlog that nobody wants any more.
    pub(super) fn take_unwanted(
        &mut self,
        is_wanted: &mut dyn FnMut(&QueuedRequest<K>) -> bool,
        unwanted: &mut Vec<QueuedRequest<K>>,
    ) {
        self.queue_coalesced();
        self.backlog.take_unwanted(is_wanted, unwanted);
    }

    /// Takes out those that pause and nobody wants any more; gives the alarms that nobody waits for
    /// then.
    pub(super) fn take_unwanted_paused(
        &mut self,
        is_wanted: &mut dyn FnMut(&QueuedRequest<K>) -> bool,
        unwanted: &mut Vec<QueuedRequest<K>>,
    ) -> Vec<Alarm> {
        let (before, mut alarms) = (unwanted.len(), Vec::new());
        self.paused.retain(|alarm, entries| {
            let (wanted, drop_counters): (Vec<_>, Vec<_>) =
                mem::take(entries).into_iter().partition(&mut *is_wanted);
            *entries = wanted;
            unwanted.extend(drop_counters);
            if entries.is_empty() {
                alarms.push(*alarm);
            }
            !entries.is_empty()
        });
        self.pausing -= unwanted.len() - before;
        alarms
    }

    /// Takes out what has gathered and nobody wants any more; gives the keys.
    pub(super) fn take_unwanted_gathered(
        &mut self,
        is_wanted: &mut dyn FnMut(Waiter) -> bool,
    ) -> Vec<K> {
        // Of those that were settled some may be of nobody too: the backlog is looked through when
        // its batch leaves.
        self.queue_coalesced();
        self.gathered.take_unwanted(is_wanted)
    }
}
