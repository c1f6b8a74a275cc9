//! Waking a driver at a time.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use crate::util::Time;

/// The sleep of one driver, until the time when something is due.
pub(crate) struct Sleep {
    time: Rc<Time>,
    until: Option<Duration>,
    sleeping: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Sleep {
    pub(crate) fn new(time: Rc<Time>) -> Self {
        Sleep { time, until: None, sleeping: None }
    }

    /// Has `waker` woken at this time, if there is one. False if it is over.
    pub(crate) fn until(&mut self, until: Option<Duration>, waker: &Waker) -> bool {
        if self.until != until {
            self.until = until;
            self.sleeping = until.map(|until| match self.time.clock() {
                Some(clock) => clock.sleep_until(until),
                None => of_the_system(until.saturating_sub(self.time.now())),
            });
        }
        let Some(sleeping) = &mut self.sleeping else { return true };
        if sleeping.as_mut().poll(&mut Context::from_waker(waker)).is_pending() {
            return true;
        }
        (self.until, self.sleeping) = (None, None);
        false
    }

    /// The run has nothing to do: a clock of tests moves on.
    pub(crate) fn idle(&self) {
        if let Some(clock) = self.time.clock() {
            clock.idle();
        }
    }
}

#[cfg(feature = "timer")]
fn of_the_system(time: Duration) -> Pin<Box<dyn Future<Output = ()>>> {
    // Longer than that and it could not say when; the run finds that it is not over, and sleeps
    // again.
    Box::pin(futures_timer::Delay::new(time.min(Duration::from_secs(24 * 3600))))
}

#[cfg(not(feature = "timer"))]
fn of_the_system(_: Duration) -> Pin<Box<dyn Future<Output = ()>>> {
    panic!(
        "corio: an asynchronous run with a time limit or a pause needs a timer: enable the \
         feature `timer` of corio, or give the schedule the executor's by `Schedule::clock`"
    )
}
