//! A task beside an interrupt: the two are children of one set, and whichever ends first, the other
//! is dropped. The set is resumed by the run loop, so a task is never dropped from within itself or
//! from within a task that it has called.

use std::marker::PhantomData;
use std::task::Poll;

use super::set::{FirstDone, IntoChild, IntoChildren, Set};
use crate::executor::{ChildBody, Executor, Id};
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

impl<I: Interrupt, T> ChildBody for Interruption<I, T> {
    type Input = I;
    type Output = Result<T, I::Reason>;
    const IS_TASK: bool = false;
    const ASKS: bool = false;

    unsafe fn init(this: *mut Self, interrupt: I) {
        // SAFETY: the caller guarantees that `this` is valid for writes.
        unsafe { this.write(Interruption { interrupt, output: PhantomData }) }
    }

    unsafe fn start(this: *mut Self, _: &Executor, id: Id) {
        // SAFETY: the caller guarantees that `this` was made by `init` and is not in use elsewhere.
        unsafe { (*this).interrupt.start(id) }
    }

    unsafe fn resume(this: *mut Self) -> Poll<Self::Output> {
        // SAFETY: the caller guarantees that `this` was made by `init` and is not in use elsewhere.
        match unsafe { (*this).interrupt.reason() } {
            Some(reason) => Poll::Ready(Err(reason)),
            None => {
                current::with(|run| run.executor.park());
                Poll::Pending
            }
        }
    }

    unsafe fn drop_in_place(this: *mut Self) {
        // SAFETY: the caller guarantees that `this` was made by `init` and is not used afterwards.
        unsafe { std::ptr::drop_in_place(this) }
    }

    fn name() -> &'static str {
        std::any::type_name::<I>()
    }
}

/// The task as a child. Its output is wrapped in `Ok`.
#[repr(transparent)]
pub struct Interruptible<K, I>(K, PhantomData<I>);

impl<K: ChildBody, I: Interrupt> ChildBody for Interruptible<K, I> {
    type Input = K::Input;
    type Output = Result<K::Output, I::Reason>;
    const IS_TASK: bool = K::IS_TASK && I::BESIDE_A_TASK;
    const RUNS_CODE: bool = K::RUNS_CODE;

    unsafe fn init(this: *mut Self, input: K::Input) {
        // SAFETY: `Self` is a transparent wrapper of `K`; the caller guarantees the contract of
        // `init`.
        unsafe { K::init(this.cast(), input) }
    }

    unsafe fn start(this: *mut Self, executor: &Executor, id: Id) {
        // SAFETY: `this` points to a `K`; the caller guarantees the contract of `start`.
        unsafe { K::start(this.cast(), executor, id) }
    }

    unsafe fn resume(this: *mut Self) -> Poll<Self::Output> {
        // SAFETY: `this` points to a `K`; the caller guarantees the contract of `resume`.
        unsafe { K::resume(this.cast()) }.map(Ok)
    }

    unsafe fn drop_in_place(this: *mut Self) {
        // SAFETY: `this` points to a `K`; the caller guarantees the contract of `drop_in_place`.
        unsafe { K::drop_in_place(this.cast()) }
    }

    fn name() -> &'static str {
        K::name()
    }
}

/// What an [`Interruptible`] is made from.
pub struct InterruptibleInput<T, I>(T, PhantomData<I>);

/// What an [`Interruption`] is made from.
pub struct InterruptionInput<I, T>(I, PhantomData<fn() -> T>);

impl<T: IntoChild, I: Interrupt> IntoChild for InterruptibleInput<T, I> {
    type ChildBody = Interruptible<T::ChildBody, I>;
    type Input = T::Input;

    fn into_input(self) -> T::Input {
        self.0.into_input()
    }
}

impl<I: Interrupt, T> IntoChild for InterruptionInput<I, T> {
    type ChildBody = Interruption<I, T>;
    type Input = I;

    fn into_input(self) -> I {
        self.0
    }
}

/// A task and its interrupt, before they become children of a set.
pub(super) type InterruptPair<T, I> = (
    InterruptibleInput<T, I>,
    InterruptionInput<I, <<T as IntoChild>::ChildBody as ChildBody>::Output>,
);

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
        InterruptionInput(interrupt, PhantomData),
    ))
}
