//! Plain async code asks.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::asker::{Asker, Entry, Outcome, Seat};
use super::asking::{group_of, innermost_group, is_in_batch_of};
use super::inner::Handle;
use super::queues::queue_of;
use super::shared_dispatch::SharedDispatch;
use super::unsent::UnsentOf;
use crate::dispatch::{Fault, RequestError, Unavailable};

/// One request to a [`Hub`](crate::Hub), as a future; made by [`Hub::ask`](crate::Hub::ask).
///
/// Nothing is asked before its first poll. Dropped before its answer is there, the request is
/// withdrawn: it does not leave any more, or if nobody else waits for its batch, that is given up.
#[must_use = "nothing is asked before this is awaited"]
pub struct Ask<H: Send + Sync + 'static, R: SharedDispatch<H>> {
    hub: Arc<Handle<H>>,
    stage: Stage<H, R>,
}

enum Stage<H: Send + Sync + 'static, R: SharedDispatch<H>> {
    New(R::Part, R::Key),
    Asked(Arc<Seat<R>>),
    Over,
}

impl<H: Send + Sync + 'static, R: SharedDispatch<H>> Ask<H, R> {
    pub(super) fn new(hub: Arc<Handle<H>>, part: R::Part, request: R) -> Self {
        Ask { hub, stage: Stage::New(part, request.into_key()) }
    }
}

// Nothing in it is pinned.
impl<H: Send + Sync + 'static, R: SharedDispatch<H>> Unpin for Ask<H, R> {}

impl<H: Send + Sync + 'static, R: SharedDispatch<H>> Future for Ask<H, R> {
    type Output = Result<R::Answer, RequestError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Ask { hub, stage } = &mut *self;
        match mem::replace(stage, Stage::Over) {
            Stage::New(part, key) => {
                let queue = queue_of::<H, R>(&hub.inner);
                if is_in_batch_of(queue.id()) {
                    let (dispatcher, reason) = (R::name(), Unavailable::AsksItself);
                    let fault = Fault::Unavailable { dispatcher, reason, was_sent: false };
                    return Poll::Ready(told::<H, R>(hub, Err(fault)));
                }
                let seat = Seat::new(context.waker().clone(), innermost_group());
                let entry = Entry { key, asker: Asker::plain(seat.clone()) };
                *stage = Stage::Asked(seat);
                match group_of(hub.id()) {
                    Some(group) => {
                        group.with_unsent(|unsent| UnsentOf::add(unsent, &queue, part, entry))
                    }
                    None => {
                        queue.push(part, vec![entry]);
                    }
                }
            }
            asked @ Stage::Asked(_) => *stage = asked,
            Stage::Over => panic!("polled after it was over"),
        }
        let Stage::Asked(seat) = stage else { unreachable!("set above") };
        let outcome = seat.poll(context);
        match outcome {
            Poll::Ready(outcome) => {
                *stage = Stage::Over;
                Poll::Ready(told::<H, R>(hub, outcome))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// An outcome as the asker gets it: with `faults = "error"` all trouble is in the answer, as it is
/// for a run.
fn told<H: Send + Sync + 'static, R: SharedDispatch<H>>(
    hub: &Handle<H>,
    outcome: Outcome<R>,
) -> Outcome<R> {
    outcome.or_else(|fault| match hub.inner.options::<R>().fault_as_answer() {
        Some(as_answer) => Ok(as_answer(&fault)),
        None => Err(fault),
    })
}

impl<H: Send + Sync + 'static, R: SharedDispatch<H>> Drop for Ask<H, R> {
    fn drop(&mut self) {
        if let Stage::Asked(seat) = &self.stage {
            seat.leave();
        }
    }
}

impl<H: Send + Sync + 'static, R: SharedDispatch<H>> fmt::Debug for Ask<H, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_over = matches!(self.stage, Stage::Over);
        f.debug_struct("Ask").field("dispatcher", &R::name()).field("is_over", &is_over).finish()
    }
}
