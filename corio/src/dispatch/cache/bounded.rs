//! A store of bounded size, for all scopes together. Evicts by S3-FIFO (crate `quick_cache`).

use std::collections::HashSet;
use std::hash::Hash;

use quick_cache::Equivalent;
use quick_cache::unsync::Cache as QuickCache;

use super::store::{Scope, Store};
use crate::dispatch::keys::HashKey;

/// A store that holds at most `capacity` values.
pub(super) struct Bounded<K, V>(QuickCache<ScopedKey<K>, V>);

#[derive(PartialEq, Eq, Hash)]
struct ScopedKey<K>(Scope, K);

/// A `ScopedKey` that borrows its key. Both hash the same fields in the same order, and so have
/// equal hashes.
#[derive(Hash)]
struct BorrowedKey<'a, K>(Scope, &'a K);

impl<K: Eq + Hash> Equivalent<ScopedKey<K>> for BorrowedKey<'_, K> {
    fn equivalent(&self, key: &ScopedKey<K>) -> bool {
        self.0 == key.0 && *self.1 == key.1
    }
}

impl<K: HashKey, V> Bounded<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
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

    fn retain(&mut self, is_wanted: &dyn Fn(&V) -> bool) -> HashSet<Scope> {
        self.0.retain(|_, value| is_wanted(value));
        self.0.iter().map(|(key, _)| key.0).collect()
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}
