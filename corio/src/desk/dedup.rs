//! Equal keys go out once: who else waits for a key that is queued or on its way.
//!
//! The first who asks for a key *registers* it and gets a ticket; the request goes out as every other. Who asks for it until the answer is there *joins*: its waiter is noted
//! here, by the ticket, wherever the request is meanwhile (queued, on its way, waiting to be tried again). When the answer comes, whoever holds the ticket takes the others out.
//! A ticket that is no longer valid (the key was invalidated) takes nobody out, and its answer is not kept for later.
//!
//! Those who wait are found by the ticket alone: should the code of the user's that compares keys panic, nobody is lost. Those who are gone are taken out when they are half of all,
//! and looked at once each: who comes and goes costs the same however many have before.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::hash::Hash;

use super::Waiter;
use super::answers::{HashKey, OrdKey};
use super::flights::FlightId;

/// A map by key, whatever it finds keys by.
pub(super) trait KeyMap<K, V> {
    fn get_mut(&mut self, key: &K) -> Option<&mut V>;
    fn insert(&mut self, key: K, value: V);
    fn remove(&mut self, key: &K) -> Option<V>;
    fn drain(&mut self) -> Vec<(K, V)>;
}

impl<K: Hash + Eq, V> KeyMap<K, V> for HashMap<K, V> {
    fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        HashMap::get_mut(self, key)
    }

    fn insert(&mut self, key: K, value: V) {
        HashMap::insert(self, key, value);
    }

    fn remove(&mut self, key: &K) -> Option<V> {
        HashMap::remove(self, key)
    }

    fn drain(&mut self) -> Vec<(K, V)> {
        HashMap::drain(self).collect()
    }
}

impl<K: Ord, V> KeyMap<K, V> for BTreeMap<K, V> {
    fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        BTreeMap::get_mut(self, key)
    }

    fn insert(&mut self, key: K, value: V) {
        BTreeMap::insert(self, key, value);
    }

    fn remove(&mut self, key: &K) -> Option<V> {
        BTreeMap::remove(self, key)
    }

    fn drain(&mut self) -> Vec<(K, V)> {
        std::mem::take(self).into_iter().collect()
    }
}

/// How equal keys are found and their answers multiplied: functions, so that only dispatchers that want it need keys and answers that can.
#[doc(hidden)]
pub struct Dedup<K, A> {
    tickets: fn() -> Box<dyn KeyMap<K, Ticket>>,
    pub(super) copy_key: fn(&K) -> K,
    pub(super) copy_answer: fn(&A) -> A,
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
    pub(super) const fn by_hash() -> Self
    where
        K: HashKey,
    {
        Dedup { tickets: || Box::new(HashMap::new()), copy_key: K::clone, copy_answer: A::clone }
    }

    pub(super) const fn by_order() -> Self
    where
        K: OrdKey,
    {
        Dedup { tickets: || Box::new(BTreeMap::new()), copy_key: K::clone, copy_answer: A::clone }
    }
}

impl<K, A> Dedup<K, A> {
    /// The same, for answers of another type.
    pub(super) const fn with_answers<B>(self, copy_answer: fn(&B) -> B) -> Dedup<K, B> {
        Dedup { tickets: self.tickets, copy_key: self.copy_key, copy_answer }
    }
}

/// Says that a request stands for all that ask for its key. Tickets and those who join are numbered in the order of asking.
pub(super) type Ticket = u64;

/// Somebody who has joined, and his number.
pub(super) type Joined = (u64, Waiter);

/// Where a request is that will be answered later: its flight, and its position there.
pub(super) type Place = (FlightId, usize);

/// A request that others may join.
pub(super) struct Shared {
    /// Who asked first, and whose request it is.
    pub(super) asker: Waiter,
    /// Absent while it is queued, or pauses.
    pub(super) place: Option<Place>,
    joined: Vec<Joined>,
    /// All before this one are gone.
    living_from: usize,
    /// When so many have joined, those that are gone are taken out.
    sweep_at: usize,
    /// Its flight looks here for somebody who waits.
    is_watched: bool,
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

    /// Those who have joined and are still there.
    pub(super) fn into_joined(self, is_alive: impl Fn(Waiter) -> bool) -> impl Iterator<Item = Joined> {
        self.joined.into_iter().skip(self.living_from).filter(move |(_, waiter)| is_alive(*waiter))
    }
}

/// The keys of one queue that are queued or on their way, and who has joined.
pub(super) struct Sharing<K> {
    /// A key may still have a ticket that is not valid any more, where code of the user's has panicked.
    tickets: Box<dyn KeyMap<K, Ticket>>,
    /// By ticket; those that are valid.
    shared: HashMap<Ticket, Shared>,
    /// Tickets of requests that wait to be sent and have their answers already.
    answered: HashSet<Ticket>,
    /// Places in flights that have somebody who waits again.
    watch_again: Vec<Place>,
    copy_key: fn(&K) -> K,
    last: Ticket,
}

