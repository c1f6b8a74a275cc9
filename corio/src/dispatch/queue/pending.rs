//! The requests of one queue that wait to be sent: gathered ones, those behind a limit or waiting
//! for their turn, and paused ones.
//!
//! Most queues gather in a buffer that leaves as it is. Where the order of requests matters
//! (`ordered`), or equal keys are looked for (dedup), each request gets a sequence number and waits
//! in a backlog, which is sorted by these numbers: so a requeued request comes before everything
//! that was asked after it, whenever the request is requeued. Where groups may overtake each other,
//! each group has a backlog of its own (`grouped.rs`), and only requests that are in no group yet
//! are here.
//!
//! Invariants:
//!
//! - `coalesced` holds requests only while `backlog` is empty, as its requests come after those of
//!   the backlog. So the buffer can leave as it is. Methods that use the backlog flush it first.
//! - `paused_len` is the number of requests in `paused`.
//!
//! No method runs user code: keys are never compared, cloned or dropped here, but returned to the
//! caller.

use std::collections::BTreeMap;
use std::mem;

use super::backlog::Backlog;
use crate::dispatch::buffer::{BatchBuf, PooledBuf, QueuedRequest};
use crate::dispatch::ids::Waiter;
use crate::util::{Alarm, push_within_capacity};

/// The requests of one queue that wait to be sent.
pub(super) struct PendingRequests<K, A> {
    /// Requests as they were asked, in that order, not looked at yet.
    gathered: PooledBuf<K, A>,
    /// With dedup, the leaders among the gathered requests, with their sequence numbers. The buffer
    /// can leave as it is.
    coalesced: Option<PooledBuf<K, A>>,
    /// Requests that are held or requeued, and those moved here to be sorted into a batch.
    backlog: Backlog<K>,
    /// Requests that are retried later, by the alarm that ends their pause.
    paused: BTreeMap<Alarm, Vec<QueuedRequest<K>>>,
    /// Number of paused requests.
    paused_len: usize,
}

impl<K, A> PendingRequests<K, A> {
    /// No requests; those that are asked gather in `buf`.
    pub(super) fn new(buf: PooledBuf<K, A>) -> Self {
        PendingRequests {
            gathered: buf,
            coalesced: None,
            backlog: Backlog::default(),
            paused: BTreeMap::new(),
            paused_len: 0,
        }
    }

    /// Adds a request. Returns whether it is the first.
    #[inline]
    pub(super) fn gather(&mut self, waiter: Waiter, key: K) -> bool {
        let is_first = self.gathered.is_empty();
        self.gathered.waiters.push(waiter);
        self.gathered.keys.push(key);
        is_first
    }

    /// Adds a request if others have gathered and the buffers need not grow; otherwise returns the
    /// key. Nothing in this function can call the allocator.
    #[inline(always)]
    pub(super) fn gather_within_capacity(&mut self, waiter: Waiter, key: K) -> Result<(), K> {
        let BatchBuf { waiters, keys, .. } = &mut *self.gathered;
        if waiters.is_empty() || waiters.len() == waiters.capacity() {
            return Err(key);
        }
        push_within_capacity(keys, key)?;
        let is_pushed = push_within_capacity(waiters, waiter).is_ok();
        debug_assert!(is_pushed, "the capacity was checked");
        Ok(())
    }

    /// Number of gathered requests.
    #[inline]
    pub(super) fn gathered_len(&self) -> usize {
        self.gathered.len()
    }

    /// Takes the gathered requests; later ones gather in `spare`.
    pub(super) fn take_gathered(&mut self, spare: PooledBuf<K, A>) -> PooledBuf<K, A> {
        mem::replace(&mut self.gathered, spare)
    }

    /// Keeps the larger of `spare` and the present buffer to gather in, and returns the other one.
    /// Nothing may have gathered.
    pub(super) fn gather_in_larger(&mut self, mut spare: PooledBuf<K, A>) -> PooledBuf<K, A> {
        debug_assert!(self.gathered.is_empty());
        if spare.waiters.capacity() > self.gathered.waiters.capacity() {
            mem::swap(&mut spare, &mut self.gathered);
        }
        spare
    }

    /// Takes the backlog and the paused requests, to be dropped by the caller.
    pub(super) fn take_rest(&mut self) -> impl Sized + use<K, A> {
        self.paused_len = 0;
        (mem::take(&mut self.backlog), mem::take(&mut self.paused))
    }

