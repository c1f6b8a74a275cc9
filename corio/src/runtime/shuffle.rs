//! A seeded order of tasks, for tests of programs that must not depend on the order.
//!
//! Only the choice of the next task is random, among those that are ready and those whose answers
//! are there. Everything else follows from what tasks do and keeps its promises: batches hold their
//! keys in the order asked, the dispatcher asked first goes first, locks are granted in the order
//! of asking, and removed tasks do not run.

use std::cell::RefCell;

use fastrand::Rng;

use crate::dispatch::Dispatchers;
use crate::executor::{Executor, Id};

/// The random order of the runs of one schedule.
pub(super) struct Shuffle {
    rng: RefCell<Rng>,
}

impl Shuffle {
    pub(super) fn new(seed: u64) -> Self {
        Shuffle { rng: RefCell::new(Rng::with_seed(seed)) }
    }

    fn below(&self, count: usize) -> usize {
        self.rng.borrow_mut().usize(..count)
    }

    /// The CPU phase in random order: resumes a random one of the tasks that can run, until none
    /// can or the allowance of resumes is used.
    pub(super) fn run_tasks(&self, executor: &Executor, dispatchers: &Dispatchers) {
        // Counted once: answers seldom appear while tasks run (`corio::cache` adds some), and
        // counting them for each task would be quadratic.
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

    /// Puts arrivals, whose order means nothing, into random order.
    pub(super) fn permute<T>(&self, arrivals: &mut [T]) {
        self.rng.borrow_mut().shuffle(arrivals);
    }
}
