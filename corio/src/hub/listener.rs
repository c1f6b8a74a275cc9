//! What the dispatching side of a lane tells its driver: faults that no answer can carry, and how
//! long batches are in flight.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::aboard::Aboard;
use super::asker::Outcomes;
use super::counts::Counts;
use super::inner::HubInner;
use super::limiter::Limiter;
use super::shared_dispatch::SharedDispatch;
use crate::dispatch::{Fault, InFlightId, Listener, Waiter};

/// What the dispatching side of a lane tells.
pub(super) struct LaneListener<H: Send + Sync + 'static, R: SharedDispatch<H>> {
    aboard: Rc<RefCell<Aboard<R>>>,
    outcomes: Rc<RefCell<Outcomes<R>>>,
    /// Present where no limit of batches in flight was told.
    limiter: Option<RefCell<Limiter>>,
    hub: Arc<HubInner<H>>,
    counts: Arc<Counts>,
}

impl<H: Send + Sync + 'static, R: SharedDispatch<H>> LaneListener<H, R> {
    /// `adapts_up_to` is the highest limit of batches in flight, where no number was told.
    pub(super) fn new(
        hub: Arc<HubInner<H>>,
        counts: Arc<Counts>,
        aboard: Rc<RefCell<Aboard<R>>>,
        outcomes: Rc<RefCell<Outcomes<R>>>,
        adapts_up_to: Option<usize>,
    ) -> Self {
        let limiter = adapts_up_to.map(|at_most| RefCell::new(Limiter::new(at_most)));
        LaneListener { aboard, outcomes, limiter, hub, counts }
    }

    /// Whether one more batch may leave. `is_full`: it can't grow by waiting.
    pub(super) fn has_room(&self, is_full: bool) -> bool {
        let limiter = self.limiter.as_ref();
        limiter.is_none_or(|limiter| limiter.borrow().has_room(is_full, || self.hub.time().now()))
    }
}

impl<H: Send + Sync + 'static, R: SharedDispatch<H>> Listener for LaneListener<H, R> {
    fn fault(&self, waiter: Waiter, fault: &Fault) {
        let asker = self.aboard.borrow_mut().take(waiter);
        if let Some(asker) = asker {
            self.counts.left_aboard(1);
            self.outcomes.borrow_mut().add(asker, Err(without_key_of_others(fault)));
        }
    }

    fn begins(&self, batch: InFlightId) {
        if let Some(limiter) = &self.limiter {
            let now = self.hub.time().now();
            limiter.borrow_mut().begins(batch, now);
        }
    }

    fn ends(&self, batch: InFlightId, is_given_up: bool) {
        if let Some(limiter) = &self.limiter {
            let now = self.hub.time().now();
            limiter.borrow_mut().ends(batch, now, is_given_up);
        }
    }
}

/// A fault of a whole batch names a key that may be another asker's: a secret, perhaps.
fn without_key_of_others(fault: &Fault) -> Fault {
    match fault.clone() {
        Fault::WrongCount { dispatcher, requests, answers, .. } => {
            Fault::WrongCount { dispatcher, requests, answers, key: None }
        }
        fault => fault,
    }
}