    /// Adds leaders. Returns an empty buffer, if one is left over.
    pub(super) fn add_coalesced(&mut self, mut buf: PooledBuf<K, A>) -> Option<PooledBuf<K, A>> {
        if self.has_backlog() {
            self.flush_coalesced();
            buf.drain().for_each(|entry| self.backlog.push(entry));
        }
        if buf.is_empty() {
            return Some(buf);
        }
        self.coalesced.replace(buf)
    }

    /// Takes the coalesced requests, if there are any and at most `at_most`.
    pub(super) fn take_coalesced(&mut self, at_most: usize) -> Option<PooledBuf<K, A>> {
        self.coalesced.take_if(|coalesced| (1..=at_most).contains(&coalesced.len()))
    }

    /// Moves the coalesced requests to the backlog.
    #[inline]
    fn flush_coalesced(&mut self) {
        if self.coalesced_len() > 0 {
            self.flush_coalesced_slow();
        }
    }

    #[cold]
    fn flush_coalesced_slow(&mut self) {
        let PendingRequests { coalesced, backlog, .. } = self;
        coalesced
            .iter_mut()
            .for_each(|coalesced| coalesced.drain().for_each(|entry| backlog.push(entry)));
    }

    /// Adds a request to the backlog.
    pub(super) fn push(&mut self, entry: QueuedRequest<K>) {
        self.flush_coalesced();
        self.backlog.push(entry);
    }

    /// Takes the first request of the backlog.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<QueuedRequest<K>> {
        self.flush_coalesced();
        self.backlog.pop()
    }

    /// Puts back the request that was popped last.
    pub(super) fn put_back(&mut self, entry: QueuedRequest<K>) {
        self.backlog.put_back(entry);
    }

    /// Whether requests wait in the backlog, or are coalesced.
    pub(super) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty() || self.coalesced_len() > 0
    }

    fn coalesced_len(&self) -> usize {
        self.coalesced.as_ref().map_or(0, |coalesced| coalesced.len())
    }

    /// Whether no request waits, paused ones aside.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.gathered.is_empty() && !self.has_backlog()
    }

    /// Number of waiting requests, paused ones included.
    pub(super) fn len(&self) -> usize {
        self.gathered.len() + self.coalesced_len() + self.backlog.len() + self.paused_len
    }

    /// Adds requests that are paused until this alarm.
    pub(super) fn pause(&mut self, alarm: Alarm, entries: Vec<QueuedRequest<K>>) {
        self.paused_len += entries.len();
        self.paused.insert(alarm, entries);
    }

    /// Number of paused requests.
    pub(super) fn paused_len(&self) -> usize {
        self.paused_len
    }

    /// Whether any request is paused.
    pub(super) fn has_paused(&self) -> bool {
        self.paused_len > 0
    }

    /// Moves the requests that were paused until this alarm to the backlog.
    pub(super) fn end_pause(&mut self, alarm: Alarm) {
        for entry in self.paused.remove(&alarm).unwrap_or_default() {
            self.paused_len -= 1;
            self.push(entry);
        }
    }

    /// Moves requests of the backlog that `is_wanted` rejects to `unwanted`.
    pub(super) fn take_unwanted(
        &mut self,
        is_wanted: &mut dyn FnMut(&QueuedRequest<K>) -> bool,
        unwanted: &mut Vec<QueuedRequest<K>>,
    ) {
        self.flush_coalesced();
        self.backlog.take_unwanted(is_wanted, unwanted);
    }

    /// Moves paused requests that `is_wanted` rejects to `unwanted`. Returns the alarms that no
    /// request waits for any more.
    pub(super) fn take_unwanted_paused(
        &mut self,
        is_wanted: &mut dyn FnMut(&QueuedRequest<K>) -> bool,
        unwanted: &mut Vec<QueuedRequest<K>>,
    ) -> Vec<Alarm> {
        let (before, mut alarms) = (unwanted.len(), Vec::new());
        self.paused.retain(|alarm, entries| {
            let (wanted, rest): (Vec<_>, Vec<_>) =
                mem::take(entries).into_iter().partition(&mut *is_wanted);
            *entries = wanted;
            unwanted.extend(rest);
            if entries.is_empty() {
                alarms.push(*alarm);
            }
            !entries.is_empty()
        });
        self.paused_len -= unwanted.len() - before;
        alarms
    }

    /// Takes out gathered requests whose waiters `is_wanted` rejects. Returns their keys.
    pub(super) fn take_unwanted_gathered(
        &mut self,
        is_wanted: &mut dyn FnMut(Waiter) -> bool,
    ) -> Vec<K> {
        // Coalesced requests may be unwanted too. In the backlog they are checked when their batch
        // leaves.
        self.flush_coalesced();
        self.gathered.take_unwanted(is_wanted)
    }
}
