//! Turns a run to its end on this thread, which sleeps while everything is in flight.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

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
    loop {
        match run.turn() {
            Turn::Over(result) => return result,
            Turn::Waiting => {
                let waker = waker.get_or_insert_with(|| Waker::from(Arc::new(Unpark(thread::current()))));
                if run.sleep(waker) {
                    // May return for no reason; then the next turn finds nothing new and comes back here.
                    thread::park();
                }
            }
        }
    }
}
