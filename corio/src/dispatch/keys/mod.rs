//! TODO

mod bounds;
mod dedup;
mod groups;
mod show;
mod ticket;

pub(crate) use bounds::{CloneAnswer, CopyKey, Distinct, HashKey, OrdKey, ShowKey, Travels};
pub(crate) use dedup::{Dedup, Place, Row, Shared, Sharing};
pub use groups::{Groups, groups};
pub(crate) use show::{ShownKeys, all_shown, shown};
pub(crate) use ticket::Ticket;
