//! The functions of `Dispatch`, with the type of the context erased.
//!
//! # Contract
//!
//! Lanes do not know the type of the context of their schedule: they pass a [`ContextRef`] to
//! [`DispatchFns`], which expect a reference to the type that they were made for. `DispatchFns` are
//! made from a [`RunsOver<S>`] only. The maker of a `RunsOver<S>` promises that the dispatchers
//! which get it are never given the context of a run over another type than `S`, unless `S` is
//! `AnyContext`: a reference to any context is a valid reference to `AnyContext`, which has size 0
//! and alignment 1 (see `assertions.rs`). The functions stay in the lane that they were made for,
//! and a lane gets its contexts from its `Dispatchers`. So every call is one that the promise
//! covers, and calling is safe.

use std::marker::PhantomData;
use std::mem::transmute;

use super::dispatcher::Dispatch;
use super::request::Request;
use super::send_cx::ContextRef;
use crate::dispatch::batch::Requests;
use crate::dispatch::cache::Partition;

/// Proof that all runs of some dispatchers are over `S`, or that `S` is `AnyContext`.
pub(crate) struct RunsOver<S>(PhantomData<fn(&S)>);

impl<S> RunsOver<S> {
    /// # Safety
    /// `S` is the type of the context of every run of the dispatchers that get this proof, or
    /// `AnyContext`.
    #[inline(always)]
    pub(crate) unsafe fn new() -> Self {
        RunsOver(PhantomData)
    }
}

/// The functions of `Dispatch<S>`, with `S` erased.
///
/// Invariant: the functions are called with contexts of type `S` only, or `S` is `AnyContext`.
pub(super) struct DispatchFns<R: Request> {
    /// `Dispatch::dispatch`.
    dispatch: DispatchFn<R>,
    /// `Dispatch::partition`.
    partition: PartitionFn,
}

type DispatchFn<R> = for<'q, 'r> unsafe fn(ContextRef<'r>, Requests<'q, 'r, R>);

type PartitionFn = for<'r> unsafe fn(ContextRef<'r>) -> Option<Partition>;

impl<R: Request> DispatchFns<R> {
    /// The functions of `Dispatch<S>`, for a lane of the dispatchers that `_proof` is for.
    pub(super) fn over<S>(proof: RunsOver<S>) -> Self
    where
        R: Dispatch<S>,
    {
        Self::of(proof, R::dispatch, R::partition)
    }

    /// Functions for the context type `S`, for a lane of the dispatchers that `_proof` is for.
    pub(super) fn of<S>(
        _proof: RunsOver<S>,
        dispatch: for<'q, 'r> fn(&'r S, Requests<'q, 'r, R>),
        partition: for<'r> fn(&'r S) -> Option<Partition>,
    ) -> Self {
        // SAFETY: the types differ only in `&'r S` against `ContextRef<'r>`, which is a transparent
        // `NonNull<()>`; pointers to sized types have the same ABI. The caller of the resulting
        // `unsafe fn` guarantees that the pointer leads to an `S`. (A function that casts the
        // pointer itself would need `S: 'r` for every `'r`, which only a reference implies.)
        unsafe {
            DispatchFns {
                dispatch: transmute::<for<'q, 'r> fn(&'r S, Requests<'q, 'r, R>), DispatchFn<R>>(
                    dispatch,
                ),
                partition: transmute::<for<'r> fn(&'r S) -> Option<Partition>, PartitionFn>(
                    partition,
                ),
            }
        }
    }

    /// Calls `Dispatch::dispatch` with the context of a run.
    #[inline(always)]
    pub(super) fn dispatch<'r>(&self, context: ContextRef<'r>, requests: Requests<'_, 'r, R>) {
        // SAFETY: `over` got the proof that the context of every run of these dispatchers is of the
        // type that the function was made for, or that this type is `AnyContext`, and `context` is
        // that of such a run. The reference that it was made from is valid for `'r`.
        unsafe { (self.dispatch)(context, requests) }
    }

    /// Calls `Dispatch::partition` with the context of a run.
    pub(super) fn partition(&self, context: ContextRef<'_>) -> Option<Partition> {
        // SAFETY: `over` got the proof that the context of every run of these dispatchers is of the
        // type that the function was made for, or that this type is `AnyContext`, and `context` is
        // that of such a run. The reference that it was made from is valid during the call.
        unsafe { (self.partition)(context) }
    }
}
