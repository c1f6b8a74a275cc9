//! Dedup: equal keys are sent once. Keeps track of who else waits for a key that is queued or in
//! flight.
//!
//! The first request for a key *leads*: it gets a seq and is sent as any other request. Requests
//! for the key *follow* until the answer is there: their waiters are noted here, under the seq,
//! wherever the lead is meanwhile (queued, in flight, pausing before a retry). When the answer
//! comes, the holder of the seq (the batch, at that position) takes the followers out. A seq that
//! is no longer valid, because the key was invalidated, takes out no followers, and its answer is
//! not cached.
//!
//! What is known of a pending key is in a row of a table, whose number is part of the seq; an index
//! finds the row of a key. So a key is hashed once, when it is asked for, and followers are found
//! by the seq alone: if code of the user's panics while it compares keys, no waiter is lost. Rows
//! are reused; numbers of seqs are not, so a seq whose row belongs to another key is known to be
//! invalid.
//!
//! Complexity: followers that were dropped are removed when they are half of all, and each is
//! looked at once. So asking and withdrawing cost the same however many did so before.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;

use super::bounds::{HashKey, OrdKey};
use super::seq::Seq;
use crate::dispatch::ids::{InFlightId, Waiter};
use crate::dispatch::limits::MAX_SPARES;

/// Finds the row of a key, by hash or by order.
trait Index<K> {
    /// Returns the row of an equal key; if there is none, the hash of `key` (0 where keys are not
    /// hashed). Runs code of the user's.
    fn find(&self, key: &K, rows: &[Option<PendingKey<K>>]) -> Result<u32, u64>;

    /// Adds a key that `find` did not find.
    fn add(&mut self, key: &LeadKey<K>, rows: &[Option<PendingKey<K>>]);

    /// Removes a key whose row was emptied, or that is closed. Does nothing if it was removed.
    fn remove(&mut self, key: &LeadKey<K>);

    /// Removes all keys. Returns the ones that the index owns, to be dropped where nothing is
    /// borrowed.
    fn clear(&mut self) -> Option<Box<dyn Index<K>>>;
}

/// An index by hash. Only `find` runs code of the user's: the other functions compare rows.
#[derive(Default)]
struct ByHash {
    hasher: RandomState,
    rows: HashTable<u32>,
}

impl<K: Hash + Eq> Index<K> for ByHash {
    fn find(&self, key: &K, rows: &[Option<PendingKey<K>>]) -> Result<u32, u64> {
        let hash = self.hasher.hash_one(key);
        let is_equal =
            |row: &u32| rows[*row as usize].as_ref().is_some_and(|row| row.lead.key == *key);
        self.rows.find(hash, is_equal).copied().ok_or(hash)
    }

    fn add(&mut self, key: &LeadKey<K>, rows: &[Option<PendingKey<K>>]) {
        self.rows.insert_unique(key.hash, key.seq.row, |row| {
            rows[*row as usize].as_ref().map_or(0, |row| row.lead.hash)
        });
    }

    fn remove(&mut self, key: &LeadKey<K>) {
        if let Ok(row) = self.rows.find_entry(key.hash, |row| *row == key.seq.row) {
            row.remove();
        }
    }

    fn clear(&mut self) -> Option<Box<dyn Index<K>>> {
        // Keeps the capacity for the next run.
        self.rows.clear();
        None
    }
}

/// An index by order. A key may still have a seq that is no longer valid, if code of the user's
/// panicked while the key was removed; `find` ignores such a key.
impl<K: OrdKey> Index<K> for BTreeMap<K, Seq> {
    fn find(&self, key: &K, rows: &[Option<PendingKey<K>>]) -> Result<u32, u64> {
        let seq = self
            .get(key)
            .filter(|seq| rows[seq.row as usize].as_ref().is_some_and(|row| row.lead.seq == **seq));
        seq.map(|seq| seq.row).ok_or(0)
    }

    fn add(&mut self, key: &LeadKey<K>, _: &[Option<PendingKey<K>>]) {
        self.insert(key.key.clone(), key.seq);
    }

    fn remove(&mut self, key: &LeadKey<K>) {
        // Another request leads if the key was closed.
        if self.get(&key.key) == Some(&key.seq) {
            BTreeMap::remove(self, &key.key);
        }
    }

    fn clear(&mut self) -> Option<Box<dyn Index<K>>> {
        (!self.is_empty()).then(|| Box::new(std::mem::take(self)) as Box<dyn Index<K>>)
    }
}

