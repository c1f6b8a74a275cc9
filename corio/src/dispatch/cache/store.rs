//! Where answers are kept: by partition and key.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// The number of a partition; that of a run that names none is 0.
pub(crate) type Scope = u64;

pub(crate) trait Store<K, V> {
    fn get(&self, scope: Scope, key: &K) -> Option<&V>;
    fn insert(&mut self, scope: Scope, key: K, value: V);
    fn remove(&mut self, scope: Scope, key: &K);
    fn clear(&mut self, scope: Scope);
    /// Keeps the values that `policy` says, and tells whose are left.
    fn retain(&mut self, policy: &dyn Fn(&V) -> bool) -> HashSet<Scope>;
    fn len(&self) -> usize;
}

/// Keeps everything.
pub(crate) type Unbounded<K, V> = HashMap<Scope, HashMap<K, V>>;

impl<K: Hash + Eq, V> Store<K, V> for Unbounded<K, V> {
    fn get(&self, scope: Scope, key: &K) -> Option<&V> {
        HashMap::get(self, &scope)?.get(key)
    }

    fn insert(&mut self, scope: Scope, key: K, value: V) {
        self.entry(scope).or_default().insert(key, value);
    }

    fn remove(&mut self, scope: Scope, key: &K) {
        self.get_mut(&scope).map(|of_scope| of_scope.remove(key));
    }

    fn clear(&mut self, scope: Scope) {
        // The memory stays for the next run.
        self.get_mut(&scope).map(HashMap::clear);
    }

    fn retain(&mut self, policy: &dyn Fn(&V) -> bool) -> HashSet<Scope> {
        HashMap::retain(self, |_, of_scope| {
            of_scope.retain(|_, value| policy(value));
            !of_scope.is_empty()
        });
        self.keys().copied().collect()
    }

    fn len(&self) -> usize {
        self.values().map(HashMap::len).sum()
    }
}
