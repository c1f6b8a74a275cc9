//! For your own tests: answers without a server, numbers of batches, time that passes when the test
//! says so, and tasks in many orders.
//!
//! The program to be tested:
//!
//! ```
//! use std::time::Duration;
//! use corio::testing::{Recorded, VirtualClock, assert_batches, explore_over};
//!
//! struct Db {
//!     // …
//! }
//!
//! # impl Db { fn names(&self, ids: &[u64]) -> Vec<(u64, String)> { ids.iter().filter(|id| **id < 100).map(|id| (*id, format!("author {id}"))).collect() } }
//! #[corio::dispatcher(retry(attempts = 3, backoff = "1s..1min", when = |error: &String| error == "busy"))]
//! fn fetch_author(db: &Db, ids: &[u64]) -> Vec<Result<String, String>> {
//!     let rows = db.names(ids); // SELECT … WHERE id IN (…)
//!     ids.iter().map(|id| rows.iter().find(|row| row.0 == *id).map(|row| row.1.clone()).ok_or(format!("no author {id}"))).collect()
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
//! // A per-batch function is a function, and is tested as one.
//! let answers = fetch_author::batch(&db, &[1, 100]);
//! assert_eq!(answers, [Ok("author 1".into()), Err("no author 100".into())]);
//!
//! // Tasks are tested with something in place of it, which remembers what it was asked…
//! let authors = Recorded::canned([(1, Ok("Jane Austen".into())), (2, Err("no author 2".into()))]);
//! let log = corio::Log::new();
//! let mut schedule = corio::Schedule::new(&db);
//! schedule.answer_with(fetch_author, authors.answer()).observe(log.observer());
//! assert_eq!(schedule.run(cards(&[1, 2]))?, ["Jane Austen", "no author 2"]);
//! assert_eq!(authors.batches(), [[1, 2]]);
//!
//! // … and with a number of batches that they are to keep to.
//! assert_batches!(log, "fetch_author" == 1);
//!
//! // With a clock of the test's own pauses take no time.
//! let busy = Recorded::new(|ids: &[u64]| vec![Err("busy".to_owned()); ids.len()]);
//! let clock = VirtualClock::new();
//! schedule.answer_with(fetch_author, busy.answer()).clock(clock.clone());
//! assert_eq!(schedule.run(card(1))?, "busy");
//! assert_eq!(busy.batches().len(), 3);
//! assert_eq!(clock.now(), Duration::from_secs(3));
//!
//! // And what must not depend on the order of tasks is tried in many.
//! explore_over(100, || &db, |schedule| {
//!     assert_eq!(schedule.run(cards(&[1, 2])).unwrap(), ["author 1", "author 2"]);
//! });
//! # Ok(()) }
//! ```
//!
//! | | |
//! |---|---|
//! | `name::batch(…)` | the per-batch function itself |
//! | [`Schedule::answer_with`](crate::Schedule::answer_with), [`Recorded`] | another in its place, for one schedule |
//! | [`Log`](crate::Log), [`assert_batches!`] | which batches left; how many |
//! | [`VirtualClock`] | time limits, pauses and caches without waiting |
//! | [`explore`], [`explore_over`], [`Schedule::shuffle`](crate::Schedule::shuffle) | tasks in other orders, which a seed decides and so repeats |

pub use crate::testing::clock::VirtualClock;
pub use crate::testing::explore::{explore, explore_over};
pub use crate::testing::recorded::Recorded;

pub(crate) mod batches;
mod clock;
mod explore;
mod recorded;

#[doc(inline)]
pub use crate::__assert_batches as assert_batches;
