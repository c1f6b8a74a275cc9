//! `timeout!`: a task beside an interrupt that is an alarm of the run.

use std::time::Duration;

use super::interrupt::{Interrupt, InterruptChildren, InterruptPair, until};
use super::set::{FirstDone, IntoChild, IntoChildren, Set};
use crate::executor::Id;
use crate::runtime::current;
use crate::util::{Alarm, Elapsed, limit};

/// Interrupts a task when its time limit is reached.
pub struct TimeLimit {
    limit: Duration,
    /// The alarm, with the id of its run: a frame may be dropped while another run is being turned.
    /// `None` before the start, and for a limit so long that it is none.
    alarm: Option<(Alarm, u64)>,
}

impl Interrupt for TimeLimit {
    type Reason = Elapsed;
    const BESIDE_A_TASK: bool = true;

    fn start(&mut self, id: Id) {
        self.alarm = limit(self.limit)
            .map(|limit| current::with(|run| (run.set_alarm(limit, id), run.id())));
    }

    fn reason(&self) -> Option<Elapsed> {
        // Only the alarm wakes this child.
        Some(Elapsed::new(self.limit))
    }
}

impl Drop for TimeLimit {
    fn drop(&mut self) {
        if let Some((alarm, run)) = self.alarm.take() {
            // A run that is over has cleared its alarms already.
            current::entered(run, |run| run.unset_alarm(alarm));
        }
    }
}

/// A task and its time limit, before they become children of a set.
pub(super) type TimeoutPair<T> = InterruptPair<T, TimeLimit>;

/// The cells of a task and its time limit in a set.
pub(super) type TimeoutChildren<T> = InterruptChildren<T, TimeLimit>;

/// Runs `child` until it ends or the time `limit` has passed.
pub(super) fn timeout<T: IntoChild>(limit: Duration, child: T) -> Set<TimeoutChildren<T>>
where
    TimeoutPair<T>: IntoChildren<FirstDone>,
{
    until(child, TimeLimit { limit, alarm: None })
}
