//! `for_each!(limit = n, source, task)`: a task for each item of an iterator or a stream, at most
//! `n` at a time, of which nothing is kept.
//!
//! A [`window`](super::window) without results, and with a source that may have to be waited for.
//! The source is asked for the next item only when the next child can start, so any number of items
//! goes through the memory of `n`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::foreign::OutsidePoll;
use super::set::{Fallible, FirstErr, WaitAll};
use super::source::PollSource;
use super::token::Over;
use super::traits::Task;
use super::window_slots::WindowSlots;
use crate::executor::{Coroutine, SetPolicy};
use crate::runtime::{RunState, current};

pin_project! {
    /// The future of `for_each!`, and under the policy `FirstErr` of `try_for_each!`: children with
    /// futures `F`, made by `M` from the items `A` of `Q`.
    // Without a bound on `M`, so that what makes no task of an item is reported once, as the
    // argument.
    #[must_use]
    pub struct ForEach<S, Q, A, M, F: Future, P: SetPolicy<F::Output>> {
        // The first field: the children are dropped before the other fields.
        slots: WindowSlots<Coroutine<F>, P>,
        // `None` once it has ended: what it holds is free while the last children run.
        #[pin]
        source: Option<Q>,
        wait: OutsidePoll,
        make: M,
        call: fn(&mut M, A, &Over<S>) -> F,
        over: Over<S>,
        // Number of children that run, or have ended and not been collected.
        running: usize,
    }
}

/// `()`. A trait instead of the type, for the sake of the error message.
#[diagnostic::on_unimplemented(
    message = "`for_each!` keeps no results, and a task gives `{Self}`",
    label = "a task gives `{Self}`, which would be lost",
    note = "let the task use it: `|row| task!(move {{ io!(insert(row)); }})`; for tasks that can \
            fail there is `try_for_each!`; `all!(limit = n, tasks)` collects results"
)]
pub trait GivesNothing {}

impl GivesNothing for () {}

impl<S, Q, A, M, F: Future, P: SetPolicy<F::Output>> ForEach<S, Q, A, M, F, P> {
    /// # Panics
    /// If `limit` is 0.
    #[track_caller]
    pub(super) fn new<T>(limit: usize, source: Q, make: M, over: Over<S>) -> Self
    where
        M: FnMut(A) -> T,
        T: Task<S, Future = F>,
    {
        assert!(limit > 0, "corio: a limit of at least 1, or no child would ever run");
        let slots = current::with(|run| WindowSlots::new(run, limit));
        let (source, wait, running) = (Some(source), OutsidePoll::default(), 0);
        let call = |make: &mut M, item, over: &Over<S>| make(item).into_future(over);
        ForEach { slots, source, wait, make, call, over, running }
    }
}

impl<S, Q, A, M, F, P> ForEach<S, Q, A, M, F, P>
where
    Q: PollSource<Item = A>,
    F: Future,
    P: SetPolicy<F::Output>,
{
    /// Collects the children that have ended and starts the next ones. Ready when all have ended,
    /// with `Err` of the output that short-circuits.
    fn advance(self: Pin<&mut Self>, run: &RunState) -> Poll<Result<(), F::Output>> {
        let mut this = self.project();
        assert!(
            this.slots.is_of(run),
            "corio: children can only be awaited in the run that they were made in"
        );
        let (executor, scope) = (&run.executor, this.slots.scope());
        while let Some(ended) = this.slots.take_ended() {
            if let Some(output) = ended.output.filter(|_| ended.short_circuited) {
                return Poll::Ready(Err(output));
            }
            *this.running -= 1;
        }
        // No child is started after the first error, although the failed child may not have ended
        // yet: it may wait for its own children.
        let has_failed = executor.has_short_circuited(scope);
        while let Some(source) = this.source.as_mut().as_pin_mut().filter(|_| !has_failed) {
            // The source and `make` are user code: if they panic, the slot is still free.
            let Some(slot) = this.slots.free_slot() else { break };
            match source.poll_next(this.wait) {
                Poll::Ready(Some(item)) => slot.start(0, (this.call)(this.make, item, this.over)),
                Poll::Ready(None) => {
                    this.source.set(None);
                    break;
                }
                Poll::Pending => break,
            }
            *this.running += 1;
        }
        if *this.running > 0 {
            executor.await_next_child(scope);
        } else if this.source.is_none() {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }
}

impl<S, Q: PollSource<Item = A>, A, M, F: Future> Future for ForEach<S, Q, A, M, F, WaitAll> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        current::with(|run| self.advance(run)).map(|ended| match ended {
            Ok(()) => {}
            Err(_) => unreachable!("no child short-circuits"),
        })
    }
}

impl<S, Q: PollSource<Item = A>, A, M, F, E> Future for ForEach<S, Q, A, M, F, FirstErr>
where
    F: Future<Output: Fallible<Error = E>>,
{
    type Output = Result<(), E>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        current::with(|run| self.advance(run)).map(|ended| match ended {
            Ok(()) => Ok(()),
            Err(output) => {
                output.into_result().map(|_| unreachable!("only an error short-circuits"))
            }
        })
    }
}
