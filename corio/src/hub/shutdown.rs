//! The end of a hub.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::inner::HubInner;
use crate::runtime::Sleep;
use crate::util::limit;

/// The end of a hub, as a future; made by [`Hub::shutdown`](crate::Hub::shutdown). It begins with
/// the first poll.
#[must_use = "a hub is not shut down before this is awaited"]
pub struct Shutdown<H: Send + Sync + 'static> {
    hub: Arc<HubInner<H>>,
    limit: Option<Duration>,
    /// When the limit is reached; absent before the first poll, and without a limit.
    until: Option<Duration>,
    sleep: Sleep,
}

impl<H: Send + Sync + 'static> Shutdown<H> {
    pub(super) fn new(hub: Arc<HubInner<H>>, time: Duration) -> Self {
        let sleep = Sleep::new(hub.time().clone());
        Shutdown { hub, limit: limit(time), until: None, sleep }
    }
}

impl<H: Send + Sync + 'static> Future for Shutdown<H> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Shutdown { hub, limit, until, sleep } = &mut *self;
        if let Some(limit) = limit.take() {
            *until = Some(hub.time().now().saturating_add(limit));
        }
        if !hub.is_closing() {
            hub.close();
        }
        if hub.drivers().are_gone(context.waker()) {
            return Poll::Ready(());
        }
        if !hub.is_cancelled() && !sleep.until(*until, context.waker()) {
            hub.cancel();
            // Drivers that the executor polls at once are gone already.
            if hub.drivers().are_gone(context.waker()) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

impl<H: Send + Sync + 'static> fmt::Debug for Shutdown<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown").field("until", &self.until).finish_non_exhaustive()
    }
}
