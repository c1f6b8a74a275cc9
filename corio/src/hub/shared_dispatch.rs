//! The trait that says how a hub answers a batch.

use std::hash::Hash;

use crate::dispatch::{Request, Requests};

/// How requests of one kind are answered by a [`Hub`](crate::Hub) over the context `H`.
///
/// `#[corio::dispatcher(shared)]` implements it, beside [`Dispatch`](crate::Dispatch), for every
/// `H` that provides the pieces which the per-batch function takes. By hand:
///
/// ```
/// use corio::{Hub, Options, Request, Requests, SharedDispatch};
///
/// struct Square(u64);
///
/// impl Request for Square {
///     type Key = u64;
///     type Answer = u64;
///     const OPTIONS: Options<u64, u64> = Options::new().shared();
///     fn into_key(self) -> u64 { self.0 }
/// }
///
/// impl<H> SharedDispatch<H> for Square {
///     type Part = ();
///
///     fn dispatch_shared<'r>(_: &'r H, _: &'r (), requests: Requests<'_, 'r, Self>) {
///         requests.answer(|keys| keys.iter().map(|n| n * n).collect::<Vec<_>>());
///     }
/// }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let hub = Hub::new((), |work| drop(tokio::spawn(work)));
/// assert_eq!(hub.ask(Square(7)).await?, 49);
/// # Ok::<(), corio::RequestError>(()) }).unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "requests of `{Self}` can't go through a hub over `{H}`",
    label = "not answered by a hub over `{H}`",
    note = "write `#[corio::dispatcher(shared)]`; its keys and answers are `Send`, and the hub's \
            context provides each `&T` that the function takes and that `by` does not give"
)]
pub trait SharedDispatch<H>: Request<Key: Send, Answer: Send> + Send {
    /// What the asker brings along, and a batch has in common: a tenant, say. Only requests of
    /// equal parts share a batch, an answer or a cache. `()` if all may.
    type Part: Clone + Eq + Hash + Send + Sync + 'static;

    /// Answers a batch: calls one of the methods of [`Requests`].
    fn dispatch_shared<'r>(context: &'r H, part: &'r Self::Part, requests: Requests<'_, 'r, Self>);
}
