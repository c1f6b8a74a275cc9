//! Turns a run to its end on this thread, which sleeps while everything is in flight.
//!
//! The thread is never parked: its token is the caller's and that of any code which the run calls,
//! and a clock or a waker that parks must not take the news of an answer. What wakes the run is a
//! flag of its own.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::time::Duration;

use super::executor_thread;
use super::run::{Run, Turn};
use super::sleep::Sleep;
use crate::error::Error;

/// Set when there is news, and taken by the one thread that waits for it.
#[derive(Default)]
struct Woken {
    is_woken: Mutex<bool>,
    changed: Condvar,
}

impl Woken {
    /// Waits until it was set, or for so long.
    fn wait(&self, at_most: Option<Duration>) {
        let is_woken = self.is_woken.lock().unwrap_or_else(PoisonError::into_inner);
        let not_yet = |is_woken: &mut bool| !*is_woken;
        *match at_most {
            Some(time) => {
                self.changed
                    .wait_timeout_while(is_woken, time, not_yet)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
            None => {
                self.changed.wait_while(is_woken, not_yet).unwrap_or_else(PoisonError::into_inner)
            }
        } = false;
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.is_woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }
}

pub(crate) fn block_on<T>(mut run: Run<'_, T>) -> Result<T, Error> {
    let mut sleeper = None;
    let mut may_sleep = false;
    let mut sleep = Sleep::new(run.time());
    loop {
        let until = match run.turn(usize::MAX) {
            Turn::Over(result) => return result,
            Turn::Waiting { until } => until,
            // Nobody else is there to be let in.
            Turn::Spent => continue,
        };
        let (woken, waker) = sleeper.get_or_insert_with(|| {
            let woken = Arc::new(Woken::default());
            (woken.clone(), Waker::from(woken))
        });
        if !run.sleep(waker) {
            continue;
        }
        if !may_sleep && executor_thread::polls_this_thread() {
            // Asleep, the thread would hold up what else its executor has to do: perhaps the very
            // thing that is awaited.
            drop(run);
            return Err(Error::WouldBlockExecutor);
        }
        may_sleep = true;
        // It may have been set by what is no news any more; then the next turn finds nothing and
        // comes back here.
        match (until, run.time().clock()) {
            // The thread itself keeps the system's time.
            (Some(until), None) => woken.wait(Some(until.saturating_sub(run.time().now()))),
            (until, _) => {
                if sleep.until(until, waker) {
                    sleep.idle();
                    woken.wait(None);
                }
            }
        }
    }
}
