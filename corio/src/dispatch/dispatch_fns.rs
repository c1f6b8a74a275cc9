//! The functions that answer the requests of one lane: those of the `Dispatch` implementation, with
//! the type of the context erased, or an override.

use std::mem::transmute;
use std::sync::Arc;

use super::context_ref::ContextRef;
use super::dispatcher::Dispatch;
use super::request::Request;
use crate::dispatch::batch::Requests;
use crate::dispatch::cache::Partition;

/// The functions of `Dispatch<S>`, with `S` erased.
///
/// Invariant: the functions are only called with a context of the type that they were made for.
/// The caller guarantees it, so both are `unsafe fn`.
pub(crate) struct DispatchFns<R: Request> {
    /// `Dispatch::dispatch`.
    pub(super) dispatch: DispatchFn<R>,
    /// `Dispatch::partition`.
    pub(super) partition: PartitionFn,
}

type DispatchFn<R> = for<'q, 'r> unsafe fn(ContextRef<'r>, Requests<'q, 'r, R>);

type PartitionFn = for<'r> unsafe fn(ContextRef<'r>) -> Option<Partition>;

impl<R: Request> DispatchFns<R> {
    /// The functions for the context type `S`.
    pub(super) fn over<S>() -> Self
    where
        R: Dispatch<S>,
    {
        let dispatch: for<'q, 'r> fn(&'r S, Requests<'q, 'r, R>) = R::dispatch;
        let partition: for<'r> fn(&'r S) -> Option<Partition> = R::partition;
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
}

/// A function that answers batches in place of a dispatcher, in one schedule.
pub(crate) type Override<R> = Arc<dyn for<'q, 'r> Fn(Requests<'q, 'r, R>) + Send + Sync>;
