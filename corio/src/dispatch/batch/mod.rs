//! A batch as its dispatcher sees it, and the ways in which it can be answered.
//!
//! - `requests`: [`Requests`], which `Dispatch::dispatch` gets and answers in place, by a future,
//!   or as slots.
//! - `payload`: [`Payload`], keys and answers without the waiters.
//! - `keys`: [`Keys`], what a future answers that takes keys by slice.
//! - `generated`: what generated code calls for an `async fn`, whose future need not be `Send`.
//! - `blocking`: methods of `Requests` that answer on a thread pool; with the feature `blocking`.
//! - `slots`: [`Batch`], requests as slots that are answered one by one.
//! - `slot`: [`Slot`], one request of a `Batch`.
//!
//! Terms:
//!
//! - *In place*: answered before `dispatch` returns; such a batch is never in flight.
//! - *Payload*: the keys and answers of a batch, without its waiters. Only a payload leaves the
//!   thread or is held by a future; the waiters stay in the queue.
//! - *Wrap*: a function from what slots are answered with to what a request gets (a fault-carrying
//!   `Result`, say).
//!
//! Invariant: each request of a batch is answered, retried or reported as unanswered exactly once.
//! The methods of `Requests` and `Slot` that do so take `self`; the destructors report what was not
//! answered.

#[cfg(feature = "blocking")]
mod blocking;
mod generated;
mod keys;
mod payload;
mod requests;
mod slot;
mod slots;

pub use generated::{
    Flow, answer_async, answer_owned_async, batch_async, batch_async_send, batch_with, flow,
};
pub use keys::{AnsweredKeys, Keys};
pub(crate) use payload::Payload;
pub use requests::Requests;
pub use slot::Slot;
pub use slots::Batch;
