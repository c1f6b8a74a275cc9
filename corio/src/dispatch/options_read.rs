//! What queues, runs and hubs read from the options of a dispatcher.

use super::error::Fault;
use super::options::Options;
use super::retry::Retry;
use crate::dispatch::cache::CachePolicy;
use crate::dispatch::keys::{CopyKey, Groups};

impl<K, A> Options<K, A> {
    /// What is left to a run whose requests go through a hub: dedup, the cache for the run, keys
    /// and faults in errors. Whatever is asked leaves for the hub at once, where it gathers.
    pub(super) fn of_run_with_hub(self) -> Self {
        Options {
            max_batch: usize::MAX,
            in_flight: usize::MAX,
            concurrent: true,
            ordered: false,
            cache_policy: self.cache_policy.filter(|policy| !policy.is_between_runs()),
            groups: None,
            retry: Retry::unless_told(),
            copy_key: None,
            timeout: None,
            rate: None,
            ..self
        }
    }

    /// What a hub does with the requests of all runs: all but the cache for the run. A request
    /// never follows one in flight, whose answer may be older than what its asker has written. Keys
    /// are in groups already where that is possible.
    pub(crate) fn of_hub(self) -> Self {
        Options {
            in_flight: self.adapts_up_to().map_or(self.in_flight, |_| usize::MAX),
            joins_in_flight: false,
            cache_policy: self.cache_policy.filter(CachePolicy::is_between_runs),
            groups: self.groups.filter(|_| self.ordered),
            // Whoever asked makes an answer of it.
            fault: None,
            ..self
        }
    }

    /// How many batches may be in flight in a hub that finds out itself, at most.
    pub(crate) fn adapts_up_to(&self) -> Option<usize> {
        self.adapts_up_to.filter(|_| !self.ordered)
    }

    /// The number of keys in a batch at most.
    pub(crate) fn batch_limit(&self) -> usize {
        self.max_batch
    }

    /// Whether batches keep the order of asking.
    pub(crate) fn keeps_order(&self) -> bool {
        self.ordered
    }

    /// Makes the object that numbers the groups of keys, where groups may overtake each other.
    pub(crate) fn make_groups(&self) -> Option<Groups<K>> {
        self.groups.filter(|_| !self.ordered).map(|make| make())
    }

    /// What makes an answer of a fault, with `faults_as_errors`.
    pub(crate) fn fault_as_answer(&self) -> Option<fn(&Fault) -> A> {
        self.fault
    }

    /// Whether answers are kept beyond the batch, for later requests.
    pub(crate) fn keeps_answers(&self) -> bool {
        self.cache_policy.is_some()
    }

    /// Whether requests leave in the order in which they have gathered, all that may leave
    /// together, without more to do.
    pub(super) fn is_fast_path(&self) -> bool {
        !self.ordered && self.dedup.is_none() && self.groups.is_none() && self.rate.is_none()
    }

    /// How to copy each key that is sent, if copies are needed to send the keys again when their
    /// batch has timed out.
    pub(super) fn copy_sent_key(&self) -> Option<CopyKey<K>> {
        self.copy_key.filter(|_| self.timeout.is_some() && self.retry.wants_timeouts())
    }

    /// Whether an answer is more than handed to its waiter: shared with followers, cached, or
    /// checked for a retry.
    pub(super) fn postprocesses(&self) -> bool {
        self.dedup.is_some() || self.retry.looks_at_answers()
    }
}