/// How equal keys are found and answers copied. Functions rather than bounds, so that only
/// dispatchers with dedup need keys and answers that can be compared and cloned.
#[doc(hidden)]
pub struct Dedup<K, A> {
    index: fn() -> Box<dyn Index<K>>,
    pub(crate) copy_key: fn(&K) -> K,
    pub(crate) copy_answer: fn(&A) -> A,
}

impl<K, A> Clone for Dedup<K, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, A> Copy for Dedup<K, A> {}

impl<K, A> fmt::Debug for Dedup<K, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dedup")
    }
}

impl<K, A: Clone> Dedup<K, A> {
    /// Finds equal keys by hash.
    pub(crate) const fn by_hash() -> Self
    where
        K: HashKey,
    {
        Dedup { index: || Box::new(ByHash::default()), copy_key: K::clone, copy_answer: A::clone }
    }

    /// Finds equal keys by order.
    pub(crate) const fn by_order() -> Self
    where
        K: OrdKey,
    {
        Dedup { index: || Box::new(BTreeMap::new()), copy_key: K::clone, copy_answer: A::clone }
    }
}

impl<K, A> Dedup<K, A> {
    /// Returns this dedup for answers of another type.
    pub(crate) const fn with_answers<B>(self, copy_answer: fn(&B) -> B) -> Dedup<K, B> {
        Dedup { index: self.index, copy_key: self.copy_key, copy_answer }
    }
}

/// A waiter that follows a lead, with its number in the order of asking.
type Follower = (u64, Waiter);

/// Where a request is in flight: the batch, and the position in that batch.
pub(crate) type Place = (InFlightId, usize);

/// The waiters of a pending key.
pub(crate) struct Followers {
    /// The waiter of the lead.
    pub(crate) asker: Waiter,
    /// Where the lead is in flight; `None` while it is queued or pauses.
    pub(crate) place: Option<Place>,
    /// In the order of asking.
    list: Vec<Follower>,
    /// All followers before this index were dropped.
    alive_from: usize,
    /// Followers that were dropped are removed when there are this many.
    prune_at: usize,
    /// Whether the batch in flight still looks here for a live follower. If not, the next follower
    /// has to be reported by `take_watch_again`.
    is_watched: bool,
}

/// A key whose request is queued or in flight, as the index knows it.
pub(crate) struct LeadKey<K> {
    seq: Seq,
    hash: u64,
    pub(crate) key: K,
}

/// A row of `PendingKeys`: a key with its waiters.
pub(crate) struct PendingKey<K> {
    pub(crate) lead: LeadKey<K>,
    pub(crate) shared: Followers,
}

/// A smaller number of followers is not checked for followers that were dropped; the memory of more
/// followers is not reused.
const FEW_FOLLOWERS: usize = 32;

impl Followers {
    fn new(asker: Waiter) -> Self {
        Followers {
            asker,
            place: None,
            list: Vec::new(),
            alive_from: 0,
            prune_at: FEW_FOLLOWERS,
            is_watched: true,
        }
    }

    /// Adds a follower.
    fn push(&mut self, follower: Follower, is_alive: &dyn Fn(Waiter) -> bool) {
        if self.list.len() >= self.prune_at {
            // As many followers were added since the last time as were left then, so this is O(1)
            // amortized.
            self.list.retain(|(_, waiter)| is_alive(*waiter));
            self.alive_from = 0;
            self.prune_at = FEW_FOLLOWERS.max(2 * self.list.len());
        }
        self.list.push(follower);
    }

    /// Returns the first live follower. Continues from where the last one was found, as a waiter
    /// that was dropped is never alive again; so all calls together are linear.
    fn first_alive(&mut self, is_alive: &dyn Fn(Waiter) -> bool) -> Option<Waiter> {
        let rest = &self.list[self.alive_from..];
        let found = rest.iter().position(|(_, waiter)| is_alive(*waiter));
        self.alive_from += found.unwrap_or(rest.len());
        self.list.get(self.alive_from).map(|(_, waiter)| *waiter)
    }

    /// Whether there are followers, dropped ones included.
    pub(crate) fn has_followers(&self) -> bool {
        !self.list.is_empty()
    }

    /// Removes all followers. Returns the live ones, in the order of asking.
    pub(crate) fn drain_followers(
        &mut self,
        is_alive: impl Fn(Waiter) -> bool,
    ) -> impl Iterator<Item = Follower> {
        self.list.drain(..).skip(self.alive_from).filter(move |(_, waiter)| is_alive(*waiter))
    }
}

