//! Waking the owner of a run at a time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use crate::util::Time;

/// A timer that the owner of a run sets to the time when something of the run is due. The future
/// of the clock is reused while that time stays the same.
pub(crate) struct Sleep {
    time: Arc<Time>,
    until: Option<Duration>,
    /// Ends at `until`; absent while no time is set.
    timer: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Sleep {
    pub(crate) fn new(time: Arc<Time>) -> Self {
        Sleep { time, until: None, timer: None }
    }

    /// Arranges for `waker` to be woken at `until`, if there is such a time. Returns false if the
    /// time has been reached.
    pub(crate) fn until(&mut self, until: Option<Duration>, waker: &Waker) -> bool {
        if self.until != until {
            self.until = until;
            self.timer = until.map(|until| match self.time.clock() {
                Some(clock) => clock.sleep_until(until),
                None => system_timer(until.saturating_sub(self.time.now())),
            });
        }
        let Some(timer) = &mut self.timer else { return true };
        if timer.as_mut().poll(&mut Context::from_waker(waker)).is_pending() {
            return true;
        }
        (self.until, self.timer) = (None, None);
        false
    }

    /// Tells the clock that the run has nothing to do; a clock of tests then advances.
    pub(crate) fn idle(&self) {
        if let Some(clock) = self.time.clock() {
            clock.idle();
        }
    }
}

#[cfg(feature = "timer")]
fn system_timer(time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    // The timer cannot represent arbitrarily long times. After a day the run finds that nothing is
    // due yet, and sleeps again.
    Box::pin(futures_timer::Delay::new(time.min(Duration::from_secs(24 * 3600))))
}

#[cfg(not(feature = "timer"))]
fn system_timer(_: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    panic!(
        "corio: an asynchronous run with a time limit, a pause or a rate needs a timer: enable the \
         feature `timer` of corio, or give the schedule the executor's by `Config::clock`, a hub \
         by `Hub::clock`"
    )
}
