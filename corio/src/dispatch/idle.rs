//! The questions that inline answering asks of the dispatchers: whether nothing but the running
//! task is going on, and with what a batch may be sent from within `ask`.

use std::ptr::NonNull;

use super::dispatchers::Dispatchers;
use super::host::SendCx;
use super::shared_state::SharedState;

/// Keeps a `SendCx` available to lanes; on drop, none is.
pub(crate) struct InlineSendCxGuard<'d> {
    shared: &'d SharedState,
}

impl Drop for InlineSendCxGuard<'_> {
    fn drop(&mut self) {
        self.shared.inline_send_cx.set(None);
    }
}

impl Dispatchers {
    /// Makes `send_cx` available to lanes that answer inline, until the returned guard is dropped.
    pub(crate) fn lend_send_cx<'l>(&'l self, send_cx: &'l SendCx<'l, '_>) -> InlineSendCxGuard<'l> {
        self.shared.inline_send_cx.set(Some(NonNull::from(send_cx).cast()));
        InlineSendCxGuard { shared: &self.shared }
    }

    /// Whether no request is queued, no batch is in flight, no future is to be dropped, no alarm is
    /// set, and at most one batch has answers to deliver.
    pub(crate) fn is_idle(&self) -> bool {
        let SharedState {
            asked_in_place,
            asked_concurrent,
            answered,
            in_flight,
            cancelled,
            due,
            ..
        } = &*self.shared;
        let nothing_asked =
            asked_in_place.borrow().is_empty() && asked_concurrent.borrow().is_empty();
        let nothing_in_flight = in_flight.get() == 0 && cancelled.borrow().is_empty();
        nothing_asked
            && nothing_in_flight
            && due.borrow().is_empty()
            && answered.borrow().len() <= 1
    }

    /// Whether every answer of the batch that is being delivered has been taken.
    #[inline]
    pub(crate) fn has_delivered(&self) -> bool {
        let SharedState { delivery_cursor, current_answer, .. } = &*self.shared;
        // SAFETY: the pointer is set only during a delivery, which owns the buffer that holds the
        // cursor.
        let is_over = NonNull::new(delivery_cursor.get())
            .is_none_or(|cursor| unsafe { cursor.as_ref() }.is_over());
        is_over && current_answer.is_empty()
    }
}
