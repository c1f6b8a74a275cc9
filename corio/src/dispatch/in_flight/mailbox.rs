//! Where slots put their answers, from any thread.
//!
//! The post is all that other threads see. Those who wait never leave this side, and post that arrives after its flight has landed is read by nobody.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::dispatch::ids::{FlightId, WakeRun};
use crate::dispatch::keys::{ShowKey, shown};

/// What became of a slot.
pub(crate) enum Arrived<K, A> {
    /// The key comes along where the answer may be asked for again.
    Answer {
        position: usize,
        answer: A,
        key: Option<K>,
    },
    Retry {
        position: usize,
        key: K,
        after: Option<Duration>,
    },
    Unanswered {
        position: usize,
        key: Option<String>,
        by_panic: bool,
    },
}

impl<K, A> Arrived<K, A> {
    pub(crate) fn position(&self) -> usize {
        match *self {
            Arrived::Answer { position, .. } | Arrived::Retry { position, .. } | Arrived::Unanswered { position, .. } => position,
        }
    }
}

/// The side of those who wait.
pub(crate) trait Posts<K, A> {
    /// Takes what has arrived, in the order in which it did.
    fn take_each(&self, take: &mut dyn FnMut(Arrived<K, A>));
}

/// The side of the slots.
pub(crate) struct Post<K, R> {
    arrived: Mutex<Vec<Arrived<K, R>>>,
    ring: Arc<dyn WakeRun>,
    queue: u32,
    flight: FlightId,
    show_key: Option<ShowKey<K>>,
}

impl<K, R> Post<K, R> {
    /// With room for the answers of so many slots.
    pub(crate) fn new(slots: usize, ring: Arc<dyn WakeRun>, queue: u32, flight: FlightId, show_key: Option<ShowKey<K>>) -> Self {
        Post { arrived: Mutex::new(Vec::with_capacity(slots)), ring, queue, flight, show_key }
    }

    pub(crate) fn unanswered(&self, position: usize, key: Option<&K>) {
        let key = key.and_then(|key| shown(key, self.show_key));
        self.arrive(Arrived::Unanswered { position, key, by_panic: std::thread::panicking() });
    }

    pub(crate) fn arrive(&self, arrived: Arrived<K, R>) {
        let first = {
            let mut post = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
            post.push(arrived);
            post.len() == 1
        };
        if first {
            self.ring.ring(self.queue, self.flight);
        }
    }
}

/// A post whose slots give `R`, for those who wait for `A`.
pub(crate) struct Reader<K, R, A> {
    pub(crate) post: Arc<Post<K, R>>,
    pub(crate) wrap: fn(R) -> A,
}

impl<K, R, A> Posts<K, A> for Reader<K, R, A> {
    fn take_each(&self, take: &mut dyn FnMut(Arrived<K, A>)) {
        let arrived = std::mem::take(&mut *self.post.arrived.lock().unwrap_or_else(PoisonError::into_inner));
        for arrived in arrived {
            take(match arrived {
                Arrived::Answer { position, answer, key } => Arrived::Answer { position, answer: (self.wrap)(answer), key },
                Arrived::Retry { position, key, after } => Arrived::Retry { position, key, after },
                Arrived::Unanswered { position, key, by_panic } => Arrived::Unanswered { position, key, by_panic },
            });
        }
    }
}
