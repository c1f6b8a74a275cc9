//! The cache of one dispatcher: answers for the rest of a run, or for later runs.
//!
//! | file | is |
//! |---|---|
//! | `partition` | [`Partition`], a name that says which runs share cached answers |
//! | `policy` | [`CachePolicy`], which answers are cached and for how long |
//! | `store` | the store of entries by scope and key, and the unbounded one |
//! | `bounded` | a store of bounded size, with the feature `cache` |
//! | `answer_cache` | [`Cache`]: policy, store and the scope of the current run |
//! | `change` | [`CacheChange`], what a task may change |
//!
//! Terms:
//! - **partition**: named by the dispatcher from the context; runs of one partition share answers.
//! - **scope**: the number of a partition in one cache; 0 is that of a run without partition.
//! - **fresh**: an entry whose time to live is not over.
//! - **prune**: to remove entries that are not fresh, and partitions without entries.
//!
//! Invariants:
//! - A run sees only the answers of its own partition; without a partition, none of earlier runs.
//! - Whether an answer is cached is decided once, when it arrives. How long it is fresh is decided
//!   by the time when it is looked up.

mod answer_cache;
#[cfg(feature = "cache")]
mod bounded;
mod change;
mod partition;
mod policy;
mod store;

pub(crate) use answer_cache::Cache;
pub(crate) use change::CacheChange;
pub use partition::Partition;
pub(crate) use policy::CachePolicy;