impl<K> Sharing<K> {
    pub(super) fn new<A>(dedup: Dedup<K, A>) -> Self {
        Sharing { tickets: (dedup.tickets)(), shared: HashMap::new(), answered: HashSet::new(), watch_again: Vec::new(), copy_key: dedup.copy_key, last: 0 }
    }

    // ── these run code of the user's: keys are hashed, compared, copied ──────────────────────────────────────────────────────────────────────────────────────────

    /// The ticket for a key that nobody has asked for; or `None` when the waiter has joined those who have.
    pub(super) fn register_or_join(&mut self, key: &K, waiter: Waiter, is_alive: &dyn Fn(Waiter) -> bool) -> Option<Ticket> {
        self.last += 1;
        let ticket = self.tickets.get_mut(key).copied();
        if let Some(shared) = ticket.and_then(|ticket| self.shared.get_mut(&ticket)) {
            shared.join((self.last, waiter), is_alive);
            if let (false, Some(place)) = (shared.is_watched, shared.place) {
                shared.is_watched = true;
                self.watch_again.push(place);
            }
            return None;
        }
        self.tickets.insert((self.copy_key)(key), self.last);
        self.shared.insert(self.last, Shared::new(waiter));
        Some(self.last)
    }

    /// Lets go of the key of a ticket that was taken.
    pub(super) fn forget(&mut self, key: &K) {
        self.tickets.remove(key);
    }

    /// What is on its way is out of date: its ticket is not valid any more, and those who have joined are taken out. What has not left yet is read later anyway.
    pub(super) fn invalidate(&mut self, key: &K) -> Option<Shared> {
        let ticket = self.tickets.get_mut(key).copied().filter(|ticket| self.shared.get(ticket).is_some_and(|shared| shared.place.is_some()))?;
        self.tickets.remove(key);
        self.take(ticket)
    }

    /// The same, for every key, in the order in which they were registered.
    pub(super) fn invalidate_all(&mut self) -> Vec<(K, Shared)> {
        let mut all = self.tickets.drain();
        all.sort_by_key(|(_, ticket)| *ticket);
        let mut invalid = Vec::new();
        for (key, ticket) in all {
            match self.shared.get(&ticket) {
                Some(shared) if shared.place.is_none() => self.tickets.insert(key, ticket),
                _ => invalid.extend(self.take(ticket).map(|shared| (key, shared))),
            }
        }
        invalid
    }

    /// Everybody who waits for a key has the answer from elsewhere. A request that has not left is not to leave.
    pub(super) fn answer(&mut self, key: &K) -> Option<Shared> {
        let ticket = self.tickets.remove(key)?;
        let shared = self.take(ticket)?;
        if shared.place.is_none() {
            self.answered.insert(ticket);
        }
        Some(shared)
    }

    // ── these do not ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Those who wait, when the answer is there. `None` if the ticket is not valid any more.
    pub(super) fn take(&mut self, ticket: Ticket) -> Option<Shared> {
        self.shared.remove(&ticket)
    }

    /// Whether others may join.
    pub(super) fn is_valid(&self, ticket: Ticket) -> bool {
        self.shared.contains_key(&ticket)
    }

    /// One who has joined and is still there.
    pub(super) fn joined(&mut self, ticket: Ticket, is_alive: &dyn Fn(Waiter) -> bool) -> Option<Waiter> {
        self.shared.get_mut(&ticket)?.living(is_alive)
    }

    /// The same, for a flight that asks no more of this ticket until somebody joins again.
    pub(super) fn watch(&mut self, ticket: Ticket, is_alive: &dyn Fn(Waiter) -> bool) -> Option<Waiter> {
        let shared = self.shared.get_mut(&ticket)?;
        let living = shared.living(is_alive);
        shared.is_watched = living.is_some();
        living
    }

    pub(super) fn take_watch_again(&mut self) -> Vec<Place> {
        std::mem::take(&mut self.watch_again)
    }

    /// Whether a request that waits to be sent has its answer already.
    pub(super) fn is_answered(&self, ticket: Ticket) -> bool {
        !self.answered.is_empty() && self.answered.contains(&ticket)
    }

    pub(super) fn forget_answered(&mut self, ticket: Ticket) {
        self.answered.remove(&ticket);
    }

    /// The request will be answered later, at this place; or it comes back to be tried again.
    pub(super) fn set_place(&mut self, ticket: Ticket, place: Option<Place>) {
        if let Some(shared) = self.shared.get_mut(&ticket) {
            shared.place = place;
            shared.is_watched = true;
        }
    }

    pub(super) fn clear(&mut self) -> impl Sized + use<K> {
        self.shared.clear();
        self.answered.clear();
        self.watch_again.clear();
        self.tickets.drain()
    }
}
