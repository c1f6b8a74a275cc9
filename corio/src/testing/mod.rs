//! Utilities for tests of programs that use corio.
//!
//! | utility | purpose |
//! |---|---|
//! | `name::batch(…)` | calls the per-batch function of a dispatcher |
//! | [`Recorded`] | replaces a dispatcher and records its batches |
//! | [`Config::answer_with`](crate::Config::answer_with) | replaces it in one schedule |
//! | [`Log`](crate::Log), [`assert_batches!`] | which batches were sent, and how many |
//! | [`VirtualClock`] | time limits, pauses and caches without waiting |
//! | [`explore`](explore()), [`explore_over`] | tasks in many orders, each repeatable by a seed |
//! | [`Config::shuffle`](crate::Config::shuffle) | tasks in the order of one seed |
//!
//! The following example tests a program in all of these ways.
//!
//! ```
//! # use std::collections::HashMap;
//! use std::time::Duration;
//! use corio::testing::{Recorded, VirtualClock, assert_batches, explore_over};
//!
//! struct Db {
//!     // …
//! }
//!
//! # impl Db {
//! #     fn names(&self, ids: &[u64]) -> HashMap<u64, String> {
//! #         ids.iter().filter(|id| **id < 100).map(|id| (*id, format!("author {id}"))).collect()
//! #     }
//! # }
//! #[corio::dispatcher(
//!     retry(attempts = 3, backoff = "1s..1min", when = |error: &String| error == "busy"),
//! )]
//! fn fetch_author(db: &Db, ids: &[u64]) -> Vec<Result<String, String>> {
//!     let names = db.names(ids); // SELECT … WHERE id IN (…)
//!     ids.iter().map(|id| names.get(id).cloned().ok_or(format!("no author {id}"))).collect()
//! }
//!
//! #[corio::task(impl corio::Provide<Db>)]
//! fn card(author: u64) -> String {
//!     io!(fetch_author(author)).unwrap_or_else(|error| error)
//! }
//!
//! #[corio::task(impl corio::Provide<Db>)]
//! fn cards(authors: &[u64]) -> Vec<String> {
//!     all!(authors.iter().map(|author| card(*author)))
//! }
//! #
//! # fn main() -> Result<(), corio::Error> {
//! # let db = Db {};
//!
//! // The per-batch function is an ordinary function.
//! let answers = fetch_author::batch(&db, &[1, 100]);
//! assert_eq!(answers, [Ok("author 1".into()), Err("no author 100".into())]);
//!
//! // Tasks are tested with a double in place of the dispatcher, which records the batches.
//! let authors =
//!     Recorded::canned([(1, Ok("Jane Austen".into())), (2, Err("no author 2".into()))]);
//! let log = corio::Log::new();
//! let mut schedule = corio::Schedule::new(&db)
//!     .answer_with(fetch_author, authors.answer())
//!     .observe(log.observer());
//! assert_eq!(schedule.run(cards(&[1, 2]))?, ["Jane Austen", "no author 2"]);
//! assert_eq!(authors.batches(), [[1, 2]]);
//!
//! // The log counts the batches.
//! assert_batches!(log, "fetch_author" == 1);
//!
//! // With a virtual clock, the pauses between retries take no time.
//! let busy = Recorded::new(|ids: &[u64]| vec![Err("busy".to_owned()); ids.len()]);
//! let clock = VirtualClock::new();
//! schedule = schedule.answer_with(fetch_author, busy.answer()).clock(clock.clone());
//! assert_eq!(schedule.run(card(1))?, "busy");
//! assert_eq!(busy.batches().len(), 3);
//! assert_eq!(clock.now(), Duration::from_secs(3));
//!
//! // What must not depend on the order of tasks is tested in many orders.
//! explore_over(100, || &db, |mut schedule| {
//!     assert_eq!(schedule.run(cards(&[1, 2])).unwrap(), ["author 1", "author 2"]);
//! });
//! # Ok(()) }
//! ```

// Files, for maintainers: `batches.rs` has `assert_batches!`, `clock.rs` `VirtualClock`,
// `explore.rs` `explore` and `explore_over`, and `recorded.rs` `Recorded`.

pub use crate::testing::clock::VirtualClock;
pub use crate::testing::explore::{explore, explore_over};
pub use crate::testing::recorded::Recorded;

pub(crate) mod batches;
mod clock;
mod explore;
mod recorded;

#[doc(inline)]
pub use crate::__assert_batches as assert_batches;
