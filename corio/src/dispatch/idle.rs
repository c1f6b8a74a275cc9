//! TODO

use std::ptr::NonNull;

use super::dispatchers::Dispatchers;
use super::host::SendCx;
use super::shared_state::SharedState;

/// Unsets what was lent.
pub(crate) struct LentSendCx<'d> {
    shared: &'d SharedState,
}

impl Drop for LentSendCx<'_> {
    fn drop(&mut self) {
        self.shared.lent_send_cx.set(None);
    }
}

impl Dispatchers {
    /// Lends what sending needs to those who ask, until what is given is dropped.
    pub(crate) fn lend_send_cx<'l>(&'l self, send_cx: &'l SendCx<'l, '_>) -> LentSendCx<'l> {
        self.shared.lent_send_cx.set(Some(NonNull::from(send_cx).cast()));
        LentSendCx { shared: &self.shared }
    }

    /// Whether nothing is asked, in flight, given up or due, and what is answered is one batch at
    /// most.
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
        let nothing_flies = in_flight.get() == 0 && cancelled.borrow().is_empty();
        nothing_asked && nothing_flies && due.borrow().is_empty() && answered.borrow().len() <= 1
    }

    /// Whether each answer of the batch that is being delivered has been taken.
    #[inline]
    pub(crate) fn has_delivered(&self) -> bool {
        let SharedState { delivering, current_answer, .. } = &*self.shared;
        // SAFETY: it is set while a delivery is going on, which owns the load that it leads into.
        let is_over = NonNull::new(delivering.get())
            .is_none_or(|cursor| unsafe { cursor.as_ref() }.is_over());
        is_over && current_answer.is_empty()
    }
}
