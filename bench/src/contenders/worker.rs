//! The thread that answers the requests of W10.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Condvar, Mutex};
use std::thread;

use crate::work::{Size, Workload, answer_one};

type Work = Box<dyn FnOnce() + Send>;

/// Ends when this is dropped.
pub struct Worker {
    /// Nothing where work is done in place.
    thread: Option<Sender<Work>>,
}

impl Worker {
    pub fn new(size: Size) -> Worker {
        let is_needed = size.workload == Workload::W10 && !size.in_place;
        let thread = is_needed.then(|| {
            let (sender, works) = channel::<Work>();
            thread::spawn(move || works.into_iter().for_each(|work| work()));
            sender
        });
        Worker { thread }
    }

    pub fn run(&self, work: impl FnOnce() + Send + 'static) {
        match &self.thread {
            Some(thread) => thread.send(Box::new(work)).expect("the thread waits for work"),
            None => work(),
        }
    }
}

/// Answers with their places in the batch, from any thread.
#[derive(Default)]
pub struct Arrivals {
    arrived: Mutex<Vec<(usize, u64)>>,
    came: Condvar,
}

impl Arrivals {
    pub fn answer_all(&self, keys: &[u64]) {
        for (place, key) in keys.iter().enumerate() {
            let mut arrived = self.arrived.lock().expect("nobody panics with it");
            arrived.push((place, answer_one(*key)));
            if arrived.len() == 1 {
                self.came.notify_one();
            }
        }
    }

    /// Waits for one at least. Takes all that are there, and leaves the buffer for those to come.
    pub fn take(&self, buffer: &mut Vec<(usize, u64)>) {
        let mut arrived = self.arrived.lock().expect("nobody panics with it");
        while arrived.is_empty() {
            arrived = self.came.wait(arrived).expect("nobody panics with it");
        }
        std::mem::swap(&mut *arrived, buffer);
    }
}
