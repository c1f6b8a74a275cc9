//! How generated code answers a batch later: by the future of an `async fn`, which need not be
//! `Send`.
//!
//! # Contract
//!
//! A future in a run is `Send`, or stands in the type of a request that the run's tasks ask, or
//! holds nothing besides keys and answers, which stand there: so that a run that is `Send` holds no
//! future that is not (see `util::of_run`). The methods of `Requests` that users call have the
//! bound; here it is generated code that promises it.
//!
//! The request of such a function has the type of that future as a parameter, in its [`Flow`]. So
//! the request is `Send` only if the future is, and so is who asks it. The parameter can't be
//! named, but is inferred where the request is made.

use std::future::Future;
use std::marker::PhantomData;

use super::keys::{AnsweredKeys, Keys};
use super::requests::Requests;
use super::slots::Batch;
use crate::dispatch::answers::Answers;
use crate::dispatch::request::Request;

/// Makes a request `Send` only if the future `F` is by which its dispatcher answers. `R` is the
/// request: no other has this type.
///
/// `F` borrows its pieces and keys for `'static`, and the future that runs for less. Both are
/// `Send` or neither is, unless a type were `Send` for some lifetimes alone; pieces and keys have
/// none, and what an `async fn` holds over an `.await` is checked for every lifetime.
pub struct Flow<R, F>(PhantomData<(fn() -> R, F)>);

/// The flow of the future that a function would return. The function is never called.
pub fn flow<R, F>(_: impl FnOnce() -> F) -> Flow<R, F> {
    Flow(PhantomData)
}

/// Answers by the future of an `async fn`, from the keys by slice.
///
/// # Safety
/// `R` has a `Flow` of this `async fn`, and `batch` does nothing but call and await it.
pub unsafe fn answer_async<'r, R: Request, F: Future<Output = AnsweredKeys<R>> + 'r>(
    requests: Requests<'_, 'r, R>,
    batch: impl FnOnce(Keys<R>) -> F + 'r,
) {
    // Besides the future of the function, which the request tells of, the future holds keys
    // and answers.
    requests.answer_async_unchecked(batch);
}

/// Answers by the future of an `async fn`, from the keys by value.
///
/// # Safety
/// `R` has a `Flow` of this `async fn`, and `batch` does nothing but call and await it.
pub unsafe fn answer_owned_async<'r, R, A, F>(
    requests: Requests<'_, 'r, R>,
    batch: impl FnOnce(Vec<R::Key>) -> F + 'r,
) where
    R: Request,
    A: Answers<R::Key, Answer = R::Answer> + 'r,
    F: Future<Output = A> + 'r,
{
    // Besides the future of the function, which the request tells of, the future holds keys
    // and answers.
    requests.answer_owned_async_unchecked(batch);
}

/// Gives slots to an `async fn`.
///
/// # Safety
/// `R` has a `Flow` of this `async fn`, and `batch` does nothing but call and await it. `A` is what
/// an answer is made of.
pub unsafe fn batch_async<'r, R: Request, A: 'static, F: Future<Output = ()> + 'r>(
    requests: Requests<'_, 'r, R>,
    wrap: fn(A) -> R::Answer,
    batch: impl FnOnce(Batch<R::Key, A>) -> F + 'r,
) {
    // The request tells of the future, and its answer of `A`.
    requests.batch_async_unchecked(wrap, batch);
}

/// Gives slots to an `async fn` whose future is `Send`.
///
/// # Safety
/// `A` is what an answer is made of.
pub unsafe fn batch_async_send<'r, R: Request, A: 'static, F: Future<Output = ()> + Send + 'r>(
    requests: Requests<'_, 'r, R>,
    wrap: fn(A) -> R::Answer,
    batch: impl FnOnce(Batch<R::Key, A>) -> F + 'r,
) {
    // The answer tells of `A`.
    requests.batch_async_unchecked(wrap, batch);
}

/// Gives slots to a function that answers them with less than what a request gets.
///
/// # Safety
/// `A` is what an answer is made of.
pub unsafe fn batch_with<R: Request, A: 'static>(
    requests: Requests<'_, '_, R>,
    wrap: fn(A) -> R::Answer,
    batch: impl FnOnce(Batch<R::Key, A>),
) {
    // The answer tells of `A`.
    requests.batch_unchecked(wrap, batch);
}
