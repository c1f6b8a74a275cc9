//! A batch as slots: each owns its key, can be answered on any thread, and must be.

use std::fmt;
use std::sync::Arc;

use super::out::Post;

/// Requests handed over together, as slots to be answered one by one: in any order, in parts, on any thread or in any task.
///
/// A per-batch function that takes one is for answers that arrive at different times, or on other threads:
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
/// What is not answered yet when its run is over may still be answered, and is thrown away. A slot that is dropped without an answer ends the run with
/// [`Error::Unanswered`](crate::Error::Unanswered); one that is forgotten (`std::mem::forget`) keeps its run waiting.
#[must_use = "a batch that is dropped leaves its requests unanswered, which ends the run with an error"]
pub struct Batch<K, R> {
    slots: Vec<Slot<K, R>>,
}

impl<K, R> Batch<K, R> {
    pub(super) fn new(keys: impl Iterator<Item = K>, post: &Arc<Post<K, R>>) -> Self {
        let slots = keys.enumerate().map(|(position, key)| Slot { content: Some((key, post.clone())), position }).collect();
        Batch { slots }
    }

    /// How many slots there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are no slots; never so for a batch that was just handed over.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The keys, in the order asked.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> {
        self.slots.iter().map(Slot::key)
    }

    /// Takes the slots from position `at` on out, as a batch of their own.
    ///
    /// # Panics
    /// If `at` is larger than the batch.
    pub fn split_off(&mut self, at: usize) -> Batch<K, R> {
        Batch { slots: self.slots.split_off(at) }
    }

    /// Answers position by position. Slots for which there is no answer are dropped, which ends the run with an error.
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

/// One request's place in a batch, waiting for its answer. Answering uses it up, so nothing can be answered twice.
#[must_use = "a slot that is dropped is an unanswered request, which ends the run with an error"]
pub struct Slot<K, R> {
    /// Gone when the slot was answered.
    content: Option<(K, Arc<Post<K, R>>)>,
    position: usize,
}

impl<K, R> Slot<K, R> {
    /// What was asked for.
    pub fn key(&self) -> &K {
        match &self.content {
            Some((key, _)) => key,
            None => unreachable!("answering takes the slot"),
        }
    }

    /// The position in the batch as it was handed over, from 0.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Answers the request.
    pub fn answer(self, answer: R) {
        self.answer_with(|_| answer);
    }

    /// Answers the request from its key, by value.
    pub fn answer_with(mut self, answer: impl FnOnce(K) -> R) {
        if let Some((key, post)) = self.content.take() {
            // Should `answer` panic, this says that the request went unanswered.
            let mut unanswered = Unanswered { post: &post, position: self.position, armed: true };
            let answer = answer(key);
            unanswered.armed = false;
            post.answer(self.position, answer);
        }
    }
}

impl<K, T, E> Slot<K, Result<T, E>> {
    /// Answers the request with an error.
    pub fn fail(self, error: E) {
        self.answer(Err(error));
    }
}

struct Unanswered<'a, K, R> {
    post: &'a Post<K, R>,
    position: usize,
    armed: bool,
}

impl<K, R> Drop for Unanswered<'_, K, R> {
    fn drop(&mut self) {
        if self.armed {
            self.post.unanswered(self.position, None);
        }
    }
}

impl<K, R> Drop for Slot<K, R> {
    fn drop(&mut self) {
        if let Some((key, post)) = self.content.take() {
            post.unanswered(self.position, Some(&key));
        }
    }
}

impl<K: fmt::Debug, R> fmt::Debug for Slot<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("key", self.key()).field("position", &self.position).finish_non_exhaustive()
    }
}
