//! Bounds on keys and answers, as traits of their own, so that the compile error for a missing
//! bound says what to do about it. Each is implemented for every type that has the bounds.

use std::fmt;
use std::hash::Hash;

/// An answer that may go to several requests.
#[diagnostic::on_unimplemented(
    message = "`{Self}` goes to several requests, and so has to be `Clone`: return `Arc<{Self}>`, \
               an error by `.map_err(Arc::new)`",
    label = "`{Self}` is not `Clone`",
    note = "the error of a batch goes to each of its requests, and the answer to a key to each \
            that asked for it"
)]
#[doc(hidden)]
pub trait CloneAnswer: Clone {}

#[diagnostic::do_not_recommend]
impl<T: Clone> CloneAnswer for T {}

/// A key that is compared with others by hash, for dedup and caches.
#[diagnostic::on_unimplemented(
    message = "keys of type `{Self}` can't be told apart: put `#[derive(Clone, PartialEq, Eq, \
               Hash)]` on the type",
    label = "`{Self}` is not `Clone + Eq + Hash`",
    note = "equal keys are found by hash, and answered once"
)]
#[doc(hidden)]
pub trait HashKey: Hash + Eq + Clone + 'static {}

#[diagnostic::do_not_recommend]
impl<K: Hash + Eq + Clone + 'static> HashKey for K {}

/// A value that identifies a group of keys, or a partition of a cache.
#[diagnostic::on_unimplemented(
    message = "values of type `{Self}` can't be told apart, or can't go from thread to thread: put \
               `#[derive(PartialEq, Eq, Hash)]` on the type, and use `Arc` instead of `Rc`",
    label = "`{Self}` is not `Eq + Hash + Send + Sync`, or borrows",
    note = "groups of keys, and partitions of a cache, are found by hash, and go with their run"
)]
#[doc(hidden)]
pub trait GroupKey: Hash + Eq + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Hash + Eq + Send + Sync + 'static> GroupKey for T {}

/// A key or an answer that is cached from run to run.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is cached with its schedule, which may go to another thread, and so has to \
               be `Send`: use `Arc` instead of `Rc`",
    label = "can't be sent to another thread"
)]
#[doc(hidden)]
pub trait KeptBetweenRuns: Send {}

#[diagnostic::do_not_recommend]
impl<T: Send> KeptBetweenRuns for T {}

/// A key that is compared with others by order, for answers in a `BTreeMap`.
#[diagnostic::on_unimplemented(
    message = "keys of type `{Self}` can't be put in order: put `#[derive(Clone, PartialEq, Eq, \
               PartialOrd, Ord)]` on the type",
    label = "`{Self}` is not `Clone + Ord`",
    note = "equal keys are found in order, as a `BTreeMap` keeps them, and answered once"
)]
#[doc(hidden)]
pub trait OrdKey: Ord + Clone + 'static {}

#[diagnostic::do_not_recommend]
impl<K: Ord + Clone + 'static> OrdKey for K {}

/// A key or an answer of a blocking dispatcher.
#[diagnostic::on_unimplemented(
    message = "a blocking dispatcher runs on another thread, and so do its keys and answers: \
               `{Self}` has to be `Send`",
    label = "can't be sent to another thread"
)]
#[doc(hidden)]
#[cfg(feature = "blocking")]
pub trait BlockingData: Send {}

#[diagnostic::do_not_recommend]
#[cfg(feature = "blocking")]
impl<T: Send> BlockingData for T {}

/// How to copy a key: `Clone::clone`.
pub(crate) type CopyKey<K> = fn(&K) -> K;

/// How to print a key: `Debug::fmt`.
pub(crate) type ShowKey<K> = fn(&K, &mut fmt::Formatter<'_>) -> fmt::Result;
