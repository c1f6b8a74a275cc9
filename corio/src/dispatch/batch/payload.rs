//! What a dispatcher that answers later has of its batch.

use std::mem;

use crate::dispatch::queue::BufOf;
use crate::dispatch::request::Request;

/// The part of a batch that a dispatcher which answers later gets and gives back: keys and answers
/// without the waiters.
pub(crate) struct Payload<R: Request> {
    pub(crate) keys: Vec<R::Key>,
    /// Empty until the dispatcher has answered.
    pub(crate) answers: Vec<R::Answer>,
}

impl<R: Request> Payload<R> {
    /// Takes the keys out of a buffer, and the memory for answers.
    pub(crate) fn of(buf: &mut BufOf<R>) -> Self {
        Payload { keys: mem::take(&mut buf.keys), answers: mem::take(&mut buf.answers) }
    }
}
