//! What all queues of a desk share: the order in which they were asked and answered, what is in flight, and what has gone wrong.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;

use super::incoming::Incoming;
use crate::error::Error;
use crate::observe::Watch;

/// Tells the run, from any thread, that there is post for a queue.
pub(crate) trait Ring: Send + Sync {
    fn ring(&self, queue: u32);
}

pub(crate) struct Board {
    /// Queues with requests, the one first asked first: those that answer later, and start before…
    pub(super) asked_concurrent: RefCell<Vec<u32>>,
    /// … those that answer in place.
    pub(super) asked_in_place: RefCell<Vec<u32>>,
    /// Queues with an answered flight each, in the order of the answers.
    pub(super) answered: RefCell<VecDeque<u32>>,
    pub(super) incoming: Incoming,
    /// Batches that are with a future or a user.
    pub(super) in_flight: Cell<usize>,
    /// The first thing that went wrong; it ends the run.
    fault: RefCell<Option<Error>>,
    /// How many batches were sent in this run.
    pub(super) batches: Cell<u64>,
    /// The dispatcher whose code runs.
    pub(super) dispatching: Cell<Option<&'static str>>,
    pub(super) ring: Arc<dyn Ring>,
    pub(super) watch: Watch,
}

impl Board {
    pub(super) fn new(ring: Arc<dyn Ring>, watch: Watch) -> Self {
        Board {
            asked_concurrent: RefCell::default(),
            asked_in_place: RefCell::default(),
            answered: RefCell::default(),
            incoming: Incoming::default(),
            in_flight: Cell::new(0),
            fault: RefCell::new(None),
            batches: Cell::new(0),
            dispatching: Cell::new(None),
            ring,
            watch,
        }
    }

    pub(super) fn fail(&self, error: Error) {
        self.fault.borrow_mut().get_or_insert(error);
    }

    pub(super) fn take_fault(&self) -> Option<Error> {
        self.fault.take()
    }

    pub(super) fn clear(&self) {
        self.asked_concurrent.borrow_mut().clear();
        self.asked_in_place.borrow_mut().clear();
        self.answered.borrow_mut().clear();
        self.in_flight.set(0);
        self.batches.set(0);
        self.fault.take();
        self.dispatching.set(None);
    }
}
