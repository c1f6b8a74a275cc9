//! The cached answers of one dispatcher, and which of them the current run sees.
//!
//! The invariants are those of the folder: see `mod.rs`. Functions that take a key run code of the
//! user's, which hashes and compares keys.

use std::collections::HashMap;
use std::time::Duration;

use super::partition::Partition;
use super::policy::{CacheEntry, CachePolicy};
use super::store::{Scope, Store};

/// The cached answers of one dispatcher.
pub(crate) struct Cache<K, A> {
    policy: CachePolicy<K, A>,
    store: Box<dyn Store<K, CacheEntry<A>>>,
    scopes: HashMap<Partition, Scope>,
    /// The newest scope; scopes are not reused.
    last_scope: Scope,
    /// The scope of the current run, once `enter` was called.
    scope: Option<Scope>,
    /// Number of answers and partitions that may be added before the next pruning.
    until_prune: usize,
}

/// Minimum number of answers and partitions between two prunings.
const MIN_PRUNE_INTERVAL: usize = 64;

/// The scope of a run without a partition; cleared when the run is over.
const THIS_RUN: Scope = 0;

impl<K, A> Cache<K, A> {
    pub(crate) fn new(policy: CachePolicy<K, A>) -> Self {
        Cache {
            policy,
            store: (policy.store)(policy.capacity),
            scopes: HashMap::new(),
            last_scope: THIS_RUN,
            scope: None,
            until_prune: MIN_PRUNE_INTERVAL,
        }
    }

    /// Resolves the partition of the current run; later calls in the same run are no-ops. `now` is
    /// called only if answers have a time to live.
    pub(crate) fn enter(
        &mut self,
        partition: impl FnOnce() -> Option<Partition>,
        now: &dyn Fn() -> Duration,
    ) {
        if self.scope.is_some() {
            return;
        }
        let partition = if self.policy.between_runs { partition() } else { None };
        let scope = partition.map_or(THIS_RUN, |partition| {
            *self.scopes.entry(partition).or_insert_with(|| {
                self.last_scope += 1;
                self.until_prune = self.until_prune.saturating_sub(1);
                self.last_scope
            })
        });
        self.scope = Some(scope);
        self.prune_if_due(now);
    }

    /// Removes answers that are not fresh, and partitions without answers. Runs when as many were
    /// added as were left the last time, so it is O(1) amortized.
    fn prune_if_due(&mut self, now: &dyn Fn() -> Duration) {
        if self.until_prune > 0 {
            return;
        }
        let left = if self.policy.ttl.is_some() {
            let now = now();
            self.store.retain(&|entry| entry.is_fresh_at(now))
        } else {
            self.store.retain(&|_| true)
        };
        let current = self.scope;
        self.scopes.retain(|_, scope| left.contains(scope) || Some(*scope) == current);
        self.until_prune = (self.store.len() + self.scopes.len()).max(MIN_PRUNE_INTERVAL);
    }

    fn scope(&self) -> Scope {
        self.scope.unwrap_or(THIS_RUN)
    }

    /// Ends the run: drops the answers of a run without a partition.
    pub(crate) fn leave(&mut self) {
        if self.scope.take() == Some(THIS_RUN) {
            self.store.clear(THIS_RUN);
        }
    }

    /// Returns the fresh answer for a key, if the current run may see one. `now` is called only if
    /// the answer has a time to live.
    pub(crate) fn get(&self, key: &K, now: &dyn Fn() -> Duration) -> Option<&A> {
        let entry = self.store.get(self.scope(), key)?;
        (entry.expires_at.is_none() || entry.is_fresh_at(now())).then_some(&entry.answer)
    }

    /// Whether the policy caches this answer. Runs code of the user's.
    pub(crate) fn should_cache(&self, answer: &A) -> bool {
        (self.policy.should_cache)(answer)
    }

    /// Caches an answer for the current run, and its partition if there is one.
    pub(crate) fn put(&mut self, key: K, answer: A, now: &dyn Fn() -> Duration) {
        let expires_at = self.policy.ttl.map(|time| now().saturating_add(time));
        self.store.insert(self.scope(), key, CacheEntry { answer, expires_at });
        // Without a time to live every answer is fresh until it is cleared: nothing to prune.
        if self.policy.ttl.is_some() {
            self.until_prune = self.until_prune.saturating_sub(1);
            self.prune_if_due(now);
        }
    }

    /// Removes the answer for a key that the current run sees.
    pub(crate) fn remove(&mut self, key: &K) {
        self.store.remove(self.scope(), key);
    }

    /// Removes all answers that the current run sees.
    pub(crate) fn clear(&mut self) {
        self.store.clear(self.scope());
    }
}
