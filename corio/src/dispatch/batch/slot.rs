//! One request's place in a batch.
//!
//! What becomes of it is said by a method that takes the slot, so that nothing can be answered
//! twice; and if none is called, the destructor says that.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::dispatch::in_flight::{Mailbox, SlotOutcome};

/// One request's place in a batch, waiting for its answer. Answering uses it up, so nothing can be
/// answered twice.
#[must_use = "a slot that is dropped is an unanswered request, which ends the run with an error"]
pub struct Slot<K, R> {
    /// Gone when it has been said what becomes of it.
    content: Option<(K, Arc<Mailbox<K, R>>)>,
    position: usize,
}

impl<K, R> Slot<K, R> {
    pub(super) fn new(key: K, position: usize, mailbox: Arc<Mailbox<K, R>>) -> Self {
        Slot { content: Some((key, mailbox)), position }
    }

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

    fn take(&mut self) -> (K, Arc<Mailbox<K, R>>) {
        match self.content.take() {
            Some(content) => content,
            None => unreachable!("answering takes the slot"),
        }
    }

    /// Answers the request.
    pub fn answer(mut self, answer: R) {
        let (key, mailbox) = self.take();
        mailbox.put(SlotOutcome::Answer { position: self.position, answer, key: Some(key) });
    }

    /// Answers the request from its key, by value. Such an answer is the last word: without its key
    /// the request can't be tried again.
    pub fn answer_with(mut self, answer: impl FnOnce(K) -> R) {
        let (key, mailbox) = self.take();
        // Should `answer` panic, this says that the request went unanswered.
        let mut unanswered = Unanswered { mailbox: &mailbox, position: self.position, armed: true };
        let answer = answer(key);
        unanswered.armed = false;
        mailbox.put(SlotOutcome::Answer { position: self.position, answer, key: None });
    }

    /// Has the request sent again, in a batch to come, after the pause that the dispatcher's
    /// `retry` option says (none without that option). A dispatcher that says nothing of
    /// retries gives each request five attempts in all.
    ///
    /// When all attempts are used up, that is trouble with the batch:
    /// [`RequestError::RetriesExhausted`](crate::RequestError::RetriesExhausted).
    ///
    /// ```
    /// use corio::Batch;
    ///
    /// #[corio::dispatcher(retry(attempts = 3))]
    /// fn fetch(server: &Server, batch: Batch<u64, String>) {
    ///     for slot in batch {
    ///         match server.get(*slot.key()) {
    ///             Some(row) => slot.answer(row),
    ///             None => slot.retry(), // busy
    ///         }
    ///     }
    /// }
    /// # struct Server(std::cell::Cell<u32>);
    /// # impl Server { fn get(&self, id: u64) -> Option<String> { self.0.set(self.0.get() + 1); (self.0.get() > 2).then(|| id.to_string()) } }
    /// # assert_eq!(corio::Schedule::new(&Server(Default::default())).run(fetch(7)).unwrap(), "7");
    /// ```
    pub fn retry(self) {
        self.again(None);
    }

    /// The same, after this pause: what a server said in `Retry-After`, say.
    pub fn retry_after(self, pause: Duration) {
        self.again(Some(pause));
    }

    fn again(mut self, after: Option<Duration>) {
        let (key, mailbox) = self.take();
        mailbox.put(SlotOutcome::Retry { position: self.position, key, after });
    }
}

impl<K, T, E> Slot<K, Result<T, E>> {
    /// Answers the request with an error; which the dispatcher's `retry` option may call worth
    /// another try.
    pub fn fail(self, error: E) {
        self.answer(Err(error));
    }
}

struct Unanswered<'a, K, R> {
    mailbox: &'a Mailbox<K, R>,
    position: usize,
    armed: bool,
}

impl<K, R> Drop for Unanswered<'_, K, R> {
    fn drop(&mut self) {
        if self.armed {
            self.mailbox.unanswered(self.position, None);
        }
    }
}

impl<K, R> Drop for Slot<K, R> {
    fn drop(&mut self) {
        if let Some((key, mailbox)) = self.content.take() {
            mailbox.unanswered(self.position, Some(&key));
        }
    }
}

impl<K: fmt::Debug, R> fmt::Debug for Slot<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("key", self.key())
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}
