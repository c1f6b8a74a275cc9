//! TODO

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
