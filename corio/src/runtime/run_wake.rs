//! The wakers of what a run polls: the futures of its dispatchers, and the tasks that wait for
//! something from outside. Wake-ups between two polls are coalesced, so that however often a waker
//! is used, the inbox holds one entry.

use std::sync::Arc;
use std::task::{Wake, Waker};

use super::inbox::Inbox;
use crate::executor::Id;
use crate::util::concurrent::{AtomicBool, Ordering};

/// Tells the inbox of a run that one thing can be polled again.
pub(crate) struct RunWake {
    inbox: Arc<Inbox>,
    what: Polled,
    /// Whether it was woken since its last poll began.
    is_woken: AtomicBool,
}

/// What is polled again.
enum Polled {
    /// The future of a dispatcher with this number.
    Future(u32),
    /// A task of the run with this id. Woken when that run is over, it wakes nobody.
    Task { run_id: u64, task: Id },
}

impl RunWake {
    pub(super) fn of_future(number: u32, inbox: Arc<Inbox>) -> Arc<Self> {
        Self::new(Polled::Future(number), inbox)
    }

    pub(super) fn of_task(run_id: u64, task: Id, inbox: Arc<Inbox>) -> Arc<Self> {
        Self::new(Polled::Task { run_id, task }, inbox)
    }

    fn new(what: Polled, inbox: Arc<Inbox>) -> Arc<Self> {
        Arc::new(RunWake { inbox, what, is_woken: AtomicBool::new(false) })
    }

    /// Begins a poll: the next wake-up is told again.
    pub(crate) fn begin_poll(&self) {
        // `AcqRel` on both sides: whatever the waker did before it woke is visible to this poll,
        // also when it was an earlier wake-up that has written to the inbox.
        self.is_woken.swap(false, Ordering::AcqRel);
    }

    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(self.clone())
    }

    /// Whether its one waker was cloned: somebody will use the clone.
    pub(crate) fn was_cloned(self: &Arc<Self>) -> bool {
        // One is `self`, and one is in the waker.
        Arc::strong_count(self) > 2
    }
}

impl Wake for RunWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_woken.swap(true, Ordering::AcqRel) {
            match self.what {
                Polled::Future(number) => self.inbox.wake_future(number),
                Polled::Task { run_id, task } => self.inbox.wake_waiting_task(run_id, task),
            }
        }
    }
}
