//! A task beside something that can interrupt it; whichever ends first, the other is dropped. So a
//! task is never dropped from within itself or what it has called.

use std::marker::PhantomData;
use std::task::Poll;

use super::set::{FirstDone, IntoChild, IntoChildren, Set};
use crate::executor::{ChildBody, Executor, Id};
use crate::runtime::current;

/// Ends a task before its time.
pub trait Interrupt {
    #[doc(hidden)]
    type Reason;
    /// Whether the task beside it is one in the eyes of observers, or a part of the task around it.
    #[doc(hidden)]
    const BESIDE_A_TASK: bool;

    /// Has `id` woken when it is time.
    #[doc(hidden)]
    fn start(&mut self, id: Id);

    /// Asked when it was woken.
    #[doc(hidden)]
    fn reason(&self) -> Option<Self::Reason>;
}

/// The interruption as a child.
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
        // SAFETY: by the caller it can be written.
        unsafe { this.write(Interruption { interrupt, output: PhantomData }) }
    }

    unsafe fn start(this: *mut Self, _: &Executor, id: Id) {
        // SAFETY: by the caller it is initialised, and nobody else uses it.
        unsafe { (*this).interrupt.start(id) }
    }

    unsafe fn resume(this: *mut Self) -> Poll<Self::Output> {
        // SAFETY: by the caller it is initialised, and nobody else uses it.
        match unsafe { (*this).interrupt.reason() } {
            Some(reason) => Poll::Ready(Err(reason)),
            None => {
                current::with(|run| run.executor.park());
                Poll::Pending
            }
        }
    }

    unsafe fn drop_in_place(this: *mut Self) {
        // SAFETY: by the caller it is initialised, and not used afterwards.
        unsafe { std::ptr::drop_in_place(this) }
    }

    fn name() -> &'static str {
        std::any::type_name::<I>()
    }
}

/// The other child: a task whose output is fine.
#[repr(transparent)]
pub struct Interruptible<K, I>(K, PhantomData<I>);

impl<K: ChildBody, I: Interrupt> ChildBody for Interruptible<K, I> {
    type Input = K::Input;
    type Output = Result<K::Output, I::Reason>;
    const IS_TASK: bool = K::IS_TASK && I::BESIDE_A_TASK;
    const RUNS_CODE: bool = K::RUNS_CODE;

    unsafe fn init(this: *mut Self, input: K::Input) {
        // SAFETY: it is a `K`, by `transparent`; the caller's promise is the same.
        unsafe { K::init(this.cast(), input) }
    }

    unsafe fn start(this: *mut Self, executor: &Executor, id: Id) {
        // SAFETY: as above.
        unsafe { K::start(this.cast(), executor, id) }
    }

    unsafe fn resume(this: *mut Self) -> Poll<Self::Output> {
        // SAFETY: as above.
        unsafe { K::resume(this.cast()) }.map(Ok)
    }

    unsafe fn drop_in_place(this: *mut Self) {
        // SAFETY: as above.
        unsafe { K::drop_in_place(this.cast()) }
    }

    fn name() -> &'static str {
        K::name()
    }
}

/// Seeds of the two.
pub struct InterruptibleSeed<T, I>(T, PhantomData<I>);

pub struct InterruptionSeed<I, T>(I, PhantomData<fn() -> T>);

impl<T: IntoChild, I: Interrupt> IntoChild for InterruptibleSeed<T, I> {
    type ChildBody = Interruptible<T::ChildBody, I>;
    type Input = T::Input;

    fn into_input(self) -> T::Input {
        self.0.into_input()
    }
}

impl<I: Interrupt, T> IntoChild for InterruptionSeed<I, T> {
    type ChildBody = Interruption<I, T>;
    type Input = I;

    fn into_input(self) -> I {
        self.0
    }
}

/// The two, as children of a set.
pub(crate) type Both<T, I> = (
    InterruptibleSeed<T, I>,
    InterruptionSeed<I, <<T as IntoChild>::ChildBody as ChildBody>::Output>,
);

/// Their group, in a set.
pub(crate) type BothChildren<T, I> = <Both<T, I> as IntoChildren<FirstDone>>::Children;

/// The output of the child, or the reason why it was interrupted.
pub(crate) fn until<T: IntoChild, I: Interrupt>(child: T, interrupt: I) -> Set<BothChildren<T, I>>
where
    Both<T, I>: IntoChildren<FirstDone>,
{
    Set::tuple::<FirstDone>((
        InterruptibleSeed(child, PhantomData),
        InterruptionSeed(interrupt, PhantomData),
    ))
}
