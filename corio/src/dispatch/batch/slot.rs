//! One request of a batch, as a slot.
//!
//! Every method that decides about the request takes the slot, so no request is answered twice. If
//! none is called, the destructor reports the request as unanswered.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::dispatch::in_flight::{Mailbox, SlotOutcome};

/// One request of a [`Batch`](crate::Batch), waiting for its answer. Answering consumes the slot,
/// so no request can be answered twice.
///
/// A slot that is dropped is reported as
/// [`RequestError::Unanswered`](crate::RequestError::Unanswered).
#[must_use = "a slot that is dropped is an unanswered request, which ends the run with an error"]
pub struct Slot<K, R> {
    /// Absent once the outcome is in the mailbox.
    content: Option<(K, Arc<Mailbox<K, R>>)>,
    position: usize,
}

impl<K, R> Slot<K, R> {
    pub(super) fn new(key: K, position: usize, mailbox: Arc<Mailbox<K, R>>) -> Self {
        Slot { content: Some((key, mailbox)), position }
    }

    /// The key that was asked for.
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

    /// Takes the key and the mailbox. Every method that does so takes `self`, so they are still
    /// there.
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

    /// Answers the request from its key, by value. Such an answer is final: without its key the
    /// request can't be retried. If `answer` panics, the request is reported as unanswered.
    pub fn answer_with(mut self, answer: impl FnOnce(K) -> R) {
        let (key, mailbox) = self.take();
        // If `answer` panics, this guard reports the request as unanswered.
        let mut guard = Unanswered { mailbox: &mailbox, position: self.position, armed: true };
        let answer = answer(key);
        guard.armed = false;
        mailbox.put(SlotOutcome::Answer { position: self.position, answer, key: None });
    }

    /// Sends the request again in a later batch, after the pause of the dispatcher's `retry` option
    /// (without that option there is no pause). Without a `retry` option each request has five
    /// attempts in all.
    ///
    /// When all attempts are used up, the request fails with
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
    /// # impl Server {
    /// #     fn get(&self, id: u64) -> Option<String> {
    /// #         self.0.set(self.0.get() + 1);
    /// #         (self.0.get() > 2).then(|| id.to_string())
    /// #     }
    /// # }
    /// # assert_eq!(corio::Schedule::new(&Server(Default::default())).run(fetch(7)).unwrap(), "7");
    /// ```
    pub fn retry(self) {
        self.put_retry(None);
    }

    /// Sends the request again in a later batch, after this pause (from a `Retry-After` header,
    /// say). Otherwise as [`retry`](Slot::retry).
    pub fn retry_after(self, pause: Duration) {
        self.put_retry(Some(pause));
    }

    /// Puts a retry into the mailbox.
    fn put_retry(mut self, after: Option<Duration>) {
        let (key, mailbox) = self.take();
        mailbox.put(SlotOutcome::Retry { position: self.position, key, after });
    }
}

impl<K, T, E> Slot<K, Result<T, E>> {
    /// Answers the request with an error. The dispatcher's `retry` option may call the error worth
    /// another try.
    pub fn fail(self, error: E) {
        self.answer(Err(error));
    }
}

/// Reports a request as unanswered when dropped while armed.
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
