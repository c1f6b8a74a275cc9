//! Keys: what a dispatcher's options ask of them, and what is done with them.
//!
//! | file | is |
//! |---|---|
//! | `bounds` | bounds on keys and answers, as traits with helpful compile errors |
//! | `seq` | [`Seq`], the number of a request in the order of asking |
//! | `dedup` | [`Dedup`], what dedup needs to know; [`PendingKeys`], the keys in use |
//! | `groups` | [`Groups`], which keys may share a batch |
//! | `show` | keys in errors and events |
//!
//! Terms:
//! - **pending key**: a key whose request is queued or in flight, in a *row* of `PendingKeys`.
//! - **lead**: the first request for a pending key, which is sent. **Follower**: a later waiter for
//!   the key, which gets a copy of the answer.
//! - **seq**: number and row of a pending key. A seq is *valid* while the row is that of the seq.
//! - **place**: the batch in flight, and the position in it, that a pending key is answered at.
//! - **watched**: a key is watched while the batch at its place may find a live follower there.
//!
//! Invariants:
//! - A key has at most one lead; every other waiter for it is a follower, until the key is
//!   forgotten or invalidated.
//! - Which functions run code of the user's (hashing, comparing, copying keys) is said in
//!   `PendingKeys`; when such code panics, no waiter is lost.

mod bounds;
mod dedup;
mod groups;
mod seq;
mod show;

#[cfg(feature = "blocking")]
pub(crate) use bounds::BlockingData;
pub(crate) use bounds::{
    CloneAnswer, CopyKey, GroupKey, HashKey, KeptBetweenRuns, OrdKey, ShowKey,
};
pub(crate) use dedup::{Dedup, Followers, PendingKey, PendingKeys, Place};
pub use groups::{Groups, groups};
pub(crate) use seq::Seq;
pub(crate) use show::{ShownKeys, all_shown, shown};
