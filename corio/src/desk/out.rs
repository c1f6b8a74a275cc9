//! A batch whose slots are with the user: who waits for which position stays here, and the answers come by post.
//!
//! The post is all that other threads see. Those who wait never leave this side, and a post that arrives after its run is over is read by nobody.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::Waiter;
use super::answers::Dedup;
use super::batch::Batch;
use super::board::Ring;
use super::queue::Flight;
use super::request::{Request, ShowKey};
use crate::error::Error;

/// Where slots put their answers, from any thread.
pub(super) struct Post<K, R> {
    arrived: Mutex<Vec<Arrived<R>>>,
    ring: Arc<dyn Ring>,
    queue: u32,
    show_key: Option<ShowKey<K>>,
}

enum Arrived<R> {
    Answer(usize, R),
    Unanswered(usize, Option<String>),
}

impl<K, R> Post<K, R> {
    pub(super) fn answer(&self, position: usize, answer: R) {
        self.arrive(Arrived::Answer(position, answer));
    }

    pub(super) fn unanswered(&self, position: usize, key: Option<&K>) {
        struct Shown<'a, K>(&'a K, ShowKey<K>);
        impl<K> fmt::Display for Shown<'_, K> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (self.1)(self.0, f)
            }
        }
        let key = key.zip(self.show_key).map(|(key, show)| Shown(key, show).to_string());
        self.arrive(Arrived::Unanswered(position, key));
    }

    fn arrive(&self, arrived: Arrived<R>) {
        let first = {
            let mut post = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
            post.push(arrived);
            post.len() == 1
        };
        if first {
            self.ring.ring(self.queue);
        }
    }
}

pub(super) struct Out<R: Request> {
    post: Arc<Post<R::Key, R::Answer>>,
    /// By position, the first who waits.
    waiters: Vec<Waiter>,
    /// By position, the others who asked for the same.
    doubles: HashMap<usize, Vec<Waiter>>,
    left: usize,
    batch: u64,
    dispatcher: &'static str,
}

impl<R: Request> Out<R> {
    pub(super) fn new(
        flight: &mut Flight<R>,
        ring: Arc<dyn Ring>,
        queue: u32,
        dispatcher: &'static str,
        show_key: Option<ShowKey<R::Key>>,
    ) -> (Self, Batch<R::Key, R::Answer>) {
        let post = Arc::new(Post { arrived: Mutex::new(Vec::new()), ring, queue, show_key });
        let left = flight.keys.len();
        let mut waiters = Vec::with_capacity(left);
        let mut doubles: HashMap<usize, Vec<Waiter>> = HashMap::new();
        for (at, waiter) in flight.waiters.drain(..).enumerate() {
            let position = flight.order.get(at).copied().unwrap_or(at);
            if position == waiters.len() {
                waiters.push(waiter);
            } else {
                doubles.entry(position).or_default().push(waiter);
            }
        }
        let batch = Batch::new(flight.keys.drain(..), &post);
        (Out { post, waiters, doubles, left, batch: flight.batch, dispatcher }, batch)
    }

    pub(super) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Moves what has arrived into `flight`, in the order of arrival.
    pub(super) fn take_posts(&mut self, flight: &mut Flight<R>, dedup: Option<Dedup<R::Key, R::Answer>>) -> Result<(), Error> {
        let arrived = std::mem::take(&mut *self.post.arrived.lock().unwrap_or_else(PoisonError::into_inner));
        flight.batch = self.batch;
        for arrived in arrived {
            match arrived {
                Arrived::Answer(position, answer) => {
                    self.left -= 1;
                    flight.waiters.push(self.waiters[position]);
                    let doubles = self.doubles.remove(&position).unwrap_or_default();
                    let clones = doubles.iter().flat_map(|_| dedup).map(|dedup| dedup.clone_answer(&answer)).collect::<Vec<_>>();
                    flight.answers.push(answer);
                    flight.answers.extend(clones);
                    flight.waiters.extend(doubles);
                }
                Arrived::Unanswered(position, key) => {
                    return Err(Error::Unanswered { dispatcher: self.dispatcher, position, requests: self.waiters.len(), key });
                }
            }
        }
        Ok(())
    }
}
