//! A future as a request, for a one-off wait that has no batch.

use std::fmt;
use std::future::Future;

use super::dispatcher::Dispatch;
use super::options::Options;
use super::request::Request;
use crate::dispatch::batch::Requests;

/// A request whose answer is the output of a future; made by [`future()`].
#[must_use = "a request does nothing until it is asked: `io!(corio::future(f))`"]
pub struct FutureRequest<F>(F);

/// Turns a future into a request: `io!(corio::future(client.get(url)))`.
///
/// For what has no batch: an HTTP call, a message from a channel, a timer of the executor. The
/// future is polled beside the batches by the driver of the run: a future that needs a certain
/// executor needs [`run_async`](crate::Schedule::run_async) on that executor. The future counts as
/// in flight, but no limit of batches holds it, and it is dropped with the task that asked.
///
/// ```
/// use std::sync::mpsc;
///
/// # async fn receive(from: mpsc::Receiver<u64>) -> u64 { from.recv().unwrap() }
/// #[corio::task]
/// fn program(from: mpsc::Receiver<u64>) -> u64 {
///     io!(corio::future(receive(from)))
/// }
///
/// let (to, from) = mpsc::channel();
/// to.send(7).unwrap();
/// assert_eq!(corio::Schedule::new(()).run(program(from))?, 7);
/// # Ok::<(), corio::Error>(())
/// ```
pub fn future<F: Future + 'static>(future: F) -> FutureRequest<F>
where
    F::Output: 'static,
{
    FutureRequest(future)
}

#[diagnostic::do_not_recommend]
impl<F: Future + 'static> Request for FutureRequest<F>
where
    F::Output: 'static,
{
    type Key = F;
    type Answer = F::Output;
    const OPTIONS: Options<F, F::Output> = Options::new().unbatched();

    fn name() -> &'static str {
        "future"
    }

    fn into_key(self) -> F {
        self.0
    }
}

#[diagnostic::do_not_recommend]
impl<S, F: Future + 'static> Dispatch<S> for FutureRequest<F>
where
    F::Output: 'static,
{
    fn dispatch<'r>(_: &'r S, requests: Requests<'_, 'r, Self>) {
        let answer = async move |futures: Vec<F>| {
            // One future: each request is a batch of its own (`Options::unbatched`).
            let mut answers = Vec::with_capacity(1);
            for future in futures {
                answers.push(future.await);
            }
            answers
        };
        // It holds futures and their outputs, which are keys and answers.
        requests.answer_owned_async_unchecked(answer);
    }
}

impl<F> fmt::Debug for FutureRequest<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FutureRequest")
    }
}
