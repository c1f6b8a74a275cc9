//! Turns a run to its end on the calling thread, which sleeps while everything is in flight.
//!
//! The thread is never parked by `std::thread::park`. The park token belongs to the caller and to
//! all code that the run calls, and a clock or a waker that parks could consume the wake-up for an
//! answer. A flag with a condition variable wakes the run instead.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::time::Duration;

use super::executor_thread;
use super::run::{Run, Turn};
use super::sleep::Sleep;
use crate::error::Error;
use crate::util::OfRun;

/// A waker for one sleeping thread: a flag that `wake` sets and `wait` resets.
#[derive(Default)]
struct WakeFlag {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl WakeFlag {
    /// Blocks until the flag is set or `timeout` has elapsed, and resets the flag.
    fn wait(&self, timeout: Option<Duration>) {
        let is_set = self.is_set.lock().unwrap_or_else(PoisonError::into_inner);
        let is_unset = |is_set: &mut bool| !*is_set;
        *match timeout {
            Some(timeout) => {
                self.changed
                    .wait_timeout_while(is_set, timeout, is_unset)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
            None => {
                self.changed.wait_while(is_set, is_unset).unwrap_or_else(PoisonError::into_inner)
            }
        } = false;
    }
}

impl Wake for WakeFlag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.is_set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }
}

/// Turns `run` until it is over and returns its result.
///
/// # Errors
/// Those of the run, and `WouldBlockExecutor` instead of the first sleep if the thread polls
/// futures for an executor.
///
/// # Panics
/// As [`Run::turn`].
pub(crate) fn block_on<T>(mut run: OfRun<Run<'_, T>>) -> Result<T, Error> {
    let mut flag_and_waker = None;
    let mut may_block = false;
    let mut sleep = Sleep::new(run.time());
    loop {
        let until = match run.turn(usize::MAX) {
            Turn::Over(result) => return result,
            Turn::Waiting { until } => until,
            // This thread has nothing else to do.
            Turn::Spent => continue,
        };
        let (wake_flag, waker) = flag_and_waker.get_or_insert_with(|| {
            let wake_flag = Arc::new(WakeFlag::default());
            (wake_flag.clone(), Waker::from(wake_flag))
        });
        if !run.sleep(waker) {
            continue;
        }
        if !may_block && executor_thread::polls_this_thread() {
            // A sleeping thread would hold up everything else that its executor has to do, possibly
            // the very thing that the run waits for.
            drop(run);
            return Err(Error::WouldBlockExecutor);
        }
        may_block = true;
        // The flag may still be set from an earlier wake-up whose arrivals have been taken; the
        // next turn then finds nothing to do and the loop comes back here.
        match (until, run.time().clock()) {
            // Without a clock of the user the condition variable keeps the time.
            (Some(until), None) => wake_flag.wait(Some(until.saturating_sub(run.time().now()))),
            (until, _) => {
                if sleep.until(until, waker) {
                    sleep.idle();
                    wake_flag.wait(None);
                }
            }
        }
    }
}
