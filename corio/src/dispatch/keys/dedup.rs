//! Equal keys go out once: who else waits for a key that is queued or on its way.
//!
//! The first who asks for a key *registers* it and gets a ticket; the request goes out as every
//! other. Who asks for it until the answer is there *joins*: its waiter is noted here, by the
//! ticket, wherever the request is meanwhile (queued, on its way, waiting to be tried again). When
//! the answer comes, whoever holds the ticket takes the others out. A ticket that is no longer
//! valid (the key was invalidated) takes nobody out, and its answer is not kept for later.
//!
//! What is known of a key lies in a row of a table, whose number goes with the ticket; an index
//! finds the row of a key. So a key is hashed once, when it is asked for, and those who
//! wait are found by the ticket alone: should the code of the user's that compares keys panic,
//! nobody is lost. Rows are used again; numbers of tickets are not, and so a ticket whose
//! row is another's is known not to be valid.
//!
//! Those who are gone are taken out when they are half of all, and looked at once each: who comes
//! and goes costs the same however many have before.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;

use super::bounds::{HashKey, OrdKey};
use super::seq::Seq;
use crate::dispatch::ids::{InFlightId, Waiter};
use crate::dispatch::limits::MAX_SPARES;

/// Finds the rows of keys, whatever it compares them by.
pub(crate) trait Index<K> {
    /// The row of an equal key; or if there is none, the hash of this one, where keys have one.
    fn find(&self, key: &K, rows: &[Option<PendingKey<K>>]) -> Result<u32, u64>;

    /// Adds a key that was not found.
    fn add(&mut self, key: &LeadKey<K>, rows: &[Option<PendingKey<K>>]);

    /// Forgets a key whose row was emptied.
    fn remove(&mut self, key: &LeadKey<K>);

    /// Forgets all keys, and gives those that it has.
    fn clear(&mut self) -> Option<Box<dyn Index<K>>>;
}

/// Runs no code of the user's but to find a key.
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
        // The memory stays for the next run.
        self.rows.clear();
        None
    }
}

/// A key may still have a ticket that is not valid any more, where code of the user's has panicked.
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
        BTreeMap::remove(self, &key.key);
    }

    fn clear(&mut self) -> Option<Box<dyn Index<K>>> {
        (!self.is_empty()).then(|| Box::new(std::mem::take(self)) as Box<dyn Index<K>>)
    }
}

/// How equal keys are found and their answers multiplied: functions, so that only dispatchers that
/// want it need keys and answers that can.
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
    pub(crate) const fn by_hash() -> Self
    where
        K: HashKey,
    {
        Dedup { index: || Box::new(ByHash::default()), copy_key: K::clone, copy_answer: A::clone }
    }

    pub(crate) const fn by_order() -> Self
    where
        K: OrdKey,
    {
        Dedup { index: || Box::new(BTreeMap::new()), copy_key: K::clone, copy_answer: A::clone }
    }
}

impl<K, A> Dedup<K, A> {
    /// The same, for answers of another type.
    pub(crate) const fn with_answers<B>(self, copy_answer: fn(&B) -> B) -> Dedup<K, B> {
        Dedup { index: self.index, copy_key: self.copy_key, copy_answer }
    }
}

/// Somebody who has joined, and his number.
pub(crate) type Follower = (u64, Waiter);

/// Where a request is that will be answered later: its flight, and its position there.
pub(crate) type Place = (InFlightId, usize);

/// A request that others may join.
pub(crate) struct Followers {
    /// Who asked first, and whose request it is.
    pub(crate) asker: Waiter,
    /// Absent while it is queued, or pauses.
    pub(crate) place: Option<Place>,
    follower: Vec<Follower>,
    /// All before this one are gone.
    living_from: usize,
    /// When so many have joined, those that are gone are taken out.
    sweep_at: usize,
    /// Its flight looks here for somebody who waits.
    is_watched: bool,
}

/// A key that others may ask for while its request is queued or on its way.
pub(crate) struct LeadKey<K> {
    seq: Seq,
    hash: u64,
    pub(crate) key: K,
}

pub(crate) struct PendingKey<K> {
    pub(crate) lead: LeadKey<K>,
    pub(crate) shared: Followers,
}

/// Fewer than so many who have joined are not looked through for those that are gone.
const FEW: usize = 32;

impl Followers {
    fn new(asker: Waiter) -> Self {
        Followers {
            asker,
            place: None,
            follower: Vec::new(),
            living_from: 0,
            sweep_at: FEW,
            is_watched: true,
        }
    }

    fn join(&mut self, follower: Follower, is_alive: &dyn Fn(Waiter) -> bool) {
        if self.follower.len() >= self.sweep_at {
            // As many have joined since the last time as were left then, so it costs nothing to
            // speak of.
            self.follower.retain(|(_, waiter)| is_alive(*waiter));
            self.living_from = 0;
            self.sweep_at = FEW.max(2 * self.follower.len());
        }
        self.follower.push(follower);
    }

