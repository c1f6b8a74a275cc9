//! What generated code has to know of an answer whose type it does not: whether it is an error, and
//! which.

use crate::dispatch::error::RequestError;

/// Whether an answer is worth keeping: an error is not. Told by the method that is found first, of
/// `Probe` itself or of a reference to it.
#[derive(Debug)]
pub struct Probe<'a, A>(pub &'a A);

/// Found first, for a `Result`.
pub trait ProbeResult {
    /// Whether it is no error.
    fn keep(&self) -> bool;
}

impl<T, E> ProbeResult for Probe<'_, Result<T, E>> {
    fn keep(&self) -> bool {
        self.0.is_ok()
    }
}

/// Found for everything else.
pub trait ProbeAny {
    /// Always.
    fn keep(&self) -> bool;
}

impl<A> ProbeAny for &Probe<'_, A> {
    fn keep(&self) -> bool {
        true
    }
}

/// An answer that can be an error.
#[diagnostic::on_unimplemented(
    message = "`when` looks at errors, and the answers of this dispatcher are no `Result`s: they \
               are `{Self}`",
    label = "no error to look at",
    note = "return a `Result` of the answers, or a `Result` for each; or take a `corio::Batch` \
            and let its slots `retry()`"
)]
pub trait FailingAnswer {
    /// What `when` looks at.
    type Error;

    /// The error, if it is one.
    fn error(&self) -> Option<&Self::Error>;
}

impl<T, E> FailingAnswer for Result<T, E> {
    type Error = E;

    fn error(&self) -> Option<&E> {
        self.as_ref().err()
    }
}

/// `retry(when = …)`
// With `A::Error` in the parameter, answers without one would be reported twice.
pub fn is_transient<A: FailingAnswer<Error = E>, E>(answer: &A, when: fn(&E) -> bool) -> bool {
    answer.error().is_some_and(when)
}

/// The same, where trouble is an error: that is not what the dispatcher said, and is not tried
/// again.
pub fn is_transient_fault<T, E>(answer: &Result<T, RequestError<E>>, when: fn(&E) -> bool) -> bool {
    answer.as_ref().err().and_then(RequestError::failed).is_some_and(when)
}
