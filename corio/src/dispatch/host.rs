//! TODO

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::context_ref::ContextRef;
use super::ids::{Waiter, WakeRun};
use crate::observe::Observers;
use crate::util::InlineBudget;

/// What sending needs to know.
pub(crate) struct SendCx<'q, 'r> {
    pub(crate) context: ContextRef<'r>,
    pub(crate) futures: &'q dyn Futures<'r>,
    /// Set when nothing more is to leave. Looked at before each batch: a dispatcher may set it.
    pub(crate) stopped: Option<&'q AtomicBool>,
    /// Whether the thread was panicking before: a destructor may run a schedule.
    pub(crate) was_panicking: bool,
}

impl SendCx<'_, '_> {
    #[inline]
    pub(super) fn may_send(&self) -> bool {
        self.stopped.is_none_or(|stopped| !stopped.load(Ordering::Acquire))
    }
}

/// What a desk gets from outside.
pub(crate) struct Host {
    pub(crate) ring: Arc<dyn WakeRun>,
    /// The time, since some moment; asked only where something is to happen at a time.
    pub(crate) now: Box<dyn Fn() -> Duration>,
    /// Whether a waiter is still there.
    pub(crate) is_alive: Box<dyn Fn(Waiter) -> bool>,
    pub(crate) observers: Observers,
    pub(crate) inline_budget: Rc<InlineBudget>,
}

/// Where futures of dispatchers go: whoever turns the run polls them.
pub(crate) trait Futures<'r> {
    /// Polls it for the first time before it returns. Gives its number, if it has not ended.
    fn start(
        &self,
        dispatcher: &'static str,
        future: Pin<Box<dyn Future<Output = ()> + 'r>>,
    ) -> Option<u32>;
}
