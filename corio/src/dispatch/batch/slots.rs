//! A batch as slots, to be answered one by one.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use super::slot::Slot;
use crate::dispatch::in_flight::Mailbox;

/// Requests handed over together, as slots to be answered one by one: in any order, in parts, on
/// any thread or in any task.
///
/// A per-batch function that takes one is for answers that arrive at different times, or on other
/// threads:
///
/// ```
/// use corio::Batch;
///
/// #[corio::dispatcher]
/// fn square(batch: Batch<u64, u64>) {
///     let (even, odd): (Vec<_>, Vec<_>) = batch.into_iter().partition(|slot| slot.key() % 2 == 0);
///     for part in [even, odd] {
///         std::thread::spawn(move || {
///             for slot in part {
///                 slot.answer_with(|n| n * n);
///             }
///         });
///     }
/// }
///
/// #[corio::task]
/// fn program() -> Vec<u64> {
///     io_all!((1..=4).map(square))
/// }
///
/// assert_eq!(corio::Schedule::new(()).run(program())?, [1, 4, 9, 16]);
/// # Ok::<(), corio::Error>(())
/// ```
///
/// A batch is in flight until its last slot is answered; if an `async fn` took the batch, until
/// that function has ended as well. Slots may still be answered when their run is over; such
/// answers are discarded. A slot that is dropped without an answer ends the run with
/// [`RequestError::Unanswered`](crate::RequestError::Unanswered). A slot that is leaked
/// (`std::mem::forget`) keeps its run waiting.
#[must_use = "a batch that is dropped leaves its requests unanswered, which ends the run with an \
              error"]
pub struct Batch<K, R> {
    slots: Vec<Slot<K, R>>,
}

impl<K, R> Batch<K, R> {
    pub(super) fn new(keys: impl Iterator<Item = K>, mailbox: &Arc<Mailbox<K, R>>) -> Self {
        Batch {
            slots: keys
                .enumerate()
                .map(|(position, key)| Slot::new(key, position, mailbox.clone()))
                .collect(),
        }
    }

    /// Number of slots.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are no slots. A batch that was just handed over has at least one.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The keys, in the order asked.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> {
        self.slots.iter().map(Slot::key)
    }

    /// Splits off the slots from position `at` on, as a batch of their own.
    ///
    /// # Panics
    /// If `at` is larger than the batch.
    pub fn split_off(&mut self, at: usize) -> Batch<K, R> {
        Batch { slots: self.slots.split_off(at) }
    }

    /// Splits the batch into `parts` parts, one for each worker, say. Their sizes differ by one at
    /// most. A batch with fewer slots gives one part for each slot.
    ///
    /// ```
    /// # use corio::Batch;
    /// #[corio::dispatcher]
    /// fn square(batch: Batch<u64, u64>) {
    ///     for part in batch.split(4) {
    ///         std::thread::spawn(move || {
    ///             part.into_iter().for_each(|slot| slot.answer_with(|n| n * n))
    ///         });
    ///     }
    /// }
    /// # #[corio::task]
    /// # fn program() -> u64 { io_all!((1..=9).map(square)).iter().sum() }
    /// # assert_eq!(corio::Schedule::new(()).run(program()).unwrap(), 285);
    /// ```
    ///
    /// # Panics
    /// If `parts` is 0.
    pub fn split(mut self, parts: usize) -> Vec<Batch<K, R>> {
        assert!(parts > 0, "a batch can't be split into no parts");
        let mut split = Vec::new();
        for left in (1..=parts.min(self.len())).rev() {
            let rest = self.split_off(self.len().div_ceil(left));
            split.push(std::mem::replace(&mut self, rest));
        }
        split
    }

    /// Splits the batch by a property of its keys (the shard that holds them, say). The parts are
    /// in the order in which their values of `by` first appear.
    ///
    /// ```
    /// # use corio::Batch;
    /// #[corio::dispatcher]
    /// fn fetch(batch: Batch<u64, String>) {
    ///     for (shard, part) in batch.split_by(|id| id % 2) {
    ///         for slot in part {
    ///             slot.answer_with(|id| format!("{id} of shard {shard}"));
    ///         }
    ///     }
    /// }
    /// # assert_eq!(corio::Schedule::new(()).run(fetch(7)).unwrap(), "7 of shard 1");
    /// ```
    pub fn split_by<G: Hash + Eq + Clone>(self, by: impl Fn(&K) -> G) -> Vec<(G, Batch<K, R>)> {
        let mut indices = HashMap::new();
        let mut parts: Vec<(G, Batch<K, R>)> = Vec::new();
        for slot in self.slots {
            let value = by(slot.key());
            let index = *indices.entry(value.clone()).or_insert_with(|| {
                parts.push((value, Batch { slots: Vec::new() }));
                parts.len() - 1
            });
            parts[index].1.slots.push(slot);
        }
        parts
    }

    /// Answers position by position. Slots without an answer are dropped, which ends the run with
    /// an error; answers without a slot are dropped.
    ///
    /// ```
    /// # use corio::Batch;
    /// #[corio::dispatcher]
    /// fn length(batch: Batch<String, usize>) {
    ///     let lengths: Vec<usize> = batch.keys().map(String::len).collect();
    ///     batch.answer_all(lengths);
    /// }
    /// ```
    pub fn answer_all(self, answers: impl IntoIterator<Item = R>) {
        for (slot, answer) in self.slots.into_iter().zip(answers) {
            slot.answer(answer);
        }
    }
}

impl<K: Hash + Eq, R: Clone> Batch<K, R> {
    /// Answers by key. Slots whose key is not in the map are dropped, which ends the run with an
    /// error that names them.
    ///
    /// ```
    /// # use corio::Batch;
    /// # use std::collections::HashMap;
    /// #[corio::dispatcher]
    /// fn name(batch: Batch<u64, &'static str>) {
    ///     batch.answer_by_key(&HashMap::from([(1, "Emma"), (2, "Persuasion")]));
    /// }
    /// # assert_eq!(corio::Schedule::new(()).run(name(2)).unwrap(), "Persuasion");
    /// ```
    pub fn answer_by_key<H: BuildHasher>(self, answers: &HashMap<K, R, H>) {
        for slot in self.slots {
            if let Some(answer) = answers.get(slot.key()) {
                let answer = answer.clone();
                slot.answer(answer);
            }
        }
    }
}

impl<K, R> IntoIterator for Batch<K, R> {
    type Item = Slot<K, R>;
    type IntoIter = std::vec::IntoIter<Slot<K, R>>;

    fn into_iter(self) -> Self::IntoIter {
        self.slots.into_iter()
    }
}

impl<K, R> FromIterator<Slot<K, R>> for Batch<K, R> {
    fn from_iter<I: IntoIterator<Item = Slot<K, R>>>(slots: I) -> Self {
        Batch { slots: slots.into_iter().collect() }
    }
}

impl<K: fmt::Debug, R> fmt::Debug for Batch<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys()).finish()
    }
}
