//! The shapes in which a per-batch function may answer, where trouble with a batch is an error of
//! its requests: `faults = "error"`.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::hash::BuildHasher;
use std::sync::Arc;

use super::shapes::Answers;
use crate::dispatch::error::RequestError;
use crate::dispatch::keys::Dedup;

/// Batches of answers as [`Answers`] takes them, each answer in an `Ok`, for requests that get
/// trouble with their batch as a [`RequestError`].
///
/// | wrapped | a request gets |
/// |---|---|
/// | `Vec<R>`, a map | `Result<_, RequestError>` |
/// | `Result<A, E>`, where `A` is one of these | `Result<_, RequestError<E>>`; `E` need not be `Clone` |
///
/// Where the answers are themselves `Result`s there is [`FaultyEach`].
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
///         requests.answer(|keys| Faulty(keys.iter().skip(1).map(|n| n * n).collect::<Vec<_>>())); // one too few
///     }
/// }
///
/// let answer = corio::Schedule::new(()).run(Square(7))?;
/// assert!(matches!(answer, Err(RequestError::WrongCount { requests: 1, answers: 0, .. })));
/// # Ok::<(), corio::Error>(())
/// ```
#[derive(Debug)]
pub struct Faulty<A>(pub A);

/// Batches of `Result`s, whose errors become [`RequestError::Failed`].
#[derive(Debug)]
pub struct FaultyEach<A>(pub A);

#[diagnostic::do_not_recommend]
impl<K, A: Answers<K>, E> Answers<K> for Faulty<Result<A, E>> {
    type Answer = Result<A::Answer, RequestError<E>>;
    const DEDUP: Option<Dedup<K, Self::Answer>> = beside_faults::<K, A, E>();

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

/// What can't fail itself.
macro_rules! sound {
    ([$($parameters:tt)*] $answers:ty) => {
        #[diagnostic::do_not_recommend]
        impl<K, $($parameters)*> Answers<K> for Faulty<$answers>
        where
            $answers: Answers<K>,
        {
            type Answer = Result<<$answers as Answers<K>>::Answer, RequestError>;
            const DEDUP: Option<Dedup<K, Self::Answer>> = beside_faults::<K, $answers, Infallible>();

            fn remember(keys: &[K]) -> Vec<K> {
                <$answers as Answers<K>>::remember(keys)
            }

            fn put(self, keys: &[K], requests: usize, answers: &mut Vec<Self::Answer>) {
                put_ok(self.0, keys, requests, answers);
            }
        }
    };
}

sound!([R] Vec<R>);
sound!([R, H: BuildHasher] HashMap<K, R, H>);
sound!([R] BTreeMap<K, R>);

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

/// One error, shared by all.
fn all_failed<R, E>(error: E, requests: usize) -> impl Iterator<Item = Result<R, RequestError<E>>> {
    let error = RequestError::Failed(Arc::new(error));
    (0..requests).map(move |_| Err(error.clone()))
}

type BesideFaults<K, A, E> = Result<<A as Answers<K>>::Answer, RequestError<E>>;

const fn beside_faults<K, A: Answers<K>, E>() -> Option<Dedup<K, BesideFaults<K, A, E>>> {
    match A::DEDUP {
        None => None,
        Some(dedup) => Some(dedup.with_answers(copy_result::<K, A, E>)),
    }
}

fn copy_result<K, A: Answers<K>, E>(result: &BesideFaults<K, A, E>) -> BesideFaults<K, A, E> {
    match result {
        Ok(answer) => Ok((A::DEDUP.expect("only used where there is one").copy_answer)(answer)),
        Err(error) => Err(error.clone()),
    }
}

/// What a slot's answer is where trouble is an error.
pub fn plain_answer<R>(answer: R) -> Result<R, RequestError> {
    Ok(answer)
}

/// The same, for slots that are answered with `Result`s.
pub fn each_answer<R, E>(answer: Result<R, E>) -> Result<R, RequestError<E>> {
    answer.map_err(RequestError::from)
}
