//! The shapes of answers that a per-batch function may return, and what one request gets of each.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

use crate::dispatch::keys::{CloneAnswer, Dedup, HashKey, OrdKey};

/// What a per-batch function may return for keys `K`, and what `io!` then gives.
///
/// | it returns | `io!` gives |
/// |---|---|
/// | `Vec<R>`, position by position | `R` |
/// | `HashMap<K, R>`, `BTreeMap<K, R>`, asked for each key once | `Option<R>` |
/// | `Result<A, E>`, where `A` is one of these | `Result<_, E>`, each request getting the error |
///
/// So `Vec<Result<R, E>>` gives `Result<R, E>`, and `Result<HashMap<K, R>, E>` gives
/// `Result<Option<R>, E>`.
#[diagnostic::on_unimplemented(
    message = "a dispatcher can't return `{Self}`",
    label = "not a batch of answers",
    note = "return `Vec<R>` (position by position), `HashMap<K, R>` or `BTreeMap<K, R>` (by key), \
            or a `Result` of one of these; or take `answers: &mut Vec<R>` and fill it; or take a \
            `corio::Batch<K, R>`"
)]
pub trait Answers<K>: Sized {
    /// What one request gets.
    type Answer;

    /// How equal keys are found, if the shape is by key; `None` if it is by position.
    #[doc(hidden)]
    const DEDUP: Option<Dedup<K, Self::Answer>>;

    /// Returns a copy of the keys if the shape is by key, for functions that take the keys by
    /// value; otherwise nothing.
    #[doc(hidden)]
    fn remember(keys: &[K]) -> Vec<K>;

    /// Puts one answer for each request into `answers`, which is empty. `keys` are the keys of the
    /// requests, or what `remember` has returned for them. The caller checks the number of answers.
    #[doc(hidden)]
    fn put(self, keys: &[K], requests: usize, answers: &mut Vec<Self::Answer>);
}

/// Checks that a per-batch function may return `A`. Generated code that uses a return type twice
/// calls this function before each use, with the same tokens, so that rustc reports a mistake once.
pub const fn answers<A: Answers<K>, K>() {}

impl<K, R> Answers<K> for Vec<R> {
    type Answer = R;
    const DEDUP: Option<Dedup<K, R>> = None;

    fn remember(_: &[K]) -> Vec<K> {
        Vec::new()
    }

    fn put(self, _: &[K], _: usize, answers: &mut Vec<R>) {
        *answers = self;
    }
}

impl<K: HashKey, R: CloneAnswer, H: BuildHasher> Answers<K> for HashMap<K, R, H> {
    type Answer = Option<R>;
    const DEDUP: Option<Dedup<K, Option<R>>> = Some(Dedup::by_hash());

    fn remember(keys: &[K]) -> Vec<K> {
        keys.to_vec()
    }

    fn put(mut self, keys: &[K], _: usize, answers: &mut Vec<Option<R>>) {
        put_by_key(keys, |key| self.remove(key), firsts_by_hash, answers);
    }
}

impl<K: OrdKey, R: CloneAnswer> Answers<K> for BTreeMap<K, R> {
    type Answer = Option<R>;
    const DEDUP: Option<Dedup<K, Option<R>>> = Some(Dedup::by_order());

    fn remember(keys: &[K]) -> Vec<K> {
        keys.to_vec()
    }

    fn put(mut self, keys: &[K], _: usize, answers: &mut Vec<Option<R>>) {
        put_by_key(keys, |key| self.remove(key), firsts_by_order, answers);
    }
}

/// Moves the answers for `keys` out of a map by `take`.
///
/// A key may occur twice, without dedup or if its answer in flight was invalidated; its second
/// answer is a clone. `firsts` finds the first occurrences, and is called only if an answer is
/// missing.
fn put_by_key<K, R: Clone>(
    keys: &[K],
    mut take: impl FnMut(&K) -> Option<R>,
    firsts: fn(&[K]) -> Vec<usize>,
    answers: &mut Vec<Option<R>>,
) {
    let mut first_positions = None;
    answers.reserve(keys.len());
    for (position, key) in keys.iter().enumerate() {
        let answer = take(key).or_else(|| {
            let first = first_positions.get_or_insert_with(|| firsts(keys))[position];
            answers.get(first).cloned().flatten()
        });
        answers.push(answer);
    }
}

/// Returns for each key the position of its first occurrence, found by hash.
fn firsts_by_hash<K: Hash + Eq>(keys: &[K]) -> Vec<usize> {
    let mut seen = HashMap::with_capacity(keys.len());
    keys.iter().enumerate().map(|(position, key)| *seen.entry(key).or_insert(position)).collect()
}

/// Returns for each key the position of its first occurrence, found by order.
fn firsts_by_order<K: Ord>(keys: &[K]) -> Vec<usize> {
    let mut seen = BTreeMap::new();
    keys.iter().enumerate().map(|(position, key)| *seen.entry(key).or_insert(position)).collect()
}

impl<K, A: Answers<K>, E: CloneAnswer> Answers<K> for Result<A, E> {
    type Answer = Result<A::Answer, E>;
    const DEDUP: Option<Dedup<K, Self::Answer>> = match A::DEDUP {
        None => None,
        Some(dedup) => Some(dedup.with_answers(clone_result::<K, A, E>)),
    };

    fn remember(keys: &[K]) -> Vec<K> {
        A::remember(keys)
    }

    fn put(self, keys: &[K], requests: usize, answers: &mut Vec<Self::Answer>) {
        match self {
            Ok(inner) => {
                let mut values = Vec::new();
                inner.put(keys, requests, &mut values);
                answers.extend(values.into_iter().map(Ok));
            }
            Err(error) => answers.extend(std::iter::repeat_n(error, requests).map(Err)),
        }
    }
}

/// Clones an answer by the dedup of the shape `A`, or an error.
fn clone_result<K, A: Answers<K>, E: Clone>(result: &Result<A::Answer, E>) -> Result<A::Answer, E> {
    match result {
        Ok(answer) => Ok((A::DEDUP.expect("only used where there is one").copy_answer)(answer)),
        Err(error) => Err(error.clone()),
    }
}
