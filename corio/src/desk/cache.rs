//! Answers that are kept: for the rest of a run, or with the schedule for later runs.
//!
//! What must hold: a run sees only what was kept under its own partition, and nothing at all of earlier runs if it names none. What an answer is worth is decided once, when
//! it comes; how long it is good for is decided by the time when it is asked for again.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

use super::answers::{CloneAnswer, Distinct, HashKey};
use super::store::{Scope, Store, Unbounded};

/// For whom answers are kept; see [`Dispatch::partition`](crate::Dispatch::partition).
///
/// ```
/// use corio::Partition;
///
/// assert_eq!(Partition::of(7), Partition::of(7));
/// assert_ne!(Partition::of(7), Partition::of("seven"));
/// ```
#[derive(Clone)]
pub struct Partition(Rc<dyn Name>);

/// Anything that can be told apart from anything.
trait Name: Any {
    fn as_any(&self) -> &dyn Any;
    fn is(&self, other: &dyn Any) -> bool;
    fn hashed(&self) -> u64;
}

impl<T: Hash + Eq + 'static> Name for T {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn is(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<T>().is_some_and(|other| self == other)
    }

    fn hashed(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

impl Partition {
    /// The partition with this name: a tenant, a user, a locale; `()` where everybody may see everything.
    pub fn of<T: Distinct>(name: T) -> Self {
        Partition(Rc::new(name))
    }
}

impl PartialEq for Partition {
    fn eq(&self, other: &Self) -> bool {
        (*self.0).is((*other.0).as_any())
    }
}

impl Eq for Partition {}

impl Hash for Partition {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64((*self.0).hashed());
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Partition")
    }
}

/// Which answers are kept, and for how long.
pub(crate) struct Keep<K, A> {
    worth_keeping: fn(&A) -> bool,
    between_runs: bool,
    store: fn(capacity: usize) -> Box<dyn Store<K, Kept<A>>>,
    capacity: usize,
    time: Option<Duration>,
}

impl<K, A> Clone for Keep<K, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, A> Copy for Keep<K, A> {}

impl<K, A> fmt::Debug for Keep<K, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keep").field("between_runs", &self.between_runs).field("capacity", &self.capacity).field("time_to_live", &self.time).finish()
    }
}

impl<K, A> Keep<K, A> {
    pub(super) const fn for_the_run(worth_keeping: fn(&A) -> bool) -> Self
    where
        K: HashKey,
        A: 'static,
    {
        Keep { worth_keeping, between_runs: false, store: |_| Box::new(Unbounded::new()), capacity: usize::MAX, time: None }
    }

    pub(super) const fn between_runs(mut self) -> Self {
        self.between_runs = true;
        self
    }

    pub(super) const fn bounded(mut self, capacity: usize) -> Self
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

    pub(super) const fn at_most_for(mut self, time: Duration) -> Self {
        self.time = super::limit(time);
        self
    }
}

pub(super) struct Kept<A> {
    answer: A,
    good_until: Option<Duration>,
}

impl<A> Kept<A> {
    fn is_good_at(&self, now: Duration) -> bool {
        self.good_until.is_none_or(|until| now < until)
    }
}

/// The answers that one dispatcher has kept.
pub(super) struct Cache<K, A> {
    keep: Keep<K, A>,
    store: Box<dyn Store<K, Kept<A>>>,
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
    pub(super) fn new(keep: Keep<K, A>) -> Self {
        Cache { keep, store: (keep.store)(keep.capacity), scopes: HashMap::new(), last_scope: THIS_RUN, scope: None, until_swept: SWEEP_AFTER }
    }

    /// Has this run see what was kept under its partition; the first time, and not again.
    pub(super) fn enter(&mut self, partition: impl FnOnce() -> Option<Partition>, now: &dyn Fn() -> Duration) {
        if self.scope.is_some() {
            return;
        }
        let partition = if self.keep.between_runs { partition() } else { None };
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

    /// Lets go of answers that are too old, and of partitions that have none: each time when as many have come as were left the last time, so that it costs nothing to speak of.
    fn sweep_if_due(&mut self, now: &dyn Fn() -> Duration) {
        if self.until_swept > 0 {
            return;
        }
        let left = if self.keep.time.is_some() {
            let now = now();
            self.store.retain(&|kept| kept.is_good_at(now))
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
    pub(super) fn leave(&mut self) {
        if self.scope.take() == Some(THIS_RUN) {
            self.store.clear(THIS_RUN);
        }
    }

    /// `now` is asked only where answers are good for a time.
    pub(super) fn get(&self, key: &K, now: &dyn Fn() -> Duration) -> Option<&A> {
        let kept = self.store.get(self.scope(), key)?;
        (kept.good_until.is_none() || kept.is_good_at(now())).then_some(&kept.answer)
    }

    pub(super) fn is_worth_keeping(&self, answer: &A) -> bool {
        (self.keep.worth_keeping)(answer)
    }

    pub(super) fn put(&mut self, key: K, answer: A, now: &dyn Fn() -> Duration) {
        let good_until = self.keep.time.map(|time| now().saturating_add(time));
        self.store.insert(self.scope(), key, Kept { answer, good_until });
        // What is kept for the run, or without end, is of use until it is cleared.
        if self.keep.time.is_some() {
            self.until_swept = self.until_swept.saturating_sub(1);
            self.sweep_if_due(now);
        }
    }

    pub(super) fn remove(&mut self, key: &K) {
        self.store.remove(self.scope(), key);
    }

    /// Forgets what this run can see.
    pub(super) fn clear(&mut self) {
        self.store.clear(self.scope());
    }
}
