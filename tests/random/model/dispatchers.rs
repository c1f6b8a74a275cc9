//! Whom programs ask: one that answers in place, one that answers a while later, with several
//! batches on the way, and one that answers slot by slot in any order, under limits.
//!
//! They check what arrives.

use std::time::Duration;

use corio::Batch;

use crate::model::program::{Millis, Wish};
use crate::model::random::{Random, mix};
use crate::model::shared::Shared;

/// What is asked for, and by which request: an answer must reach no other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) number: u64,
    pub(crate) request: usize,
    /// Where several programs ask.
    pub(crate) program: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply {
    pub(crate) value: u64,
    pub(crate) request: usize,
    /// Where several programs ask.
    pub(crate) program: u64,
}

/// The only right answer.
pub(crate) fn answer_to(wish: Wish) -> u64 {
    1 + wish.of as u64 * 1000 + wish.number
}

/// How long batches take.
pub(crate) struct Pace {
    pub(crate) seed: u64,
    pub(crate) slowest: Millis,
}

impl Pace {
    fn of(&self, first: &Key) -> Duration {
        Duration::from_millis(mix(self.seed ^ first.request as u64) % (self.slowest + 1))
    }
}

#[corio::dispatcher(shared)]
pub(crate) fn alpha(shared: &Shared, keys: &[Key]) -> Vec<Reply> {
    let _on_the_way = shared.record().arrives(0, keys);
    keys.iter().map(|key| shared.record().answers(0, key)).collect()
}

#[corio::dispatcher(shared, max_in_flight = 4)]
pub(crate) async fn beta(shared: &Shared, keys: &[Key]) -> Vec<Reply> {
    let record = shared.record();
    let _on_the_way = record.arrives(1, keys);
    shared.clock.sleep(shared.pace.of(&keys[0])).await;
    keys.iter().map(|key| record.answers(1, key)).collect()
}

#[corio::dispatcher(shared, max_batch = 3, max_in_flight = 2)]
pub(crate) async fn gamma(shared: &Shared, batch: Batch<Key, Reply>) {
    let record = shared.record();
    let keys: Vec<Key> = batch.keys().copied().collect();
    let _on_the_way = record.arrives(2, &keys);
    record.check(keys.len() <= 3, || format!("a batch of more than three: {keys:?}"));
    let mut slots: Vec<_> = batch.into_iter().collect();
    Random::new(shared.pace.seed ^ keys[0].request as u64).shuffle(&mut slots);
    for slot in slots {
        shared.clock.sleep(shared.pace.of(slot.key())).await;
        let reply = record.answers(2, slot.key());
        slot.answer(reply);
    }
}

/// For the task that shows that a schedule still works.
#[corio::dispatcher(shared)]
pub(crate) async fn healthy_beta(shared: &Shared, keys: &[u64]) -> Vec<u64> {
    shared.clock.sleep(Duration::from_millis(1)).await;
    keys.iter().map(|key| key * 2).collect()
}
