//! A member of a group: whether it is active, and its waker.
//!
//! A member (see `group`) is a future that is polled with a waker of corio's own, which knows
//! whether the future was woken while it was polled. Its state:
//!
//! ```text
//!            poll begins           Pending
//!   Woken ───────────────► Polled ─────────► Idle      the member is active, except when idle
//!     ▲                      │                 │
//!     │ budget is spent      │ woken           │ woken
//!     ├──────────────────────┼─────────────────┘
//!     │                      ▼
//!     └───── many rounds ── PolledAndWoken ──► Polled (another round)
//! ```

use std::sync::Arc;
use std::task::{Wake, Waker};

use super::group::Group;
use crate::util::concurrent::{AtomicUsize, Mutex, Ordering, PoisonError};

/// A member of a group, as long as it is there.
pub(super) struct Member {
    shared: Arc<MemberWake>,
    waker: Waker,
}

/// The state of a member, and its waker.
struct MemberWake {
    state: AtomicUsize,
    group: Arc<Group>,
    /// The task that polls the member.
    task: Mutex<Option<Waker>>,
}

const IDLE: usize = 0;
const WOKEN: usize = 1;
const POLLED: usize = 2;
// `POLLED | WOKEN` is polled and woken.

impl Wake for MemberWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Counted first: the member may be polled, and idle again, as soon as it is woken.
        self.group.begin();
        // AcqRel: whatever happened before the wake-up is seen by the poll that follows.
        let before = self.state.fetch_or(WOKEN, Ordering::AcqRel);
        if before != IDLE {
            // It was active, and has been counted.
            self.group.end();
        }
        if before == IDLE || before == WOKEN {
            let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
            task.into_iter().for_each(Waker::wake);
        }
    }
}

impl Member {
    /// A member of a group that has counted it as active.
    pub(super) fn new(group: Arc<Group>) -> Self {
        let (state, task) = (AtomicUsize::new(WOKEN), Mutex::new(None));
        let shared = Arc::new(MemberWake { state, group, task });
        Member { waker: Waker::from(shared.clone()), shared }
    }

    /// The waker for what is polled in the member.
    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }

    pub(super) fn group(&self) -> &Arc<Group> {
        &self.shared.group
    }

    /// Begins a poll on behalf of this task.
    pub(super) fn begin_poll(&self, task: &Waker) {
        let task = task.clone();
        let before = self.shared.task.lock().unwrap_or_else(PoisonError::into_inner).replace(task);
        drop(before);
        if self.shared.state.swap(POLLED, Ordering::AcqRel) == IDLE {
            // Polled without having been woken: by another future of its task.
            self.shared.group.begin();
        }
    }

    /// Begins another round of a poll.
    pub(super) fn begin_round(&self) {
        // AcqRel: what was done before a wake-up is seen in this round.
        self.shared.state.swap(POLLED, Ordering::AcqRel);
    }

    /// Ends a poll that was pending. False if the member was woken meanwhile; otherwise it is idle.
    pub(super) fn becomes_idle(&self) -> bool {
        let state = &self.shared.state;
        let is_idle =
            state.compare_exchange(POLLED, IDLE, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if is_idle {
            self.shared.group.end();
        }
        is_idle
    }

    /// Ends a poll of a member that stays active, and is polled again.
    pub(super) fn stays_active(&self) {
        self.shared.state.swap(WOKEN, Ordering::AcqRel);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Nothing wakes it any more: what was in it is dropped, and a late wake-up finds it woken.
        if self.shared.state.swap(WOKEN, Ordering::AcqRel) != IDLE {
            self.shared.group.end();
        }
    }
}
