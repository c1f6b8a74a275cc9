//! The store of cached values, by scope and key.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// The number of a partition; 0 for a run without a partition.
pub(super) type Scope = u64;

/// Values by scope and key.
pub(super) trait Store<K, V> {
    fn get(&self, scope: Scope, key: &K) -> Option<&V>;
    /// Adds or replaces a value. A bounded store may evict others.
    fn insert(&mut self, scope: Scope, key: K, value: V);
    fn remove(&mut self, scope: Scope, key: &K);
    /// Removes all values of a scope.
    fn clear(&mut self, scope: Scope);
    /// Removes the values that are not wanted. Returns the scopes that have values left.
    fn retain(&mut self, is_wanted: &dyn Fn(&V) -> bool) -> HashSet<Scope>;
    /// Number of values in all scopes.
    fn len(&self) -> usize;
}

/// A store without a limit.
pub(super) type Unbounded<K, V> = HashMap<Scope, HashMap<K, V>>;

impl<K: Hash + Eq, V> Store<K, V> for Unbounded<K, V> {
    fn get(&self, scope: Scope, key: &K) -> Option<&V> {
        HashMap::get(self, &scope)?.get(key)
    }

    fn insert(&mut self, scope: Scope, key: K, value: V) {
        self.entry(scope).or_default().insert(key, value);
    }

    fn remove(&mut self, scope: Scope, key: &K) {
        self.get_mut(&scope).map(|values| values.remove(key));
    }

    fn clear(&mut self, scope: Scope) {
        // Keeps the capacity for the next run.
        self.get_mut(&scope).map(HashMap::clear);
    }

    fn retain(&mut self, is_wanted: &dyn Fn(&V) -> bool) -> HashSet<Scope> {
        HashMap::retain(self, |_, values| {
            values.retain(|_, value| is_wanted(value));
            !values.is_empty()
        });
        self.keys().copied().collect()
    }

    fn len(&self) -> usize {
        self.values().map(HashMap::len).sum()
    }
}
