//! TODO

mod bounds;
mod dedup;
mod groups;
mod seq;
mod show;

pub(crate) use bounds::{BlockingData, CloneAnswer, CopyKey, GroupKey, HashKey, OrdKey, ShowKey};
pub(crate) use dedup::{Dedup, Followers, PendingKey, PendingKeys, Place};
pub use groups::{Groups, groups};
pub(crate) use seq::Seq;
pub(crate) use show::{ShownKeys, all_shown, shown};
