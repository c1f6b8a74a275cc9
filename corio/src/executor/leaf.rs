//! Children without `unsafe`: a [`Leaf`] is a child that is no coroutine, a [`MapOutput`] a child
//! with another output. Each has one adapter to `ChildBody` here.
//!
//! Contracts:
//! - A [`LeafBody`] is its leaf. By the contract of `ChildBody` nothing else uses the body during a
//!   call, so the leaf may be passed by reference.
//! - A [`MappedBody`] is the body that it maps, at the same address: what holds of the one pointer
//!   holds of the other.

use std::marker::PhantomData;
use std::ptr;
use std::task::Poll;

use super::body::ChildBody;
use super::id::Id;
use super::state::Executor;

/// A child that is no coroutine and no task: a value in its cell that is polled by reference.
pub trait Leaf {
    /// What the child gives.
    type Output;
    /// Whether polling the leaf runs code of the user, so that the leaf can be traced.
    const RUNS_CODE: bool = false;
    /// Whether the leaf may have asked a request, which is withdrawn when the leaf is dropped.
    const ASKS: bool = true;

    /// Begins what the leaf waits for. Called once, when the child has the id under which the
    /// executor polls the leaf.
    fn start(&mut self, executor: &Executor, id: Id);

    /// Gives the output, or arranges for the child to be woken. Called whenever the child was
    /// woken, until the output is ready.
    fn poll(&mut self) -> Poll<Self::Output>;

    /// The name of the child in reports.
    fn name() -> &'static str;
}

/// How a [`Leaf`] runs in its cell.
#[repr(transparent)]
pub struct LeafBody<L>(L);

impl<L: Leaf> ChildBody for LeafBody<L> {
    type Input = L;
    type Output = L::Output;
    const IS_TASK: bool = false;
    const RUNS_CODE: bool = L::RUNS_CODE;
    const ASKS: bool = L::ASKS;

    #[inline]
    unsafe fn init(this: *mut Self, leaf: L) {
        // SAFETY: the caller guarantees that `this` is valid for writes and aligned.
        unsafe { this.write(LeafBody(leaf)) }
    }

    #[inline]
    unsafe fn start(this: *mut Self, executor: &Executor, id: Id) {
        // SAFETY: the caller guarantees that `this` was made by `init`. No other code uses the cell
        // before `start` has returned: only the run loop resumes, and the owner of the scope, which
        // is calling, is the only one that removes a running task's children.
        let leaf = unsafe { &mut (*this).0 };
        leaf.start(executor, id);
    }

    #[inline]
    unsafe fn resume(this: *mut Self) -> Poll<L::Output> {
        // SAFETY: the caller guarantees that `this` was made by `init`, was not dropped, and is not
        // in use elsewhere.
        let leaf = unsafe { &mut (*this).0 };
        leaf.poll()
    }

    #[inline]
    unsafe fn drop_in_place(this: *mut Self) {
        // SAFETY: the caller guarantees that `this` was made by `init` and is not used afterwards.
        unsafe { ptr::drop_in_place(this) }
    }

    fn name() -> &'static str {
        L::name()
    }
}

/// A child whose output is made from that of another kind of child.
pub trait MapOutput {
    /// How the child runs.
    type ChildBody: ChildBody;
    /// What the child gives.
    type Output;
    /// Whether observers see the child as a task.
    const IS_TASK: bool;

    /// Makes the output from that of `ChildBody`.
    fn map(output: <Self::ChildBody as ChildBody>::Output) -> Self::Output;
}

/// How the child of a [`MapOutput`] runs in its cell.
#[repr(transparent)]
pub struct MappedBody<M: MapOutput>(M::ChildBody, PhantomData<M>);

impl<M: MapOutput> ChildBody for MappedBody<M> {
    type Input = <M::ChildBody as ChildBody>::Input;
    type Output = M::Output;
    const IS_TASK: bool = M::IS_TASK;
    const RUNS_CODE: bool = M::ChildBody::RUNS_CODE;
    const ASKS: bool = M::ChildBody::ASKS;

    #[inline]
    unsafe fn init(this: *mut Self, input: Self::Input) {
        // SAFETY: `this` points to an `M::ChildBody`, since `Self` is a transparent wrapper of it;
        // the caller guarantees the contract of `init`.
        unsafe { M::ChildBody::init(this.cast(), input) }
    }

    #[inline]
    unsafe fn start(this: *mut Self, executor: &Executor, id: Id) {
        // SAFETY: `this` points to an `M::ChildBody`, since `Self` is a transparent wrapper of it;
        // the caller guarantees the contract of `start`.
        unsafe { M::ChildBody::start(this.cast(), executor, id) }
    }

    #[inline]
    unsafe fn resume(this: *mut Self) -> Poll<M::Output> {
        // SAFETY: `this` points to an `M::ChildBody`, since `Self` is a transparent wrapper of it;
        // the caller guarantees the contract of `resume`.
        unsafe { M::ChildBody::resume(this.cast()) }.map(M::map)
    }

    #[inline]
    unsafe fn drop_in_place(this: *mut Self) {
        // SAFETY: `this` points to an `M::ChildBody`, since `Self` is a transparent wrapper of it;
        // the caller guarantees the contract of `drop_in_place`.
        unsafe { M::ChildBody::drop_in_place(this.cast()) }
    }

    fn name() -> &'static str {
        M::ChildBody::name()
    }
}
