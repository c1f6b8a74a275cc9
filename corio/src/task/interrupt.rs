//! A task beside an interrupt: the two are children of one set, and whichever ends first, the other
//! is dropped. The set is resumed by the run loop, so a task is never dropped from within itself or
//! from within a task that it has called.

use std::marker::PhantomData;
use std::task::Poll;

use super::set::{FirstDone, IntoChild, IntoChildren, Set};
use crate::executor::{ChildBody, Executor, Id, Leaf, LeafBody, MapOutput, MappedBody};
use crate::runtime::current;

/// A condition that ends a task early.
pub trait Interrupt {
    /// Why the task was interrupted.
    #[doc(hidden)]
    type Reason;

    /// Whether observers see the task beside the interrupt as a task, or as a part of the enclosing
    /// task.
    #[doc(hidden)]
    const BESIDE_A_TASK: bool;

    /// Arranges for `id` to be woken when the condition may hold. Called once.
    #[doc(hidden)]
    fn start(&mut self, id: Id);

    /// The reason, if the condition holds. Called whenever `id` was woken.
    #[doc(hidden)]
    fn reason(&self) -> Option<Self::Reason>;
}

/// The interrupt as a child. Its output is always an error: the reason.
pub struct Interruption<I, T> {
    interrupt: I,
    output: PhantomData<fn() -> T>,
}

impl<I: Interrupt, T> Leaf for Interruption<I, T> {
    type Output = Result<T, I::Reason>;
    const ASKS: bool = false;

    fn start(&mut self, _: &Executor, id: Id) {
        self.interrupt.start(id);
    }

    fn poll(&mut self) -> Poll<Self::Output> {
        match self.interrupt.reason() {
            Some(reason) => Poll::Ready(Err(reason)),
            None => {
                current::with(|run| run.executor.park());
                Poll::Pending
            }
        }
    }

    fn name() -> &'static str {
        std::any::type_name::<I>()
    }
}

impl<I: Interrupt, T> IntoChild for Interruption<I, T> {
    type ChildBody = LeafBody<Self>;
    type Input = Self;

    fn into_input(self) -> Self {
        self
    }
}

/// The task as a child, with the body `K`. Its output is wrapped in `Ok`.
pub struct Interruptible<K, I>(PhantomData<(K, I)>);

impl<K: ChildBody, I: Interrupt> MapOutput for Interruptible<K, I> {
    type ChildBody = K;
    type Output = Result<K::Output, I::Reason>;
    const IS_TASK: bool = K::IS_TASK && I::BESIDE_A_TASK;

    fn map(output: K::Output) -> Self::Output {
        Ok(output)
    }
}

/// What an [`Interruptible`] is made from.
pub struct InterruptibleInput<T, I>(T, PhantomData<I>);

impl<T: IntoChild, I: Interrupt> IntoChild for InterruptibleInput<T, I> {
    type ChildBody = MappedBody<Interruptible<T::ChildBody, I>>;
    type Input = T::Input;

    fn into_input(self) -> T::Input {
        self.0.into_input()
    }
}

/// A task and its interrupt, before they become children of a set.
pub(super) type InterruptPair<T, I> =
    (InterruptibleInput<T, I>, Interruption<I, <<T as IntoChild>::ChildBody as ChildBody>::Output>);

/// The cells of a task and its interrupt in a set.
pub(super) type InterruptChildren<T, I> =
    <InterruptPair<T, I> as IntoChildren<FirstDone>>::Children;

/// Runs `child` until it ends or `interrupt` does: gives the output of the child, or the reason of
/// the interrupt.
pub(crate) fn until<T: IntoChild, I: Interrupt>(
    child: T,
    interrupt: I,
) -> Set<InterruptChildren<T, I>>
where
    InterruptPair<T, I>: IntoChildren<FirstDone>,
{
    Set::tuple::<FirstDone>((
        InterruptibleInput(child, PhantomData),
        Interruption { interrupt, output: PhantomData },
    ))
}
