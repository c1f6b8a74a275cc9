//! The queues of a hub, opened when they are first asked.

use std::sync::Arc;

use super::driver::spawn_driver;
use super::inner::HubInner;
use super::queue::HubQueue;
use super::shared_dispatch::SharedDispatch;

/// The queue of `R`.
pub(super) fn queue_of<H: Send + Sync + 'static, R: SharedDispatch<H>>(
    hub: &Arc<HubInner<H>>,
) -> Arc<HubQueue<H, R>> {
    hub.queue::<R, _>(|counts| {
        HubQueue::new(Arc::downgrade(hub), hub.options::<R>(), counts, spawn_driver)
    })
}
