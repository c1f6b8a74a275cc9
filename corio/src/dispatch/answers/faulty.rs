//! Shapes of answers for dispatchers with `faults = "error"`, where a fault of a batch is an error
//! of its requests.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::hash::BuildHasher;
use std::sync::Arc;

use super::shapes::Answers;
use crate::dispatch::error::RequestError;
use crate::dispatch::keys::Dedup;

/// Wraps a batch of answers, as [`Answers`] takes them, for requests that get a fault of their
/// batch as a [`RequestError`]. Each answer becomes an `Ok`.
///
/// | wrapped | a request gets |
/// |---|---|
/// | `Vec<R>`, a map | `Result<_, RequestError>` |
/// | `Result<A, E>`, `A` one of these; `E` need not be `Clone` | `Result<_, RequestError<E>>` |
///
/// For answers that are `Result`s themselves there is [`FaultyEach`].
///
/// ```
/// use corio::{Dispatch, Faulty, Options, Request, RequestError, Requests};
///
/// struct Square(u64);
///
/// impl Request for Square {
///     type Key = u64;
///     type Answer = Result<u64, RequestError>;
///     const OPTIONS: Options<Self::Key, Self::Answer> = Options::new().faults_as_errors();
///
///     fn into_key(self) -> u64 {
///         self.0
///     }
/// }
///
/// impl<S> Dispatch<S> for Square {
///     fn dispatch<'r>(_: &'r S, requests: Requests<'_, 'r, Self>) {
///         // One answer too few.
///         requests.answer(|keys| Faulty(keys.iter().skip(1).map(|n| n * n).collect::<Vec<_>>()));
///     }
/// }
///
/// let answer = corio::Schedule::new(()).run(Square(7))?;
/// assert!(matches!(answer, Err(RequestError::WrongCount { requests: 1, answers: 0, .. })));
/// # Ok::<(), corio::Error>(())
/// ```
#[derive(Debug)]
pub struct Faulty<A>(pub A);

/// Wraps a batch of `Result`s, each of which is the answer of one request. Errors become
/// [`RequestError::Failed`].
#[derive(Debug)]
pub struct FaultyEach<A>(pub A);

#[diagnostic::do_not_recommend]
impl<K, A: Answers<K>, E> Answers<K> for Faulty<Result<A, E>> {
    type Answer = Result<A::Answer, RequestError<E>>;
    const DEDUP: Option<Dedup<K, Self::Answer>> = dedup_with_faults::<K, A, E>();

    fn remember(keys: &[K]) -> Vec<K> {
        A::remember(keys)
    }

    fn put(self, keys: &[K], requests: usize, answers: &mut Vec<Self::Answer>) {
        match self.0 {
            Ok(inner) => put_ok(inner, keys, requests, answers),
            Err(error) => answers.extend(all_failed(error, requests)),
        }
    }
}

/// Implements `Answers` for `Faulty` of a shape that has no error of its own.
macro_rules! infallible {
    ([$($parameters:tt)*] $answers:ty) => {
        #[diagnostic::do_not_recommend]
        impl<K, $($parameters)*> Answers<K> for Faulty<$answers>
        where
            $answers: Answers<K>,
        {
            type Answer = Result<<$answers as Answers<K>>::Answer, RequestError>;
            const DEDUP: Option<Dedup<K, Self::Answer>> =
                dedup_with_faults::<K, $answers, Infallible>();

            fn remember(keys: &[K]) -> Vec<K> {
                <$answers as Answers<K>>::remember(keys)
            }

            fn put(self, keys: &[K], requests: usize, answers: &mut Vec<Self::Answer>) {
                put_ok(self.0, keys, requests, answers);
            }
        }
    };
}

infallible!([R] Vec<R>);
infallible!([R, H: BuildHasher] HashMap<K, R, H>);
infallible!([R] BTreeMap<K, R>);

#[diagnostic::do_not_recommend]
impl<K, R, E> Answers<K> for FaultyEach<Vec<Result<R, E>>> {
    type Answer = Result<R, RequestError<E>>;
    const DEDUP: Option<Dedup<K, Self::Answer>> = None;

    fn remember(_: &[K]) -> Vec<K> {
        Vec::new()
    }

    fn put(self, _: &[K], _: usize, answers: &mut Vec<Self::Answer>) {
        answers.extend(self.0.into_iter().map(each_answer));
    }
}

#[diagnostic::do_not_recommend]
impl<K, R, E> Answers<K> for FaultyEach<Result<Vec<Result<R, E>>, E>> {
    type Answer = Result<R, RequestError<E>>;
    const DEDUP: Option<Dedup<K, Self::Answer>> = None;

    fn remember(_: &[K]) -> Vec<K> {
        Vec::new()
    }

    fn put(self, keys: &[K], requests: usize, answers: &mut Vec<Self::Answer>) {
        match self.0 {
            Ok(inner) => FaultyEach(inner).put(keys, requests, answers),
            Err(error) => answers.extend(all_failed(error, requests)),
        }
    }
}

/// Puts the answers of a shape, each in an `Ok`.
fn put_ok<K, A: Answers<K>, E>(
    inner: A,
    keys: &[K],
    requests: usize,
    answers: &mut Vec<Result<A::Answer, RequestError<E>>>,
) {
    let mut values = Vec::new();
    inner.put(keys, requests, &mut values);
    answers.extend(values.into_iter().map(Ok));
}

/// Returns one error, shared by all requests.
fn all_failed<R, E>(error: E, requests: usize) -> impl Iterator<Item = Result<R, RequestError<E>>> {
    let error = RequestError::Failed(Arc::new(error));
    (0..requests).map(move |_| Err(error.clone()))
}

/// What a request gets for the shape `A`, where a fault is an error.
type OrFault<K, A, E> = Result<<A as Answers<K>>::Answer, RequestError<E>>;

/// Returns the dedup of the shape `A`, for answers that may be faults.
const fn dedup_with_faults<K, A: Answers<K>, E>() -> Option<Dedup<K, OrFault<K, A, E>>> {
    match A::DEDUP {
        None => None,
        Some(dedup) => Some(dedup.with_answers(copy_result::<K, A, E>)),
    }
}

fn copy_result<K, A: Answers<K>, E>(result: &OrFault<K, A, E>) -> OrFault<K, A, E> {
    match result {
        Ok(answer) => Ok((A::DEDUP.expect("only used where there is one").copy_answer)(answer)),
        Err(error) => Err(error.clone()),
    }
}

/// Turns the answer of a slot into that of its request, where a fault is an error.
pub fn plain_answer<R>(answer: R) -> Result<R, RequestError> {
    Ok(answer)
}

/// Turns the `Result` that a slot is answered with into the answer of its request, where a fault is
/// an error too.
pub fn each_answer<R, E>(answer: Result<R, E>) -> Result<R, RequestError<E>> {
    answer.map_err(RequestError::of_dispatcher)
}
