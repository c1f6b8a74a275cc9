//! The shapes in which a per-batch function may answer, and what a single request gets out of each.

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

    #[doc(hidden)]
    const DEDUP: Option<Dedup<K, Self::Answer>>;

    /// A copy of the keys, if the answers can't be told apart without and the function is given the
    /// keys themselves.
    #[doc(hidden)]
    fn remember(keys: &[K]) -> Vec<K>;

    /// Puts one answer for each of the requests into `answers`, which is empty. `keys` are theirs,
    /// or what `remember` kept of them. A wrong number is found by the caller.
    #[doc(hidden)]
    fn put(self, keys: &[K], requests: usize, answers: &mut Vec<Self::Answer>);
}

/// Checks a return type. Generated code that uses one twice does so before each use, in the same
/// words, and so rustc reports a mistake once.
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

/// Moves answers out of a map. A key may be there twice (where doubles are not looked for, or an
/// answer on its way was invalidated), and gets a clone then: looked for only where an answer is
/// missing.
fn put_by_key<K, R: Clone>(
    keys: &[K],
    mut take: impl FnMut(&K) -> Option<R>,
    firsts: fn(&[K]) -> Vec<usize>,
    answers: &mut Vec<Option<R>>,
) {
    let mut first = None;
    answers.reserve(keys.len());
    for (at, key) in keys.iter().enumerate() {
        let answer = take(key).or_else(|| {
            let first = first.get_or_insert_with(|| firsts(keys))[at];
            answers.get(first).cloned().flatten()
        });
        answers.push(answer);
    }
}

/// For each key the place where it is for the first time.
fn firsts_by_hash<K: Hash + Eq>(keys: &[K]) -> Vec<usize> {
    let mut seen = HashMap::with_capacity(keys.len());
    keys.iter().enumerate().map(|(at, key)| *seen.entry(key).or_insert(at)).collect()
}

fn firsts_by_order<K: Ord>(keys: &[K]) -> Vec<usize> {
    let mut seen = BTreeMap::new();
    keys.iter().enumerate().map(|(at, key)| *seen.entry(key).or_insert(at)).collect()
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

fn clone_result<K, A: Answers<K>, E: Clone>(result: &Result<A::Answer, E>) -> Result<A::Answer, E> {
    match result {
        Ok(answer) => Ok((A::DEDUP.expect("only used where there is one").copy_answer)(answer)),
        Err(error) => Err(error.clone()),
    }
}
