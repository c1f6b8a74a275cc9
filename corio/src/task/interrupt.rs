//! A task beside something that can interrupt it; whichever ends first, the other is dropped. So a task is never dropped from within itself or what it has called.

use std::marker::PhantomData;
use std::task::Poll;

use super::set::{First, Seed, Seeds, Set};
use crate::executor::{Engine, Id, Kind};
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

impl<I: Interrupt, T> Kind for Interruption<I, T> {
    type Seed = I;
    type Output = Result<T, I::Reason>;
    const IS_TASK: bool = false;
    const ASKS: bool = false;

    unsafe fn init(this: *mut Self, interrupt: I) {
        // SAFETY: by the caller it can be written.
        unsafe { this.write(Interruption { interrupt, output: PhantomData }) }
    }

    unsafe fn start(this: *mut Self, _: &Engine, id: Id) {
        // SAFETY: by the caller it is initialised, and nobody else uses it.
        unsafe { (*this).interrupt.start(id) }
    }

    unsafe fn resume(this: *mut Self) -> Poll<Self::Output> {
        // SAFETY: by the caller it is initialised, and nobody else uses it.
        match unsafe { (*this).interrupt.reason() } {
            Some(reason) => Poll::Ready(Err(reason)),
            None => {
                current::with(|core| core.engine.park());
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

impl<K: Kind, I: Interrupt> Kind for Interruptible<K, I> {
    type Seed = K::Seed;
    type Output = Result<K::Output, I::Reason>;
    const IS_TASK: bool = K::IS_TASK && I::BESIDE_A_TASK;
    const RUNS_CODE: bool = K::RUNS_CODE;

    unsafe fn init(this: *mut Self, seed: K::Seed) {
        // SAFETY: it is a `K`, by `transparent`; the caller's promise is the same.
        unsafe { K::init(this.cast(), seed) }
    }

    unsafe fn start(this: *mut Self, engine: &Engine, id: Id) {
        // SAFETY: as above.
        unsafe { K::start(this.cast(), engine, id) }
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

impl<T: Seed, I: Interrupt> Seed for InterruptibleSeed<T, I> {
    type Kind = Interruptible<T::Kind, I>;
    type Of = T::Of;

    fn into_seed(self) -> T::Of {
        self.0.into_seed()
    }
}

impl<I: Interrupt, T> Seed for InterruptionSeed<I, T> {
    type Kind = Interruption<I, T>;
    type Of = I;

    fn into_seed(self) -> I {
        self.0
    }
}

/// The two, as children of a set.
pub(crate) type Both<T, I> = (InterruptibleSeed<T, I>, InterruptionSeed<I, <<T as Seed>::Kind as Kind>::Output>);

/// Their group, in a set.
pub(crate) type BothGroup<T, I> = <Both<T, I> as Seeds<First>>::Group;

/// The output of the child, or the reason why it was interrupted.
pub(crate) fn until<T: Seed, I: Interrupt>(child: T, interrupt: I) -> Set<BothGroup<T, I>>
where
    Both<T, I>: Seeds<First>,
{
    Set::mixed::<First>((InterruptibleSeed(child, PhantomData), InterruptionSeed(interrupt, PhantomData)))
}