/// The keys of one queue whose requests are queued or in flight, with their followers.
pub(crate) struct PendingKeys<K> {
    rows: Vec<Option<PendingKey<K>>>,
    /// Indices of empty rows.
    free: Vec<u32>,
    index: Box<dyn Index<K>>,
    /// Empty vectors for followers.
    spare: Vec<Vec<Follower>>,
    /// Seqs of queued requests that have been answered already, by `answer`, and must not be sent.
    answered: HashSet<Seq>,
    /// Places in flight that had no live waiter, and have a follower again.
    watch_again: Vec<Place>,
    copy_key: fn(&K) -> K,
    /// The number of the latest request, lead or follower.
    last_number: u64,
}

impl<K> PendingKeys<K> {
    pub(crate) fn new<A>(dedup: Dedup<K, A>) -> Self {
        PendingKeys {
            rows: Vec::new(),
            free: Vec::new(),
            index: (dedup.index)(),
            spare: Vec::new(),
            answered: HashSet::new(),
            watch_again: Vec::new(),
            copy_key: dedup.copy_key,
            last_number: 0,
        }
    }

    // ── functions that run code of the user's: keys are hashed, compared, copied ──

    /// Returns a new seq if the key is not pending: the request leads. Otherwise makes the waiter a
    /// follower, and returns `None`.
    pub(crate) fn lead_or_follow(
        &mut self,
        key: &K,
        waiter: Waiter,
        is_alive: &dyn Fn(Waiter) -> bool,
    ) -> Option<Seq> {
        self.last_number += 1;
        let hash = match self.index.find(key, &self.rows) {
            Ok(row) => {
                self.follow(row, waiter, is_alive);
                return None;
            }
            Err(hash) => hash,
        };
        let key = (self.copy_key)(key);
        let row = self.free.last().copied().unwrap_or(self.rows.len() as u32);
        let lead = LeadKey { seq: Seq { number: self.last_number, row }, hash, key };
        self.index.add(&lead, &self.rows);
        // Nothing panics below, so the index and the rows agree.
        let seq = lead.seq;
        let row = Some(PendingKey { lead, shared: Followers::new(waiter) });
        match self.free.pop() {
            Some(free) => self.rows[free as usize] = row,
            None => self.rows.push(row),
        }
        Some(seq)
    }

    /// Removes a key whose row was taken from the index.
    pub(crate) fn forget(&mut self, key: &LeadKey<K>) {
        self.index.remove(key);
    }

    /// Closes a key: later requests for it lead anew. Its followers still get its answer.
    pub(crate) fn close(&mut self, seq: Seq) {
        let PendingKeys { rows, index, .. } = self;
        let row = rows.get(seq.row as usize).and_then(Option::as_ref);
        if let Some(PendingKey { lead, .. }) = row.filter(|row| row.lead.seq == seq) {
            index.remove(lead);
        }
    }

    /// Invalidates the seq of a key in flight, as its answer may be out of date. Returns the row,
    /// with the followers. A request that was not sent yet will be answered with fresh data anyway,
    /// and is left alone.
    pub(crate) fn invalidate(&mut self, key: &K) -> Option<PendingKey<K>> {
        let seq = self.seq(key)?;
        self.followers(seq)?.place?;
        self.take_and_forget(seq)
    }

    /// Invalidates the seqs of all keys in flight. Returns the rows in the order of asking.
    pub(crate) fn invalidate_all(&mut self) -> Vec<PendingKey<K>> {
        let is_in_flight = |row: &&PendingKey<K>| row.shared.place.is_some();
        let mut seqs: Vec<Seq> =
            self.rows.iter().flatten().filter(is_in_flight).map(|row| row.lead.seq).collect();
        seqs.sort_by_key(|seq| seq.number);
        seqs.into_iter().filter_map(|seq| self.take_and_forget(seq)).collect()
    }

    /// Ends a pending key that is answered otherwise. Returns the row, whose waiters are to get
    /// that answer. A lead that was not sent yet is marked as answered, and will not be sent.
    pub(crate) fn answer(&mut self, key: &K) -> Option<PendingKey<K>> {
        let seq = self.seq(key)?;
        let row = self.take_and_forget(seq)?;
        if row.shared.place.is_none() {
            self.answered.insert(seq);
        }
        Some(row)
    }

