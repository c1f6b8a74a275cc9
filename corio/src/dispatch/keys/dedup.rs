//! Equal keys go out once: who else waits for a key that is queued or on its way.
//!
//! The first who asks for a key *registers* it and gets a ticket; the request goes out as every other. Who asks for it until the answer is there *joins*: its waiter is noted
//! here, by the ticket, wherever the request is meanwhile (queued, on its way, waiting to be tried again). When the answer comes, whoever holds the ticket takes the others out.
//! A ticket that is no longer valid (the key was invalidated) takes nobody out, and its answer is not kept for later.
//!
//! What is known of a key lies in a row of a table, whose number goes with the ticket; an index finds the row of a key. So a key is hashed once, when it is asked for, and those who
//! wait are found by the ticket alone: should the code of the user's that compares keys panic, nobody is lost. Rows are used again; numbers of tickets are not, and so a ticket whose
//! row is another's is known not to be valid.
//!
//! Those who are gone are taken out when they are half of all, and looked at once each: who comes and goes costs the same however many have before.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;

use super::bounds::{HashKey, OrdKey};
use super::ticket::Ticket;
use crate::dispatch::ids::{FlightId, Waiter};
use crate::dispatch::limits::MOST_SPARES;

/// Finds the rows of keys, whatever it compares them by.
pub(crate) trait Index<K> {
    /// The row of an equal key; or if there is none, the hash of this one, where keys have one.
    fn find(&self, key: &K, rows: &[Option<Row<K>>]) -> Result<u32, u64>;

    /// Adds a key that was not found.
    fn add(&mut self, key: &Registered<K>, rows: &[Option<Row<K>>]);

    /// Forgets a key whose row was emptied.
    fn remove(&mut self, key: &Registered<K>);

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
    fn find(&self, key: &K, rows: &[Option<Row<K>>]) -> Result<u32, u64> {
        let hash = self.hasher.hash_one(key);
        let is_equal = |row: &u32| rows[*row as usize].as_ref().is_some_and(|row| row.registered.key == *key);
        self.rows.find(hash, is_equal).copied().ok_or(hash)
    }

    fn add(&mut self, key: &Registered<K>, rows: &[Option<Row<K>>]) {
        self.rows.insert_unique(key.hash, key.ticket.row, |row| rows[*row as usize].as_ref().map_or(0, |row| row.registered.hash));
    }

