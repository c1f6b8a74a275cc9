//! Equal keys go out once: who else waits for a key that is queued or on its way.
//!
//! The first who asks for a key *registers* it and gets a ticket; the request goes out as every other. Who asks for it until the answer is there *joins*: its waiter is noted
//! here, by the key, wherever the request is meanwhile (queued, on its way, waiting to be tried again). When the answer comes, whoever holds the ticket takes the others out.
//! A ticket that is no longer the one of its key (the key was invalidated) takes nobody out, and its answer is not kept for later.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::Hash;

use super::Waiter;
use super::answers::{HashKey, OrdKey};

/// A map by key, whatever it finds keys by.
pub(super) trait KeyMap<K, V> {
    fn get_mut(&mut self, key: &K) -> Option<&mut V>;
    fn insert(&mut self, key: K, value: V);
    fn remove(&mut self, key: &K) -> Option<V>;
    fn drain(&mut self) -> Vec<(K, V)>;
    fn clear(&mut self);
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

    fn clear(&mut self) {
        HashMap::clear(self);
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

    fn clear(&mut self) {
        BTreeMap::clear(self);
    }
}

/// How equal keys are found and their answers multiplied: functions, so that only dispatchers that want it need keys and answers that can.
#[doc(hidden)]
pub struct Dedup<K, A> {
    shared: fn() -> Box<dyn KeyMap<K, Shared>>,
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
        Dedup { shared: || Box::new(HashMap::new()), copy_key: K::clone, copy_answer: A::clone }
    }

    pub(super) const fn by_order() -> Self
    where
        K: OrdKey,
    {
        Dedup { shared: || Box::new(BTreeMap::new()), copy_key: K::clone, copy_answer: A::clone }
    }
}

impl<K, A> Dedup<K, A> {
    /// The same, for answers of another type.
    pub(super) const fn with_answers<B>(self, copy_answer: fn(&B) -> B) -> Dedup<K, B> {
        Dedup { shared: self.shared, copy_key: self.copy_key, copy_answer }
    }
}

/// Says that a request stands for all that ask for its key. Tickets and those who join are numbered in the order of asking.
pub(super) type Ticket = u64;

/// Somebody who has joined, and his number.
pub(super) type Joined = (u64, Waiter);

pub(super) struct Shared {
    ticket: Ticket,
    /// Whether the request is with the dispatcher, and so may be answered with what is out of date soon.
    on_its_way: bool,
    joined: Vec<Joined>,
}

/// The keys of one queue that are queued or on their way, and who has joined.
pub(super) struct Sharing<K> {
    shared: Box<dyn KeyMap<K, Shared>>,
    copy_key: fn(&K) -> K,
    last: Ticket,
}

impl<K> Sharing<K> {
    pub(super) fn new<A>(dedup: Dedup<K, A>) -> Self {
        Sharing { shared: (dedup.shared)(), copy_key: dedup.copy_key, last: 0 }
    }

    /// The ticket for a key that nobody has asked for; or `None` when the waiter has joined those who have.
    pub(super) fn register_or_join(&mut self, key: &K, waiter: Waiter) -> Option<Ticket> {
        self.last += 1;
        if let Some(shared) = self.shared.get_mut(key) {
            shared.joined.push((self.last, waiter));
            return None;
        }
        self.shared.insert((self.copy_key)(key), Shared { ticket: self.last, on_its_way: false, joined: Vec::new() });
        Some(self.last)
    }

    /// Those who have joined, when the answer is there. `None` if the ticket is not valid any more.
    pub(super) fn take(&mut self, key: &K, ticket: Ticket) -> Option<Vec<Joined>> {
        self.shared.get_mut(key).filter(|shared| shared.ticket == ticket)?;
        self.shared.remove(key).map(|shared| shared.joined)
    }

    /// Whether one of those who have joined is still there.
    pub(super) fn has_joined(&mut self, key: &K, ticket: Ticket, is_alive: &dyn Fn(Waiter) -> bool) -> bool {
        let shared = self.shared.get_mut(key).filter(|shared| shared.ticket == ticket);
        shared.is_some_and(|shared| shared.joined.iter().any(|(_, waiter)| is_alive(*waiter)))
    }

    /// The same. If not, nobody waits for the key and the ticket is given back.
    pub(super) fn is_wanted(&mut self, key: &K, ticket: Ticket, is_alive: &dyn Fn(Waiter) -> bool) -> bool {
        let wanted = self.has_joined(key, ticket, is_alive);
        if !wanted {
            self.take(key, ticket);
        }
        wanted
    }

    /// The request leaves, or comes back to be tried again.
    pub(super) fn set_on_its_way(&mut self, key: &K, ticket: Ticket, on_its_way: bool) {
        if let Some(shared) = self.shared.get_mut(key).filter(|shared| shared.ticket == ticket) {
            shared.on_its_way = on_its_way;
        }
    }

    /// What is on its way is out of date: its ticket is not valid any more, and those who have joined are taken out. What has not left yet is read later anyway.
    pub(super) fn invalidate(&mut self, key: &K) -> Vec<Joined> {
        if self.shared.get_mut(key).is_none_or(|shared| !shared.on_its_way) {
            return Vec::new();
        }
        self.shared.remove(key).map(|shared| shared.joined).unwrap_or_default()
    }

    /// The same, for every key, in the order in which they were registered.
    pub(super) fn invalidate_all(&mut self) -> Vec<(K, Vec<Joined>)> {
        let mut all = self.shared.drain();
        all.sort_by_key(|(_, shared)| shared.ticket);
        let mut invalid = Vec::new();
        for (key, shared) in all {
            if shared.on_its_way {
                invalid.push((key, shared.joined));
            } else {
                self.shared.insert(key, shared);
            }
        }
        invalid
    }

    pub(super) fn clear(&mut self) {
        self.shared.clear();
    }
}
