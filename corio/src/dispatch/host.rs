//! What the driver of a run provides to the dispatchers: time, liveness of waiters, observers, a
//! way to be woken, a place for futures.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::error::Fault;
use super::ids::{InFlightId, Waiter, WakeRun};
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
    /// Hears what a run does not want to know. If absent, a fault that no answer can carry ends the
    /// run.
    pub(crate) listener: Option<Rc<dyn Listener>>,
}

/// A driver that looks after each waiter and each batch, as that of a hub does.
pub(crate) trait Listener {
    /// A waiter gets this fault, and nothing else, as its answer can't carry it. It may be gone.
    fn fault(&self, waiter: Waiter, fault: &Fault);

    /// A batch is in flight from now on.
    fn begins(&self, batch: InFlightId);

    /// A batch is no longer in flight: it is answered or has failed, or it is given up, as nobody
    /// waits for it. Told again of a batch, nothing has to happen.
    fn ends(&self, batch: InFlightId, is_given_up: bool);
}

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
