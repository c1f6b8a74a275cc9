//! The shapes in which a per-batch function may answer, and what a single request gets out of each.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

/// What a per-batch function may return for keys `K`, and what `io!` then gives.
///
/// | it returns | `io!` gives |
/// |---|---|
/// | `Vec<R>`, position by position | `R` |
/// | `HashMap<K, R>`, `BTreeMap<K, R>`, asked for each key once | `Option<R>` |
/// | `Result<A, E>`, where `A` is one of these | `Result<_, E>`, each request getting the error |
///
/// So `Vec<Result<R, E>>` gives `Result<R, E>`, and `Result<HashMap<K, R>, E>` gives `Result<Option<R>, E>`.
#[diagnostic::on_unimplemented(
    message = "a dispatcher can't return `{Self}`",
    label = "not a batch of answers",
    note = "return `Vec<R>` (position by position), `HashMap<K, R>` or `BTreeMap<K, R>` (by key), or a `Result` of one of these; or take `answers: &mut Vec<R>` and fill it; or take a `corio::Batch<K, R>`"
)]
pub trait Answers<K>: Sized {
    /// What one request gets.
    type Answer;

    #[doc(hidden)]
    const DEDUP: Option<Dedup<K, Self::Answer>>;

    /// A copy of the keys, if the answers can't be told apart without and the function is given the keys themselves.
    #[doc(hidden)]
    fn remember(keys: &[K]) -> Vec<K>;

    /// Puts one answer for each of the requests into `answers`, which is empty. `keys` are theirs, or what `remember` kept of them. A wrong number is found by the caller.
    #[doc(hidden)]
    fn put(self, keys: &[K], requests: usize, answers: &mut Vec<Self::Answer>);
}

/// Checks a return type. Generated code that uses one twice does so before each use, in the same words, and so rustc reports a mistake once.
pub const fn answers<A: Answers<K>, K>() {}

/// An answer that may have to go to several requests.
#[diagnostic::on_unimplemented(
    message = "`{Self}` goes to several requests, and so has to be `Clone`: return `Arc<{Self}>`, an error by `.map_err(Arc::new)`",
    label = "`{Self}` is not `Clone`",
    note = "the error of a batch goes to each of its requests, and the answer to a key to each that asked for it"
)]
#[doc(hidden)]
pub trait CloneAnswer: Clone {}

#[diagnostic::do_not_recommend]
impl<T: Clone> CloneAnswer for T {}

/// A key by which doubles are found.
#[diagnostic::on_unimplemented(
    message = "keys of type `{Self}` can't be told apart: put `#[derive(Clone, PartialEq, Eq, Hash)]` on the type",
    label = "`{Self}` is not `Clone + Eq + Hash`",
    note = "equal keys are found by hash, and answered once"
)]
#[doc(hidden)]
pub trait HashKey: Hash + Eq + Clone {}

#[diagnostic::do_not_recommend]
impl<K: Hash + Eq + Clone> HashKey for K {}

/// A key by which doubles are found, in order.
#[diagnostic::on_unimplemented(
    message = "keys of type `{Self}` can't be put in order: put `#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]` on the type",
    label = "`{Self}` is not `Clone + Ord`",
    note = "equal keys are found in order, as a `BTreeMap` keeps them, and answered once"
)]
#[doc(hidden)]
pub trait OrdKey: Ord + Clone {}

#[diagnostic::do_not_recommend]
impl<K: Ord + Clone> OrdKey for K {}

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

    // Each key is there once: the doubles were taken out before.
    fn put(mut self, keys: &[K], _: usize, answers: &mut Vec<Option<R>>) {
        answers.extend(keys.iter().map(|key| self.remove(key)));
    }
}

impl<K: OrdKey, R: CloneAnswer> Answers<K> for BTreeMap<K, R> {
    type Answer = Option<R>;
    const DEDUP: Option<Dedup<K, Option<R>>> = Some(Dedup::by_order());

    fn remember(keys: &[K]) -> Vec<K> {
        keys.to_vec()
    }

    fn put(mut self, keys: &[K], _: usize, answers: &mut Vec<Option<R>>) {
        answers.extend(keys.iter().map(|key| self.remove(key)));
    }
}

impl<K, A: Answers<K>, E: CloneAnswer> Answers<K> for Result<A, E> {
    type Answer = Result<A::Answer, E>;
    const DEDUP: Option<Dedup<K, Self::Answer>> = match A::DEDUP {
        None => None,
        Some(dedup) => Some(Dedup { order: dedup.order, clone: clone_result::<K, A, E> }),
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
        Ok(answer) => Ok((A::DEDUP.expect("only used where there is one").clone)(answer)),
        Err(error) => Err(error.clone()),
    }
}

/// How doubles are found and their answers multiplied: two functions, so that only dispatchers that want it need keys and answers that can.
#[doc(hidden)]
#[derive(Debug)]
pub struct Dedup<K, A> {
    /// Takes the doubles out of the keys, and says for each request which of the keys is its own; nothing if there were none.
    order: fn(&mut Vec<K>) -> Vec<usize>,
    clone: fn(&A) -> A,
}

impl<K, A> Clone for Dedup<K, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, A> Copy for Dedup<K, A> {}

impl<K, A: Clone> Dedup<K, A> {
    pub(crate) const fn by_hash() -> Self
    where
        K: HashKey,
    {
        Dedup { order: order_by_hash::<K>, clone: A::clone }
    }

    const fn by_order() -> Self
    where
        K: OrdKey,
    {
        Dedup { order: order_by_order::<K>, clone: A::clone }
    }
}

fn order_by_hash<K: Hash + Eq>(keys: &mut Vec<K>) -> Vec<usize> {
    let mut seen = HashMap::with_capacity(keys.len());
    let order = keys
        .iter()
        .map(|key| {
            let next = seen.len();
            *seen.entry(key).or_insert(next)
        })
        .collect();
    retain_firsts(keys, order)
}

fn order_by_order<K: Ord>(keys: &mut Vec<K>) -> Vec<usize> {
    let mut seen = BTreeMap::new();
    let order = keys
        .iter()
        .map(|key| {
            let next = seen.len();
            *seen.entry(key).or_insert(next)
        })
        .collect();
    retain_firsts(keys, order)
}

impl<K, A> Dedup<K, A> {
    pub(super) fn clone_answer(&self, answer: &A) -> A {
        (self.clone)(answer)
    }

    pub(super) fn take_doubles(&self, keys: &mut Vec<K>) -> Vec<usize> {
        (self.order)(keys)
    }

    /// From one answer a key to one answer a request. The first request of each key gets the answer itself.
    pub(super) fn give_to_doubles(&self, answers: &mut Vec<A>, order: &[usize]) {
        let mut distinct = std::mem::take(answers).into_iter();
        let mut firsts = Vec::new();
        for &key in order {
            let answer = match firsts.get(key) {
                Some(&first) => {
                    let first: &A = &answers[first];
                    (self.clone)(first)
                }
                None => {
                    firsts.push(answers.len());
                    distinct.next().expect("the number of answers was checked")
                }
            };
            answers.push(answer);
        }
    }
}

/// Keeps the first of each key. `order` numbers the distinct keys as they come: a key is the first of its kind where its number is new.
fn retain_firsts<K>(keys: &mut Vec<K>, order: Vec<usize>) -> Vec<usize> {
    let (mut at, mut distinct) = (0, 0);
    keys.retain(|_| {
        let first = order[at] == distinct;
        at += 1;
        distinct += usize::from(first);
        first
    });
    if distinct == order.len() { Vec::new() } else { order }
}
