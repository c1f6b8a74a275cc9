//! A store of bounded size, for all partitions together.

use std::collections::HashSet;
use std::hash::Hash;

use quick_cache::Equivalent;
use quick_cache::unsync::Cache as QuickCache;

use super::store::{Scope, Store};
use crate::dispatch::keys::HashKey;

pub(crate) struct Bounded<K, V>(QuickCache<ScopedKey<K>, V>);

#[derive(PartialEq, Eq, Hash)]
struct ScopedKey<K>(Scope, K);

/// Hashes as a `ScopedKey` does, without owning the key.
#[derive(Hash)]
struct BorrowedKey<'a, K>(Scope, &'a K);

impl<K: Eq + Hash> Equivalent<ScopedKey<K>> for BorrowedKey<'_, K> {
    fn equivalent(&self, key: &ScopedKey<K>) -> bool {
        self.0 == key.0 && *self.1 == key.1
    }
}

impl<K: HashKey, V> Bounded<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Bounded(QuickCache::new(capacity))
    }
}

impl<K: HashKey, V> Store<K, V> for Bounded<K, V> {
    fn get(&self, scope: Scope, key: &K) -> Option<&V> {
        self.0.get(&BorrowedKey(scope, key))
    }

    fn insert(&mut self, scope: Scope, key: K, value: V) {
        self.0.insert(ScopedKey(scope, key), value);
    }

    fn remove(&mut self, scope: Scope, key: &K) {
        self.0.remove(&BorrowedKey(scope, key));
    }

    fn clear(&mut self, scope: Scope) {
        self.0.retain(|key, _| key.0 != scope);
    }

    fn retain(&mut self, policy: &dyn Fn(&V) -> bool) -> HashSet<Scope> {
        self.0.retain(|_, value| policy(value));
        self.0.iter().map(|(key, _)| key.0).collect()
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}