    /// One who has joined and is still there. It goes on from where the last one was found, as
    /// nobody comes back to life.
    fn living(&mut self, is_alive: &dyn Fn(Waiter) -> bool) -> Option<Waiter> {
        let rest = &self.follower[self.living_from..];
        let found = rest.iter().position(|(_, waiter)| is_alive(*waiter));
        self.living_from += found.unwrap_or(rest.len());
        self.follower.get(self.living_from).map(|(_, waiter)| *waiter)
    }

    /// Whether somebody has joined, and may be there still.
    pub(crate) fn has_followers(&self) -> bool {
        !self.follower.is_empty()
    }

    /// Takes out those who have joined and are still there.
    pub(crate) fn drain_followers(
        &mut self,
        is_alive: impl Fn(Waiter) -> bool,
    ) -> impl Iterator<Item = Follower> {
        self.follower.drain(..).skip(self.living_from).filter(move |(_, waiter)| is_alive(*waiter))
    }
}

/// The keys of one queue that are queued or on their way, and who has joined.
pub(crate) struct PendingKeys<K> {
    rows: Vec<Option<PendingKey<K>>>,
    /// Those that are empty.
    free: Vec<u32>,
    index: Box<dyn Index<K>>,
    /// Memory for those who join.
    spare: Vec<Vec<Follower>>,
    /// Tickets of requests that wait to be sent and have their answers already.
    answered: HashSet<Seq>,
    /// Places in flights that have somebody who waits again.
    watch_again: Vec<Place>,
    copy_key: fn(&K) -> K,
    last: u64,
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
            last: 0,
        }
    }

    // ── these run code of the user's: keys are hashed, compared, copied ──

    /// The ticket for a key that nobody has asked for; or `None` when the waiter has joined those
    /// who have.
    pub(crate) fn lead_or_follow(
        &mut self,
        key: &K,
        waiter: Waiter,
        is_alive: &dyn Fn(Waiter) -> bool,
    ) -> Option<Seq> {
        self.last += 1;
        let hash = match self.index.find(key, &self.rows) {
            Ok(row) => {
                self.join(row, waiter, is_alive);
                return None;
            }
            Err(hash) => hash,
        };
        let key = (self.copy_key)(key);
        let row = self.free.last().copied().unwrap_or(self.rows.len() as u32);
        let lead = LeadKey { seq: Seq { number: self.last, row }, hash, key };
        self.index.add(&lead, &self.rows);
        // From here on nothing panics.
        let seq = lead.seq;
        let row = Some(PendingKey { lead, shared: Followers::new(waiter) });
        match self.free.pop() {
            Some(free) => self.rows[free as usize] = row,
            None => self.rows.push(row),
        }
        Some(seq)
    }

    /// Lets go of a key whose row was taken.
    pub(crate) fn forget(&mut self, key: &LeadKey<K>) {
        self.index.remove(key);
    }

    /// What is on its way is out of date: its ticket is not valid any more, and those who have
    /// joined are taken out. What has not left yet is read later anyway.
    pub(crate) fn invalidate(&mut self, key: &K) -> Option<PendingKey<K>> {
        let seq = self.seq(key)?;
        self.shared(seq)?.place?;
        self.take_and_forget(seq)
    }

    /// The same, for every key, in the order in which they were registered.
    pub(crate) fn invalidate_all(&mut self) -> Vec<PendingKey<K>> {
        let has_left = |row: &&PendingKey<K>| row.shared.place.is_some();
        let mut seqs: Vec<Seq> =
            self.rows.iter().flatten().filter(has_left).map(|row| row.lead.seq).collect();
        seqs.sort_by_key(|seq| seq.number);
        seqs.into_iter().filter_map(|seq| self.take_and_forget(seq)).collect()
    }

    /// Everybody who waits for a key has the answer from elsewhere. A request that has not left is
    /// not to leave.
    pub(crate) fn answer(&mut self, key: &K) -> Option<PendingKey<K>> {
        let seq = self.seq(key)?;
        let row = self.take_and_forget(seq)?;
        if row.shared.place.is_none() {
            self.answered.insert(seq);
        }
        Some(row)
    }

    fn seq(&self, key: &K) -> Option<Seq> {
        let row = self.index.find(key, &self.rows).ok()?;
        self.rows[row as usize].as_ref().map(|row| row.lead.seq)
    }

    fn take_and_forget(&mut self, seq: Seq) -> Option<PendingKey<K>> {
        let row = self.take(seq)?;
        self.forget(&row.lead);
        Some(row)
    }

    // ── these do not ──

    fn join(&mut self, row: u32, waiter: Waiter, is_alive: &dyn Fn(Waiter) -> bool) {
        let Some(PendingKey { shared, .. }) = &mut self.rows[row as usize] else { return };
        if shared.follower.capacity() == 0 {
            shared.follower = self.spare.pop().unwrap_or_default();
        }
        shared.join((self.last, waiter), is_alive);
        if let (false, Some(place)) = (shared.is_watched, shared.place) {
            shared.is_watched = true;
            self.watch_again.push(place);
        }
    }

    /// Those who wait, when the answer is there; of the key it is to be let go. `None` if the
    /// ticket is not valid any more.
    pub(crate) fn take(&mut self, seq: Seq) -> Option<PendingKey<K>> {
        let row = self.rows.get_mut(seq.row as usize)?.take_if(|row| row.lead.seq == seq)?;
        self.free.push(seq.row);
        Some(row)
    }

    /// Takes back the memory for those who joined, and were taken out.
    pub(crate) fn put_back(&mut self, Followers { follower, .. }: &mut Followers) {
        debug_assert!(follower.is_empty());
        if follower.capacity() <= FEW && self.spare.len() < MAX_SPARES {
            self.spare.push(std::mem::take(follower));
        }
    }

    /// What is known of a request, if others may join.
    fn shared(&mut self, seq: Seq) -> Option<&mut Followers> {
        let row = self.rows.get_mut(seq.row as usize)?.as_mut()?;
        (row.lead.seq == seq).then_some(&mut row.shared)
    }

    /// Whether others may join.
    pub(crate) fn is_valid(&mut self, seq: Seq) -> bool {
        self.shared(seq).is_some()
    }

    /// One who has joined and is still there.
    pub(crate) fn follower(
        &mut self,
        seq: Seq,
        is_alive: &dyn Fn(Waiter) -> bool,
    ) -> Option<Waiter> {
        self.shared(seq)?.living(is_alive)
    }

    /// The same, for a flight that asks no more of this ticket until somebody joins again.
    pub(crate) fn watch(&mut self, seq: Seq, is_alive: &dyn Fn(Waiter) -> bool) -> Option<Waiter> {
        let shared = self.shared(seq)?;
        let living = shared.living(is_alive);
        shared.is_watched = living.is_some();
        living
    }

    pub(crate) fn take_watch_again(&mut self) -> Vec<Place> {
        std::mem::take(&mut self.watch_again)
    }

    /// Whether some requests that wait to be sent may have their answers already.
    pub(crate) fn has_answered(&self) -> bool {
        !self.answered.is_empty()
    }

    /// Whether a request that waits to be sent has its answer already.
    pub(crate) fn is_answered(&self, seq: Seq) -> bool {
        self.has_answered() && self.answered.contains(&seq)
    }

    pub(crate) fn forget_answered(&mut self, seq: Seq) {
        self.answered.remove(&seq);
    }

    /// The request will be answered later, at this place; or it comes back to be tried again.
    pub(crate) fn set_place(&mut self, seq: Seq, place: Option<Place>) {
        if let Some(shared) = self.shared(seq) {
            shared.place = place;
            shared.is_watched = true;
        }
    }

    pub(crate) fn clear(&mut self) -> impl Sized + use<K> {
        self.free.clear();
        self.answered.clear();
        self.watch_again.clear();
        (self.rows.drain(..).flatten().collect::<Vec<_>>(), self.index.clear())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::hash::Hasher;

    use super::*;

    /// Half of the keys have the same hash.
    #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
    struct Key(u32);

    impl Hash for Key {
        fn hash<H: Hasher>(&self, hasher: &mut H) {
            hasher.write_u32(if self.0 % 2 == 0 { 0 } else { self.0 });
        }
    }

    /// What `PendingKeys` stands for: by key, the ticket and those who have joined.
    type Naive = HashMap<u32, (Seq, Vec<Follower>)>;

    #[test]
    fn whatever_happens_each_key_has_one_lead_and_those_who_asked_for_it() {
        let mut random = fastrand::Rng::with_seed(7);
        for dedup in
            [Dedup::<Key, ()>::by_hash(), Dedup::by_order()].repeat(if cfg!(miri) { 1 } else { 50 })
        {
            let (mut pending_keys, mut naive) = (PendingKeys::new(dedup), Naive::new());
            let mut old = Vec::new();
            for number in 1..if cfg!(miri) { 60 } else { 500 } {
                let key = random.u32(0..30);
                let waiter = Waiter(number);
                if random.bool() {
                    match (
                        pending_keys.lead_or_follow(&Key(key), waiter, &|_| true),
                        naive.get_mut(&key),
                    ) {
                        (Some(seq), None) => {
                            assert!(naive.insert(key, (seq, Vec::new())).is_none())
                        }
                        (None, Some((_, follower))) => follower.push((pending_keys.last, waiter)),
                        (seq, known) => panic!("{seq:?} for a key with {known:?}"),
                    }
                } else if let Some((seq, expected)) = naive.remove(&key) {
                    let mut row = pending_keys.take(seq).unwrap();
                    pending_keys.forget(&row.lead);
                    assert_eq!(row.lead.key, Key(key));
                    assert_eq!(row.shared.drain_followers(|_| true).collect::<Vec<_>>(), expected);
                    pending_keys.put_back(&mut row.shared);
                    old.push(seq);
                }
                assert_eq!(pending_keys.rows.len() - pending_keys.free.len(), naive.len());
                assert!(old.iter().all(|seq| !pending_keys.is_valid(*seq)));
                assert!(naive.values().all(|(seq, _)| pending_keys.is_valid(*seq)));
            }
            assert!(pending_keys.rows.len() <= 30, "rows are used again");
        }
    }
}
