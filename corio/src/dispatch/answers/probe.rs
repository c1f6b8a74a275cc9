//! Whether an answer is an error, and which: for generated code, which does not know the type of
//! answers.

use crate::dispatch::error::RequestError;

/// Says whether an answer should be cached: an error should not. `Probe(&answer).keep()` resolves
/// to [`ProbeResult`] if the answer is a `Result`, and to [`ProbeAny`] otherwise: method lookup
/// tries `Probe` itself before a reference to it.
#[derive(Debug)]
pub struct Probe<'a, A>(pub &'a A);

/// Whether to cache a `Result`; found first by method lookup.
pub trait ProbeResult {
    /// Returns whether the answer is `Ok`.
    fn keep(&self) -> bool;
}

impl<T, E> ProbeResult for Probe<'_, Result<T, E>> {
    fn keep(&self) -> bool {
        self.0.is_ok()
    }
}

/// Whether to cache any other answer; found by method lookup through a reference.
pub trait ProbeAny {
    /// Returns true.
    fn keep(&self) -> bool;
}

impl<A> ProbeAny for &Probe<'_, A> {
    fn keep(&self) -> bool {
        true
    }
}

/// An answer that can be an error: a `Result`.
#[diagnostic::on_unimplemented(
    message = "`when` looks at errors, and the answers of this dispatcher are no `Result`s: they \
               are `{Self}`",
    label = "no error to look at",
    note = "return a `Result` of the answers, or a `Result` for each; or take a `corio::Batch` \
            and let its slots `retry()`"
)]
pub trait FailingAnswer {
    /// The error, which `when` gets.
    type Error;

    /// Returns the error, if the answer is one.
    fn error(&self) -> Option<&Self::Error>;
}

impl<T, E> FailingAnswer for Result<T, E> {
    type Error = E;

    fn error(&self) -> Option<&E> {
        self.as_ref().err()
    }
}

/// Whether an answer is an error that `retry(when = …)` sends the request again for.
// With `A::Error` as the parameter type, rustc would report an answer that is no `Result` twice.
pub fn is_transient<A: FailingAnswer<Error = E>, E>(answer: &A, when: fn(&E) -> bool) -> bool {
    answer.error().is_some_and(when)
}

/// Whether an answer is an error of the dispatcher that `retry(when = …)` sends the request again
/// for, where a fault is an error too. A fault is not retried: it is not what the dispatcher said.
pub fn is_transient_fault<T, E>(answer: &Result<T, RequestError<E>>, when: fn(&E) -> bool) -> bool {
    answer.as_ref().err().and_then(RequestError::failed).is_some_and(when)
}
