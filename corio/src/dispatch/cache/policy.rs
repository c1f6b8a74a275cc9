//! Which answers of a dispatcher are cached, and for how long.

use std::fmt;
use std::time::Duration;

use super::store::{Store, Unbounded};
use crate::dispatch::keys::{CloneAnswer, HashKey};

/// Which answers are cached, and for how long. `Copy`, as it is a part of `Options`.
pub(crate) struct CachePolicy<K, A> {
    /// Whether an answer is cached.
    pub(super) should_cache: fn(&A) -> bool,
    /// Whether answers outlive their run, in its partition.
    pub(super) between_runs: bool,
    /// Makes the store. A function, so that the bounds on keys are needed only here.
    pub(super) store: fn(capacity: usize) -> Box<dyn Store<K, CacheEntry<A>>>,
    /// Maximum number of answers.
    pub(super) capacity: usize,
    /// The time to live; `None` for no limit.
    pub(super) ttl: Option<Duration>,
}

impl<K, A> Clone for CachePolicy<K, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, A> Copy for CachePolicy<K, A> {}

impl<K, A> fmt::Debug for CachePolicy<K, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachePolicy")
            .field("between_runs", &self.between_runs)
            .field("capacity", &self.capacity)
            .field("ttl", &self.ttl)
            .finish()
    }
}

impl<K, A> CachePolicy<K, A> {
    /// Caches the answers for which `should_cache` returns true until the end of their run.
    pub(crate) const fn for_the_run(should_cache: fn(&A) -> bool) -> Self
    where
        K: HashKey,
        A: 'static,
    {
        CachePolicy {
            should_cache,
            between_runs: false,
            store: |_| Box::new(Unbounded::new()),
            capacity: usize::MAX,
            ttl: None,
        }
    }

    /// Keeps answers for later runs of the same partition.
    pub(crate) const fn between_runs(mut self) -> Self {
        self.between_runs = true;
        self
    }

    /// Whether answers are kept for later runs.
    pub(crate) fn is_between_runs(&self) -> bool {
        self.between_runs
    }

    /// Limits the number of answers.
    ///
    /// # Panics
    /// If `capacity` is 0, or without the feature `cache`.
    pub(crate) const fn bounded(mut self, capacity: usize) -> Self
    where
        K: HashKey,
        A: CloneAnswer + 'static,
    {
        assert!(capacity > 0, "a cache holds at least one answer: `capacity = 1` or more");
        self.capacity = capacity;
        #[cfg(feature = "cache")]
        {
            self.store = |capacity| Box::new(super::bounded::Bounded::new(capacity));
        }
        #[cfg(not(feature = "cache"))]
        panic!("`capacity` needs the feature `cache` of corio");
        #[cfg(feature = "cache")]
        self
    }

    /// Limits the time that an answer is fresh.
    pub(crate) const fn at_most_for(mut self, time: Duration) -> Self {
        self.ttl = crate::util::limit(time);
        self
    }
}

/// An answer with its expiry.
pub(super) struct CacheEntry<A> {
    pub(super) answer: A,
    /// `None` for an answer that does not expire.
    pub(super) expires_at: Option<Duration>,
}

impl<A> CacheEntry<A> {
    /// Whether the answer is not expired at `now`.
    pub(super) fn is_fresh_at(&self, now: Duration) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}
