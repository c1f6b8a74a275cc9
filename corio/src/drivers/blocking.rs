//! Turns a run to its end on this thread, which sleeps while everything is in flight.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

use super::sleep::Sleep;
use crate::error::Error;
use crate::run::{Run, Turn};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

pub(crate) fn block_on<T>(mut run: Run<'_, T>) -> Result<T, Error> {
    let mut waker = None;
    let mut sleep = Sleep::new(run.time());
    loop {
        let until = match run.turn(usize::MAX) {
            Turn::Over(result) => return result,
            Turn::Waiting { until } => until,
            // Nobody else is there to be let in.
            Turn::Spent => continue,
        };
        let waker = waker.get_or_insert_with(|| Waker::from(Arc::new(Unpark(thread::current()))));
        if !run.sleep(waker) {
            continue;
        }
        // May return for no reason; then the next turn finds nothing new and comes back here.
        match (until, run.time().clock()) {
            // The thread itself keeps the system's time.
            (Some(until), None) => thread::park_timeout(until.saturating_sub(run.time().now())),
            (until, _) => {
                if sleep.until(until, waker) {
                    sleep.idle();
                    thread::park();
                }
            }
        }
    }
}
