//! `timeout!`: a task beside an alarm.

use std::time::Duration;

use super::interrupt::{Both, BothGroup, Interrupt, until};
use super::set::{First, Seed, Seeds, Set};
use crate::core::{self, RunRef};
use crate::desk;
use crate::engine::Id;
use crate::time::Elapsed;

/// Interrupts after a while.
pub struct Alarm {
    limit: Duration,
    /// The alarm, and the run that it is of: a frame may be dropped while another run is being
    /// turned. Absent also where there is no limit.
    set: Option<(desk::Alarm, RunRef)>,
}

impl Interrupt for Alarm {
    type Reason = Elapsed;
    const BESIDE_A_TASK: bool = true;

    fn start(&mut self, id: Id) {
        self.set = desk::limit(self.limit).map(|limit| core::with(|core| (core.set_alarm(limit, id), core.this_run())));
    }

    fn reason(&self) -> Option<Elapsed> {
        // Nothing but the alarm wakes it.
        Some(Elapsed::new(self.limit))
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some((alarm, run)) = self.set.take() {
            // A run that is over has cleared its alarms.
            if let Some(core) = run.core() {
                core.unset_alarm(alarm);
            }
        }
    }
}

/// The children of a `timeout!`.
pub(super) type Limited<T> = Both<T, Alarm>;

/// Their group, in a set.
pub(super) type LimitedGroup<T> = BothGroup<T, Alarm>;

pub(super) fn timeout<T: Seed>(limit: Duration, child: T) -> Set<LimitedGroup<T>>
where
    Limited<T>: Seeds<First>,
{
    until(child, Alarm { limit, set: None })
}
