//! The keys of a batch that a future answers.

use std::fmt;
use std::ops::Deref;

use super::payload::Payload;
use crate::dispatch::answers::Answers;
use crate::dispatch::request::Request;

/// The keys of a batch, for a future that [answers](Keys::answer) them; see
/// [`Requests::answer_async`](crate::Requests::answer_async).
pub struct Keys<R: Request> {
    pub(super) payload: Payload<R>,
}

impl<R: Request> Keys<R> {
    /// The answers to all keys, in any shape that a per-batch function may give: what the future
    /// returns.
    pub fn answer<A: Answers<R::Key, Answer = R::Answer>>(mut self, answers: A) -> AnsweredKeys<R> {
        let Payload { keys, answers: to } = &mut self.payload;
        answers.put(keys, keys.len(), to);
        AnsweredKeys { payload: self.payload }
    }
}

impl<R: Request> Deref for Keys<R> {
    type Target = [R::Key];

    fn deref(&self) -> &[R::Key] {
        &self.payload.keys
    }
}

impl<R: Request<Key: fmt::Debug>> fmt::Debug for Keys<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&**self).finish()
    }
}

/// The keys of a batch with their answers; made by [`Keys::answer`].
#[must_use = "the future of a batch returns this"]
pub struct AnsweredKeys<R: Request> {
    pub(super) payload: Payload<R>,
}

impl<R: Request> fmt::Debug for AnsweredKeys<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnsweredKeys").field("len", &self.payload.keys.len()).finish()
    }
}
