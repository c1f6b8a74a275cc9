//! TODO

use std::fmt;
use std::time::Duration;

use super::store::{Store, Unbounded};
use crate::dispatch::keys::{CloneAnswer, HashKey};

/// Which answers are kept, and for how long.
pub(crate) struct CachePolicy<K, A> {
    pub(super) should_cache: fn(&A) -> bool,
    pub(super) between_runs: bool,
    pub(super) store: fn(capacity: usize) -> Box<dyn Store<K, CacheEntry<A>>>,
    pub(super) capacity: usize,
    pub(super) time: Option<Duration>,
}

impl<K, A> Clone for CachePolicy<K, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, A> Copy for CachePolicy<K, A> {}

impl<K, A> fmt::Debug for CachePolicy<K, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keep")
            .field("between_runs", &self.between_runs)
            .field("capacity", &self.capacity)
            .field("time_to_live", &self.time)
            .finish()
    }
}

impl<K, A> CachePolicy<K, A> {
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
            time: None,
        }
    }

    pub(crate) const fn between_runs(mut self) -> Self {
        self.between_runs = true;
        self
    }

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

    pub(crate) const fn at_most_for(mut self, time: Duration) -> Self {
        self.time = crate::util::limit(time);
        self
    }
}

pub(crate) struct CacheEntry<A> {
    pub(super) answer: A,
    pub(super) expires_at: Option<Duration>,
}

impl<A> CacheEntry<A> {
    pub(super) fn is_fresh_at(&self, now: Duration) -> bool {
        self.expires_at.is_none_or(|until| now < until)
    }
}
