//! What the driver of a run provides to the dispatchers: time, liveness of waiters, observers, a
//! way to be woken, a place for futures.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::error::Fault;
use super::ids::{Waiter, WakeRun};
use crate::observe::Observers;
use crate::util::InlineBudget;

/// What `Dispatchers` get from their environment, for the lifetime of a schedule.
pub(crate) struct Host {
    /// Wakes the run when a mailbox is no longer empty.
    pub(crate) ring: Arc<dyn WakeRun>,
    /// The time since some fixed moment; called only where something is to happen at a time.
    pub(crate) now: Box<dyn Fn() -> Duration>,
    /// Whether a waiter still exists. A waiter that was dropped is never alive again.
    pub(crate) is_alive: Box<dyn Fn(Waiter) -> bool>,
    pub(crate) observers: Observers,
    /// Ended as soon as a request is queued, an answer becomes ready or an alarm is set.
    pub(crate) inline_budget: Rc<InlineBudget>,
    /// Tells a live waiter of a fault that its answer can't carry. If absent, such a fault ends the
    /// run.
    pub(crate) tell_fault: Option<TellFault>,
}

/// Tells a waiter what went wrong with its batch.
pub(crate) type TellFault = Box<dyn Fn(Waiter, &Fault)>;

/// Where futures of dispatchers go; the driver of the run polls them.
pub(crate) trait Futures<'r> {
    /// Polls `future` once before returning. Returns the number of the future, or `None` if the
    /// future has completed.
    fn start(
        &self,
        dispatcher: &'static str,
        future: Pin<Box<dyn Future<Output = ()> + 'r>>,
    ) -> Option<u32>;
}
