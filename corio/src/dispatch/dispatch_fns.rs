//! How requests are answered in one schedule: by the dispatcher, over the schedule's context, or by
//! what stands in for it.

use std::mem::transmute;
use std::rc::Rc;

use super::context_ref::ContextRef;
use super::dispatcher::Dispatch;
use super::request::Request;
use crate::dispatch::batch::Requests;
use crate::dispatch::cache::Partition;

/// The functions of `Dispatch<S>`, with `S` erased.
///
/// What must hold: a context that they are called with is of the type that they were made for.
pub(crate) struct DispatchFns<R: Request> {
    pub(crate) dispatch: DispatchFn<R>,
    pub(crate) partition: PartitionFn,
}

type DispatchFn<R> = for<'q, 'r> unsafe fn(ContextRef<'r>, Requests<'q, 'r, R>);

type PartitionFn = for<'r> unsafe fn(ContextRef<'r>) -> Option<Partition>;

impl<R: Request> DispatchFns<R> {
    pub(crate) fn over<S>() -> Self
    where
        R: Dispatch<S>,
    {
        let dispatch: for<'q, 'r> fn(&'r S, Requests<'q, 'r, R>) = R::dispatch;
        let partition: for<'r> fn(&'r S) -> Option<Partition> = R::partition;
        // SAFETY: the types differ in `&'r S` against `ContextRef<'r>`, a transparent
        // `NonNull<()>`: pointers to sized types are passed alike. That the pointer leads to an `S`
        // is the promise of who calls the `unsafe fn`. (A function that casts the pointer itself
        // would have to say `S: 'r` for every `'r`, which only a reference implies.)
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

/// What stands in for a dispatcher in one schedule.
pub(crate) type Override<R> = Rc<dyn for<'q, 'r> Fn(Requests<'q, 'r, R>)>;
