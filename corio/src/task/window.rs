//! `all!(limit = n, tasks)`: a set that runs at most `n` children at a time.
//!
//! Each running child has a slot, which the next child reuses. When a child has ended, its slot
//! links itself into the list of ended slots, and the owner of the window is woken. The owner takes
//! the outputs and starts the next children in the freed slots. So finding the children that have
//! ended takes constant time per child, and the tasks are made one by one: any number of tasks runs
//! in the memory of `n`, besides the results. The memory of slots and scope is the matter of
//! `cells`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::set::{Fallible, FirstErr, WaitAll};
use super::window_slots::WindowSlots;
use crate::executor::{ChildBody, SetPolicy};
use crate::runtime::{RunState, current};

/// The future of `all!(limit = n, tasks)`.
#[must_use]
pub struct Window<I, K: ChildBody, P: SetPolicy<K::Output>> {
    // The first field: the children are dropped before the other fields.
    slots: WindowSlots<K, P>,
    /// `None` once the iterator has ended.
    inputs: Option<I>,
    /// Number of children that run, or have ended and not been collected.
    running: usize,
    /// Number of children that were started so far.
    started: usize,
    /// By index of the child; `None` while the child runs.
    outputs: Vec<Option<K::Output>>,
}

// Nothing in a window is pinned: its children are in blocks of their own.
impl<I, K: ChildBody, P: SetPolicy<K::Output>> Unpin for Window<I, K, P> {}

/// The largest number of results for which memory is allocated in advance, by the size hint of the
/// iterator. An endless iterator, which is used until the first error, may give a huge hint.
const MAX_PREALLOCATED: usize = 1 << 20;

impl<I: Iterator<Item = K::Input>, K: ChildBody, P: SetPolicy<K::Output>> Window<I, K, P> {
    /// A window over children made from `inputs`, of which at most `limit` run at a time.
    ///
    /// # Panics
    /// If `limit` is 0.
    #[track_caller]
    pub(super) fn new(limit: usize, inputs: I) -> Self {
        assert!(limit > 0, "corio: a limit of at least 1, or no child would ever run");
        // `size_hint` is user code and may panic, so it is called before a block is taken.
        let outputs = Vec::with_capacity(inputs.size_hint().0.min(MAX_PREALLOCATED));
        let slots = current::with(|run| WindowSlots::new(run, limit));
        Window { slots, inputs: Some(inputs), running: 0, started: 0, outputs }
    }

    /// Collects the children that have ended and starts the next ones. Ready with the outputs of
    /// all children, or with `Err` of the output that short-circuits the window.
    fn advance(&mut self, run: &RunState) -> Poll<Result<Vec<K::Output>, K::Output>> {
        assert!(
            self.slots.is_of(run),
            "corio: a set of children can only be awaited in the run that it was made in"
        );
        let executor = &run.executor;
        let scope = self.slots.scope();
        if let Some(output) = self.drain_ended() {
            return Poll::Ready(Err(output));
        }
        // No child is started after the first error, although the failed child may not have ended
        // yet: it may wait for its own children.
        while let Some(slot) =
            self.slots.free_slot().filter(|_| !executor.has_short_circuited(scope))
        {
            // `next` is user code: if it panics, the slot is still on the free list.
            let Some(input) = self.inputs.as_mut().and_then(Iterator::next) else {
                self.inputs = None;
                break;
            };
            self.outputs.push(None);
            slot.start(self.started, input);
            self.started += 1;
            self.running += 1;
        }
        if self.running > 0 {
            executor.await_next_child(scope);
            return Poll::Pending;
        }
        let outputs = std::mem::take(&mut self.outputs);
        Poll::Ready(Ok(outputs
            .into_iter()
            .map(|output| output.expect("every child has ended"))
            .collect()))
    }

    /// Takes the outputs of all children that have ended and frees their slots. Stops at an output
    /// that short-circuits the window, and returns it.
    fn drain_ended(&mut self) -> Option<K::Output> {
        while let Some(ended) = self.slots.take_ended() {
            if ended.short_circuited {
                return ended.output;
            }
            self.outputs[ended.index] = ended.output;
            self.running -= 1;
        }
        None
    }
}

impl<I: Iterator<Item = K::Input>, K: ChildBody> Future for Window<I, K, WaitAll> {
    type Output = Vec<K::Output>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Vec<K::Output>> {
        current::with(|run| self.advance(run)).map(|outputs| match outputs {
            Ok(outputs) => outputs,
            Err(_) => unreachable!("no child short-circuits"),
        })
    }
}

impl<I: Iterator<Item = K::Input>, K: ChildBody<Output: Fallible<Ok = T, Error = E>>, T, E> Future
    for Window<I, K, FirstErr>
{
    type Output = Result<Vec<T>, E>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<Vec<T>, E>> {
        current::with(|run| self.advance(run)).map(|outputs| match outputs {
            Ok(outputs) => outputs.into_iter().map(Fallible::into_result).collect(),
            Err(output) => {
                output.into_result().map(|_| unreachable!("only an error short-circuits"))
            }
        })
    }
}
