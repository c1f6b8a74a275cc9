//! The model of `#[corio::dispatcher]`: its options and the function, as named parts.

use crate::function::Function;
use proc_macro2::{Ident, Span};
use std::time::Duration;
use syn::{Expr, ExprClosure, ReturnType, Type, parse_quote};

/// A dispatcher without mistakes.
pub(super) struct Dispatcher {
    pub(super) function: Function,
    pub(super) options: Options,
    /// The `Db` of each `&Db`, in order.
    pub(super) pieces: Vec<Type>,
    pub(super) keys: Keys,
    pub(super) answers: Answers,
}

/// The attribute's options. Each keeps its name as written, where mistakes of the option are
/// shown.
#[derive(Default)]
pub(super) struct Options {
    pub(super) max_batch: Option<Number>,
    pub(super) max_in_flight: Option<Number>,
    pub(super) dedup: Option<Ident>,
    pub(super) show_keys: Option<Ident>,
    pub(super) blocking: Option<Ident>,
    pub(super) ordered: Option<Ident>,
    pub(super) timeout: Option<Named<Duration>>,
    pub(super) rate: Option<Named<Rate>>,
    pub(super) group_by: Option<Named<Expr>>,
    pub(super) retry: Option<Retry>,
    pub(super) cache: Option<Cache>,
    pub(super) capacity: Option<Number>,
    pub(super) ttl: Option<Named<Duration>>,
    pub(super) by: Option<Partition>,
    /// Whether a hub may answer the requests together with those of others.
    pub(super) shared: Option<Ident>,
    pub(super) cache_errors: Option<Ident>,
    /// `faults = "error"`: faults become errors of the requests.
    pub(super) faults: Option<Ident>,
}

/// An option with a value, and its name.
pub(super) struct Named<T> {
    pub(super) name: Ident,
    pub(super) value: T,
}

/// An option whose value is a number: a literal that is not below the minimum, or a constant, which
/// the expansion has rustc check.
pub(super) struct Number {
    pub(super) name: Ident,
    pub(super) value: Expr,
    pub(super) minimum: &'static Minimum,
}

/// The smallest number that an option takes.
pub(super) struct Minimum {
    pub(super) min: u64,
    /// The error message for a smaller number.
    pub(super) message: &'static str,
}

/// The option `retry(..)`.
pub(super) struct Retry {
    pub(super) name: Ident,
    pub(super) attempts: Number,
    pub(super) back_off: Option<BackOff>,
    pub(super) jitter: bool,
    /// The predicate of errors that are worth another attempt.
    pub(super) when: Option<Named<Expr>>,
    /// Whether requests of a batch that timed out are asked again.
    pub(super) timeouts: Option<Ident>,
}

/// How long to wait before another attempt. `min` is not zero, and `max` is not less than `min`.
pub(super) struct BackOff {
    pub(super) min: Duration,
    pub(super) max: Duration,
}

/// So many batches in any period of this length; neither is zero.
pub(super) struct Rate {
    pub(super) batches: u32,
    pub(super) period: Duration,
}

/// The option `cache`, alone or as a part of `read`.
pub(super) struct Cache {
    pub(super) name: Ident,
    pub(super) scope: Scope,
}

/// How long a cache lives.
pub(super) enum Scope {
    /// As long as one run.
    Run,
    /// As long as the schedule; with the span of the text `"schedule"`.
    Schedule(Span),
}

/// The option `by = |tenant: &Tenant| tenant.id`: which runs share the answers of a cache, and with
/// `shared` a batch.
pub(super) struct Partition {
    pub(super) name: Ident,
    pub(super) closure: ExprClosure,
    /// The `Tenant` of each `&Tenant`, in order.
    pub(super) pieces: Vec<Type>,
}

impl Partition {
    /// The type of what the closure returns: as written, or that of the pieces, which it clones.
    pub(super) fn ty(&self) -> Type {
        match (&self.closure.output, &self.pieces[..]) {
            (ReturnType::Type(_, ty), _) => (**ty).clone(),
            (ReturnType::Default, [piece]) => piece.clone(),
            (ReturnType::Default, pieces) => parse_quote!((#(#pieces),*)),
        }
    }
}

/// The parts that the parameters and the return type play. `None` stands for a part that could not
/// be recognised; that mistake is already reported.
pub(super) struct Shape {
    pub(super) pieces: Vec<Type>,
    pub(super) keys: Option<Keys>,
    pub(super) answers: Option<Answers>,
}

/// The form in which the function takes keys.
pub(super) enum Keys {
    /// The `K` of `&[K]`.
    Shared(Type),
    /// The `K` of `Vec<K>`.
    Owned(Type),
    /// The `K` of `Batch<K, R>`.
    Batch(Type),
}

/// The form in which the function gives answers.
pub(super) enum Answers {
    /// The return type. The runtime's `Answers` derives the type of `io!` from it.
    Returned(Type),
    /// The `R` of `&mut Vec<R>`.
    Filled(Type),
    /// The `R` of `Batch<K, R>`.
    Batch(Type),
}

impl Keys {
    /// The type of one key.
    pub(super) fn key(&self) -> &Type {
        match self {
            Keys::Shared(key) | Keys::Owned(key) | Keys::Batch(key) => key,
        }
    }
}

/// How the function runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// On the run's thread, which waits for the function to return.
    InPlace,
    /// As a future that the run polls.
    Async,
    /// On a thread of the blocking pool.
    Blocking,
}

impl Dispatcher {
    /// How the function runs.
    pub(super) fn mode(&self) -> Mode {
        match (&self.function.signature.asyncness, &self.options.blocking) {
            (Some(_), _) => Mode::Async,
            (None, Some(_)) => Mode::Blocking,
            (None, None) => Mode::InPlace,
        }
    }
}

impl Answers {
    /// The type as written: the whole return type, or that of one answer.
    pub(super) fn ty(&self) -> &Type {
        match self {
            Answers::Returned(answers) | Answers::Filled(answers) | Answers::Batch(answers) => {
                answers
            }
        }
    }
}
