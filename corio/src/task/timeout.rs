//! `timeout!`: a task beside an alarm.

use std::time::Duration;

use super::interrupt::{Both, BothChildren, Interrupt, until};
use super::set::{FirstDone, IntoChild, IntoChildren, Set};
use crate::executor::Id;
use crate::runtime::{RunRef, current};
use crate::util::{Alarm, Elapsed, limit};

/// Interrupts after a while.
pub struct Deadline {
    limit: Duration,
    /// The alarm, and the run that it is of: a frame may be dropped while another run is being
    /// turned. Absent also where there is no limit.
    set: Option<(Alarm, RunRef)>,
}

impl Interrupt for Deadline {
    type Reason = Elapsed;
    const BESIDE_A_TASK: bool = true;

    fn start(&mut self, id: Id) {
        self.set = limit(self.limit)
            .map(|limit| current::with(|run| (run.set_alarm(limit, id), run.this_run())));
    }

    fn reason(&self) -> Option<Elapsed> {
        // Nothing but the alarm wakes it.
        Some(Elapsed::new(self.limit))
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        if let Some((alarm, run)) = self.set.take() {
            // A run that is over has cleared its alarms.
            if let Some(run) = run.upgrade() {
                run.unset_alarm(alarm);
            }
        }
    }
}

/// The children of a `timeout!`.
pub(super) type Limited<T> = Both<T, Deadline>;

/// Their group, in a set.
pub(super) type LimitedChildren<T> = BothChildren<T, Deadline>;

pub(super) fn timeout<T: IntoChild>(limit: Duration, child: T) -> Set<LimitedChildren<T>>
where
    Limited<T>: IntoChildren<FirstDone>,
{
    until(child, Deadline { limit, set: None })
}
