//! Another order of what may come in any, from a seed: for tests of programs that must not depend
//! on it.
//!
//! Free is which task is next, of those that can run: they became ready, or their answers are
//! there. Everything else follows from what tasks do, and stays as it is promised: batches hold
//! their keys in the order asked, the dispatcher first asked goes first, locks are handed on in the
//! order of asking, and what was cut does not run.

use std::cell::RefCell;

use fastrand::Rng;

use crate::dispatch::Dispatchers;
use crate::executor::{Executor, Id};

pub(crate) struct Shuffle {
    seed: u64,
    random: RefCell<Rng>,
}

impl Shuffle {
    pub(crate) fn new(seed: u64) -> Self {
        Shuffle { seed, random: RefCell::new(Rng::with_seed(seed)) }
    }

    /// Each run begins with the seed, and so does the same as the one before.
    pub(crate) fn begin_run(&self) {
        self.random.replace(Rng::with_seed(self.seed));
    }

    fn below(&self, count: usize) -> usize {
        self.random.borrow_mut().usize(..count)
    }

    /// In place of the CPU phase: every task that can run runs, each time any of them, until none
    /// can or as many were resumed as may be.
    pub(crate) fn run_tasks(&self, executor: &Executor, dispatchers: &Dispatchers) {
        // As many as there are at first: that more come while tasks run is rare (`corio::cache`),
        // and they are not to be counted again for each task.
        let mut answers = dispatchers.answers_there();
        while executor.allowed() > 0 {
            answers = if dispatchers.has_answers() { answers.max(1) } else { 0 };
            let ready = executor.ready_len();
            if ready + answers == 0 {
                return;
            }
            let next = self.below(ready + answers);
            if next < ready {
                executor.take_ready(next).into_iter().for_each(|id| executor.resume(id));
            } else {
                dispatchers.bring_any_forward(&mut |count| self.below(count));
                if let Some(mut delivery) = dispatchers.next_delivery() {
                    delivery
                        .next()
                        .into_iter()
                        .for_each(|waiter| executor.resume(Id::from_word(waiter.0)));
                    delivery.end();
                }
                answers -= 1;
            }
        }
    }

    /// For what has happened outside, in whatever order.
    pub(crate) fn mix<T>(&self, arrivals: &mut [T]) {
        self.random.borrow_mut().shuffle(arrivals);
    }
}
