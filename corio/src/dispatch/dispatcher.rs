//! The trait that says how a batch is answered.

use super::request::Request;
use crate::dispatch::batch::Requests;
use crate::dispatch::cache::Partition;

/// How the requests of one kind are answered in a schedule over the context `S`.
///
/// Written by `#[corio::dispatcher]` for every `S` that provides the pieces which the per-batch
/// function takes. See [`Request`] for an example by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a request that a task over `{S}` can ask for",
    label = "not a request",
    note = "a request is what a `#[corio::dispatcher]` function gives: `io!(fetch_user(id))`; a \
            task is run with `call!(task)`"
)]
pub trait Dispatch<S>: Request {
    /// Answers a batch: calls one of the methods of [`Requests`], each of which takes the answers
    /// in another form. Returning without calling any is an error that names the dispatcher.
    fn dispatch<'r>(context: &'r S, requests: Requests<'_, 'r, Self>);

    /// Returns the partition of answers that are cached between runs (see
    /// [`Options::cache_in_schedule`](crate::Options::cache_in_schedule)): a later run sees the
    /// answers of an equal partition and no others. Called once a run.
    ///
    /// With `None`, the default, no answer is cached beyond the run.
    fn partition(_context: &S) -> Option<Partition> {
        None
    }
}