    fn remove(&mut self, key: &Registered<K>) {
        if let Ok(row) = self.rows.find_entry(key.hash, |row| *row == key.ticket.row) {
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
impl<K: OrdKey> Index<K> for BTreeMap<K, Ticket> {
    fn find(&self, key: &K, rows: &[Option<Row<K>>]) -> Result<u32, u64> {
        let ticket = self.get(key).filter(|ticket| rows[ticket.row as usize].as_ref().is_some_and(|row| row.registered.ticket == **ticket));
        ticket.map(|ticket| ticket.row).ok_or(0)
    }

    fn add(&mut self, key: &Registered<K>, _: &[Option<Row<K>>]) {
        self.insert(key.key.clone(), key.ticket);
    }

    fn remove(&mut self, key: &Registered<K>) {
        BTreeMap::remove(self, &key.key);
    }

    fn clear(&mut self) -> Option<Box<dyn Index<K>>> {
        (!self.is_empty()).then(|| Box::new(std::mem::take(self)) as Box<dyn Index<K>>)
    }
}

/// How equal keys are found and their answers multiplied: functions, so that only dispatchers that want it need keys and answers that can.
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
pub(crate) type Joined = (u64, Waiter);

/// Where a request is that will be answered later: its flight, and its position there.
pub(crate) type Place = (FlightId, usize);

/// A request that others may join.
pub(crate) struct Shared {
    /// Who asked first, and whose request it is.
    pub(crate) asker: Waiter,
    /// Absent while it is queued, or pauses.
    pub(crate) place: Option<Place>,
    joined: Vec<Joined>,
    /// All before this one are gone.
    living_from: usize,
    /// When so many have joined, those that are gone are taken out.
    sweep_at: usize,
    /// Its flight looks here for somebody who waits.
    is_watched: bool,
}

/// A key that others may ask for while its request is queued or on its way.
pub(crate) struct Registered<K> {
    ticket: Ticket,
    hash: u64,
    pub(crate) key: K,
}

pub(crate) struct Row<K> {
    pub(crate) registered: Registered<K>,
    pub(crate) shared: Shared,
}

/// Fewer than so many who have joined are not looked through for those that are gone.
const FEW: usize = 32;

impl Shared {
    fn new(asker: Waiter) -> Self {
        Shared { asker, place: None, joined: Vec::new(), living_from: 0, sweep_at: FEW, is_watched: true }
    }

    fn join(&mut self, joined: Joined, is_alive: &dyn Fn(Waiter) -> bool) {
        if self.joined.len() >= self.sweep_at {
            // As many have joined since the last time as were left then, so it costs nothing to speak of.
            self.joined.retain(|(_, waiter)| is_alive(*waiter));
            self.living_from = 0;
            self.sweep_at = FEW.max(2 * self.joined.len());
        }
        self.joined.push(joined);
    }

    /// One who has joined and is still there. It goes on from where the last one was found, as nobody comes back to life.
    fn living(&mut self, is_alive: &dyn Fn(Waiter) -> bool) -> Option<Waiter> {
        let rest = &self.joined[self.living_from..];
        let found = rest.iter().position(|(_, waiter)| is_alive(*waiter));
        self.living_from += found.unwrap_or(rest.len());
        self.joined.get(self.living_from).map(|(_, waiter)| *waiter)
    }

    /// Whether somebody has joined, and may be there still.
    pub(crate) fn is_joined(&self) -> bool {
        !self.joined.is_empty()
    }

    /// Takes out those who have joined and are still there.
    pub(crate) fn drain_joined(&mut self, is_alive: impl Fn(Waiter) -> bool) -> impl Iterator<Item = Joined> {
        self.joined.drain(..).skip(self.living_from).filter(move |(_, waiter)| is_alive(*waiter))
    }
}

/// The keys of one queue that are queued or on their way, and who has joined.
pub(crate) struct Sharing<K> {
    rows: Vec<Option<Row<K>>>,
    /// Those that are empty.
    free: Vec<u32>,
    index: Box<dyn Index<K>>,
    /// Memory for those who join.
    spare: Vec<Vec<Joined>>,
    /// Tickets of requests that wait to be sent and have their answers already.
    answered: HashSet<Ticket>,
    /// Places in flights that have somebody who waits again.
    watch_again: Vec<Place>,
    copy_key: fn(&K) -> K,
    last: u64,
}

impl<K> Sharing<K> {
    pub(crate) fn new<A>(dedup: Dedup<K, A>) -> Self {
        Sharing {
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

    // ── these run code of the user's: keys are hashed, compared, copied ──────────────────────────────────────────────────────────────────────────────────────────

    /// The ticket for a key that nobody has asked for; or `None` when the waiter has joined those who have.
    pub(crate) fn register_or_join(&mut self, key: &K, waiter: Waiter, is_alive: &dyn Fn(Waiter) -> bool) -> Option<Ticket> {
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
        let registered = Registered { ticket: Ticket { number: self.last, row }, hash, key };
        self.index.add(&registered, &self.rows);
        // From here on nothing panics.
        let ticket = registered.ticket;
        let row = Some(Row { registered, shared: Shared::new(waiter) });
        match self.free.pop() {
            Some(free) => self.rows[free as usize] = row,
            None => self.rows.push(row),
        }
        Some(ticket)
    }

    /// Lets go of a key whose row was taken.
    pub(crate) fn forget(&mut self, key: &Registered<K>) {
        self.index.remove(key);
    }

    /// What is on its way is out of date: its ticket is not valid any more, and those who have joined are taken out. What has not left yet is read later anyway.
    pub(crate) fn invalidate(&mut self, key: &K) -> Option<Row<K>> {
        let ticket = self.ticket(key)?;
        self.shared(ticket)?.place?;
        self.take_and_forget(ticket)
    }

    /// The same, for every key, in the order in which they were registered.
    pub(crate) fn invalidate_all(&mut self) -> Vec<Row<K>> {
        let has_left = |row: &&Row<K>| row.shared.place.is_some();
        let mut tickets: Vec<Ticket> = self.rows.iter().flatten().filter(has_left).map(|row| row.registered.ticket).collect();
        tickets.sort_by_key(|ticket| ticket.number);
        tickets.into_iter().filter_map(|ticket| self.take_and_forget(ticket)).collect()
    }

    /// Everybody who waits for a key has the answer from elsewhere. A request that has not left is not to leave.
    pub(crate) fn answer(&mut self, key: &K) -> Option<Row<K>> {
        let ticket = self.ticket(key)?;
        let row = self.take_and_forget(ticket)?;
        if row.shared.place.is_none() {
            self.answered.insert(ticket);
        }
        Some(row)
    }

    fn ticket(&self, key: &K) -> Option<Ticket> {
        let row = self.index.find(key, &self.rows).ok()?;
        self.rows[row as usize].as_ref().map(|row| row.registered.ticket)
    }

    fn take_and_forget(&mut self, ticket: Ticket) -> Option<Row<K>> {
        let row = self.take(ticket)?;
        self.forget(&row.registered);
        Some(row)
    }

    // ── these do not ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    fn join(&mut self, row: u32, waiter: Waiter, is_alive: &dyn Fn(Waiter) -> bool) {
        let Some(Row { shared, .. }) = &mut self.rows[row as usize] else { return };
        if shared.joined.capacity() == 0 {
            shared.joined = self.spare.pop().unwrap_or_default();
        }
        shared.join((self.last, waiter), is_alive);
        if let (false, Some(place)) = (shared.is_watched, shared.place) {
            shared.is_watched = true;
            self.watch_again.push(place);
        }
    }

    /// Those who wait, when the answer is there; of the key it is to be let go. `None` if the ticket is not valid any more.
    pub(crate) fn take(&mut self, ticket: Ticket) -> Option<Row<K>> {
        let row = self.rows.get_mut(ticket.row as usize)?.take_if(|row| row.registered.ticket == ticket)?;
        self.free.push(ticket.row);
        Some(row)
    }

    /// Takes back the memory for those who joined, and were taken out.
    pub(crate) fn put_back(&mut self, Shared { joined, .. }: &mut Shared) {
        debug_assert!(joined.is_empty());
        if joined.capacity() <= FEW && self.spare.len() < MOST_SPARES {
            self.spare.push(std::mem::take(joined));
        }
    }

    /// What is known of a request, if others may join.
    fn shared(&mut self, ticket: Ticket) -> Option<&mut Shared> {
        let row = self.rows.get_mut(ticket.row as usize)?.as_mut()?;
        (row.registered.ticket == ticket).then_some(&mut row.shared)
    }

    /// Whether others may join.
    pub(crate) fn is_valid(&mut self, ticket: Ticket) -> bool {
        self.shared(ticket).is_some()
    }

    /// One who has joined and is still there.
    pub(crate) fn joined(&mut self, ticket: Ticket, is_alive: &dyn Fn(Waiter) -> bool) -> Option<Waiter> {
        self.shared(ticket)?.living(is_alive)
    }

    /// The same, for a flight that asks no more of this ticket until somebody joins again.
    pub(crate) fn observers(&mut self, ticket: Ticket, is_alive: &dyn Fn(Waiter) -> bool) -> Option<Waiter> {
        let shared = self.shared(ticket)?;
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
    pub(crate) fn is_answered(&self, ticket: Ticket) -> bool {
        self.has_answered() && self.answered.contains(&ticket)
    }

    pub(crate) fn forget_answered(&mut self, ticket: Ticket) {
        self.answered.remove(&ticket);
    }

    /// The request will be answered later, at this place; or it comes back to be tried again.
    pub(crate) fn set_place(&mut self, ticket: Ticket, place: Option<Place>) {
        if let Some(shared) = self.shared(ticket) {
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

    /// What `Sharing` stands for: by key, the ticket and those who have joined.
    type Naive = HashMap<u32, (Ticket, Vec<Joined>)>;

    #[test]
    fn whatever_happens_each_key_has_one_ticket_and_those_who_asked_for_it() {
        let mut random = fastrand::Rng::with_seed(7);
        for dedup in [Dedup::<Key, ()>::by_hash(), Dedup::by_order()].repeat(if cfg!(miri) { 1 } else { 50 }) {
            let (mut sharing, mut naive) = (Sharing::new(dedup), Naive::new());
            let mut old = Vec::new();
            for number in 1..if cfg!(miri) { 60 } else { 500 } {
                let key = random.u32(0..30);
                let waiter = Waiter(number);
                if random.bool() {
                    match (sharing.register_or_join(&Key(key), waiter, &|_| true), naive.get_mut(&key)) {
                        (Some(ticket), None) => assert!(naive.insert(key, (ticket, Vec::new())).is_none()),
                        (None, Some((_, joined))) => joined.push((sharing.last, waiter)),
                        (ticket, known) => panic!("{ticket:?} for a key with {known:?}"),
                    }
                } else if let Some((ticket, expected)) = naive.remove(&key) {
                    let mut row = sharing.take(ticket).unwrap();
                    sharing.forget(&row.registered);
                    assert_eq!(row.registered.key, Key(key));
                    assert_eq!(row.shared.drain_joined(|_| true).collect::<Vec<_>>(), expected);
                    sharing.put_back(&mut row.shared);
                    old.push(ticket);
                }
                assert_eq!(sharing.rows.len() - sharing.free.len(), naive.len());
                assert!(old.iter().all(|ticket| !sharing.is_valid(*ticket)));
                assert!(naive.values().all(|(ticket, _)| sharing.is_valid(*ticket)));
            }
            assert!(sharing.rows.len() <= 30, "rows are used again");
        }
    }
}
