//! What `#[corio::dispatcher]` was written on.

use crate::function::Function;
use proc_macro2::{Ident, Span};
use std::time::Duration;
use syn::{Expr, ExprClosure, Type};

/// A dispatcher without mistakes.
pub(super) struct Dispatcher {
    pub(super) function: Function,
    pub(super) options: Options,
    /// `Db` of each `&Db`, in order.
    pub(super) pieces: Vec<Type>,
    pub(super) keys: Keys,
    pub(super) answers: Answers,
}

/// The attribute's options. Each keeps its name as it was written: it is to blame if what it asks
/// for can't be.
#[derive(Default)]
pub(super) struct Options {
    pub(super) max_batch: Option<Number>,
    pub(super) in_flight: Option<Number>,
    pub(super) dedup: Option<Ident>,
    pub(super) show_keys: Option<Ident>,
    pub(super) blocking: Option<Ident>,
    pub(super) ordered: Option<Ident>,
    pub(super) timeout: Option<With<Duration>>,
    pub(super) group_by: Option<With<Expr>>,
    pub(super) retry: Option<Retry>,
    pub(super) cache: Option<Cache>,
    pub(super) capacity: Option<Number>,
    pub(super) time_to_live: Option<With<Duration>>,
    pub(super) by: Option<Partition>,
    pub(super) cache_errors: Option<Ident>,
    /// There if faults become errors.
    pub(super) faults: Option<Ident>,
}

/// An option with a value.
pub(super) struct With<T> {
    pub(super) name: Ident,
    pub(super) value: T,
}

/// An option whose value is a number: a literal within the range, or a constant, which is to be
/// checked.
pub(super) struct Number {
    pub(super) name: Ident,
    pub(super) value: Expr,
    pub(super) range: &'static Range,
}

/// The numbers that an option takes.
pub(super) struct Range {
    pub(super) least: u64,
    /// The message if it is less.
    pub(super) otherwise: &'static str,
}

/// `retry(..)`
pub(super) struct Retry {
    pub(super) name: Ident,
    pub(super) attempts: Number,
    pub(super) back_off: Option<BackOff>,
    pub(super) jitter: bool,
    /// Which errors are worth another attempt.
    pub(super) when: Option<With<Expr>>,
    /// Whether the requests of a batch that timed out are.
    pub(super) timeouts: Option<Ident>,
}

/// How long to wait before another attempt; `least` is not zero, and `most` not less.
pub(super) struct BackOff {
    pub(super) least: Duration,
    pub(super) most: Duration,
}

/// `cache`, alone or as a part of `read`.
pub(super) struct Cache {
    pub(super) name: Ident,
    pub(super) scope: Scope,
}

/// How long a cache lives.
pub(super) enum Scope {
    Run,
    /// As long as the schedule, which was said here.
    Schedule(Span),
}

/// `by = |tenant: &Tenant| tenant.id`: for whom the answers of a cache are.
pub(super) struct Partition {
    pub(super) name: Ident,
    pub(super) closure: ExprClosure,
    /// `Tenant` of each `&Tenant`, in order.
    pub(super) pieces: Vec<Type>,
}

/// The parts that the parameters and the return type play. `None` stands for one that could not be
/// made out; the mistake has been reported then.
pub(super) struct Shape {
    pub(super) pieces: Vec<Type>,
    pub(super) keys: Option<Keys>,
    pub(super) answers: Option<Answers>,
}

/// The parameter that the keys come by.
pub(super) enum Keys {
    /// `&[K]`
    Shared(Type),
    /// `Vec<K>`
    Owned(Type),
    /// The `K` of `Batch<K, R>`.
    Batch(Type),
}

/// The way that the answers go.
pub(super) enum Answers {
    /// The return type, which decides about `io!`'s type in the runtime.
    Returned(Type),
    /// The `R` of `&mut Vec<R>`.
    Filled(Type),
    /// The `R` of `Batch<K, R>`.
    Batch(Type),
}

impl Keys {
    /// `K`
    pub(super) fn key(&self) -> &Type {
        match self {
            Keys::Shared(key) | Keys::Owned(key) | Keys::Batch(key) => key,
        }
    }
}

/// How the function runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// On the run's thread, which waits for it.
    InPlace,
    /// As a future.
    Async,
    /// On a thread of a pool.
    Blocking,
}

impl Dispatcher {
    pub(super) fn way(&self) -> Way {
        match (&self.function.signature.asyncness, &self.options.blocking) {
            (Some(_), _) => Way::Async,
            (None, Some(_)) => Way::Blocking,
            (None, None) => Way::InPlace,
        }
    }
}

impl Answers {
    pub(super) fn written(&self) -> &Type {
        match self {
            Answers::Returned(answers) | Answers::Filled(answers) | Answers::Batch(answers) => {
                answers
            }
        }
    }
}
