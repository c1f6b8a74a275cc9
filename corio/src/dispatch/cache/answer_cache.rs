//! Answers that are kept: for the rest of a run, or with the schedule for later runs.
//!
//! What must hold: a run sees only what was kept under its own partition, and nothing at all of
//! earlier runs if it names none. What an answer is worth is decided once, when it comes; how long
//! it is good for is decided by the time when it is asked for again.

use std::collections::HashMap;
use std::time::Duration;

use super::partition::Partition;
use super::policy::{CacheEntry, CachePolicy};
use super::store::{Scope, Store};

/// The answers that one dispatcher has kept.
pub(crate) struct Cache<K, A> {
    policy: CachePolicy<K, A>,
    store: Box<dyn Store<K, CacheEntry<A>>>,
    scopes: HashMap<Partition, Scope>,
    last_scope: Scope,
    /// Of this run, once it has said which is its partition.
    scope: Option<Scope>,
    /// How many more answers and partitions may come before what is of no use any more is let go.
    until_swept: usize,
}

/// After this many at the earliest.
const SWEEP_AFTER: usize = 64;

/// Names no partition.
const THIS_RUN: Scope = 0;

impl<K, A> Cache<K, A> {
    pub(crate) fn new(policy: CachePolicy<K, A>) -> Self {
        Cache {
            policy,
            store: (policy.store)(policy.capacity),
            scopes: HashMap::new(),
            last_scope: THIS_RUN,
            scope: None,
            until_swept: SWEEP_AFTER,
        }
    }

    /// Has this run see what was kept under its partition; the first time, and not again.
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
                self.until_swept = self.until_swept.saturating_sub(1);
                self.last_scope
            })
        });
        self.scope = Some(scope);
        self.sweep_if_due(now);
    }

    /// Lets go of answers that are too old, and of partitions that have none: each time when as
    /// many have come as were left the last time, so that it costs nothing to speak of.
    fn sweep_if_due(&mut self, now: &dyn Fn() -> Duration) {
        if self.until_swept > 0 {
            return;
        }
        let left = if self.policy.time.is_some() {
            let now = now();
            self.store.retain(&|cached| cached.is_fresh_at(now))
        } else {
            self.store.retain(&|_| true)
        };
        let current = self.scope;
        self.scopes.retain(|_, scope| left.contains(scope) || Some(*scope) == current);
        self.until_swept = (self.store.len() + self.scopes.len()).max(SWEEP_AFTER);
    }

    fn scope(&self) -> Scope {
        self.scope.unwrap_or(THIS_RUN)
    }

    /// The run is over.
    pub(crate) fn leave(&mut self) {
        if self.scope.take() == Some(THIS_RUN) {
            self.store.clear(THIS_RUN);
        }
    }

    /// `now` is asked only where answers are good for a time.
    pub(crate) fn get(&self, key: &K, now: &dyn Fn() -> Duration) -> Option<&A> {
        let cached = self.store.get(self.scope(), key)?;
        (cached.expires_at.is_none() || cached.is_fresh_at(now())).then_some(&cached.answer)
    }

    pub(crate) fn should_cache(&self, answer: &A) -> bool {
        (self.policy.should_cache)(answer)
    }

    pub(crate) fn put(&mut self, key: K, answer: A, now: &dyn Fn() -> Duration) {
        let expires_at = self.policy.time.map(|time| now().saturating_add(time));
        self.store.insert(self.scope(), key, CacheEntry { answer, expires_at });
        // What is kept for the run, or without end, is of use until it is cleared.
        if self.policy.time.is_some() {
            self.until_swept = self.until_swept.saturating_sub(1);
            self.sweep_if_due(now);
        }
    }

    pub(crate) fn remove(&mut self, key: &K) {
        self.store.remove(self.scope(), key);
    }

    /// Forgets what this run can see.
    pub(crate) fn clear(&mut self) {
        self.store.clear(self.scope());
    }
}