    /// Returns the seq of a key, if the key is pending.
    fn seq(&self, key: &K) -> Option<Seq> {
        let row = self.index.find(key, &self.rows).ok()?;
        self.rows[row as usize].as_ref().map(|row| row.lead.seq)
    }

    fn take_and_forget(&mut self, seq: Seq) -> Option<PendingKey<K>> {
        let row = self.take(seq)?;
        self.forget(&row.lead);
        Some(row)
    }

    // ── functions that do not ──

    /// Makes a waiter a follower of the key in a row.
    fn follow(&mut self, row: u32, waiter: Waiter, is_alive: &dyn Fn(Waiter) -> bool) {
        let Some(PendingKey { shared: followers, .. }) = &mut self.rows[row as usize] else {
            return;
        };
        if followers.list.capacity() == 0 {
            followers.list = self.spare.pop().unwrap_or_default();
        }
        followers.push((self.last_number, waiter), is_alive);
        if let (false, Some(place)) = (followers.is_watched, followers.place) {
            followers.is_watched = true;
            self.watch_again.push(place);
        }
    }

    /// Takes the row of a key whose answer is there; the caller removes the key by `forget`.
    /// Returns `None` if the seq is no longer valid.
    pub(crate) fn take(&mut self, seq: Seq) -> Option<PendingKey<K>> {
        let row = self.rows.get_mut(seq.row as usize)?.take_if(|row| row.lead.seq == seq)?;
        self.free.push(seq.row);
        Some(row)
    }

    /// Reuses the memory of followers that were drained.
    pub(crate) fn put_back(&mut self, Followers { list, .. }: &mut Followers) {
        debug_assert!(list.is_empty());
        if list.capacity() <= FEW_FOLLOWERS && self.spare.len() < MAX_SPARES {
            self.spare.push(std::mem::take(list));
        }
    }

    /// Returns the waiters of a pending key, if the seq is valid.
    fn followers(&mut self, seq: Seq) -> Option<&mut Followers> {
        let row = self.rows.get_mut(seq.row as usize)?.as_mut()?;
        (row.lead.seq == seq).then_some(&mut row.shared)
    }

    /// Whether the seq is that of a pending key, and not invalidated.
    pub(crate) fn is_valid(&mut self, seq: Seq) -> bool {
        self.followers(seq).is_some()
    }

    /// Returns a live follower.
    pub(crate) fn follower(
        &mut self,
        seq: Seq,
        is_alive: &dyn Fn(Waiter) -> bool,
    ) -> Option<Waiter> {
        self.followers(seq)?.first_alive(is_alive)
    }

    /// Returns a live follower, through which a batch in flight is watched. If there is none, the
    /// batch does not ask again until `take_watch_again` returns the place of this key.
    pub(crate) fn watch(&mut self, seq: Seq, is_alive: &dyn Fn(Waiter) -> bool) -> Option<Waiter> {
        let followers = self.followers(seq)?;
        let alive = followers.first_alive(is_alive);
        followers.is_watched = alive.is_some();
        alive
    }

    /// Takes the places that had no live waiter, and have a follower again.
    pub(crate) fn take_watch_again(&mut self) -> Vec<Place> {
        std::mem::take(&mut self.watch_again)
    }

    /// Whether some queued requests may have been answered by `answer`.
    pub(crate) fn has_answered(&self) -> bool {
        !self.answered.is_empty()
    }

    /// Whether a queued request was answered by `answer`.
    pub(crate) fn is_answered(&self, seq: Seq) -> bool {
        self.has_answered() && self.answered.contains(&seq)
    }

    /// Forgets that a queued request was answered, as the request is dropped.
    pub(crate) fn forget_answered(&mut self, seq: Seq) {
        self.answered.remove(&seq);
    }

    /// Notes that a request is in flight at `place`, or with `None` that it is requeued.
    pub(crate) fn set_place(&mut self, seq: Seq, place: Option<Place>) {
        if let Some(followers) = self.followers(seq) {
            followers.place = place;
            followers.is_watched = true;
        }
    }

    /// Removes everything. Returns the keys, to be dropped where nothing is borrowed.
    pub(crate) fn clear(&mut self) -> impl Sized + use<K> {
        self.free.clear();
        self.answered.clear();
        self.watch_again.clear();
        (self.rows.drain(..).flatten().collect::<Vec<_>>(), self.index.clear())
    }
}

#[cfg(test)]
mod tests;
