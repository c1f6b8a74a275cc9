//! What `#[corio::dispatcher]` was written on.

use crate::function::Function;
use syn::{Expr, Ident, Type};

/// A dispatcher without mistakes.
pub(super) struct Dispatcher {
    pub(super) function: Function,
    pub(super) options: Options,
    /// `Db` of each `&Db`, in order.
    pub(super) pieces: Vec<Type>,
    pub(super) keys: Keys,
    pub(super) answers: Answers,
}

/// The attribute's options.
#[derive(Default)]
pub(super) struct Options {
    pub(super) max_batch: Option<Expr>,
    /// As it was written: it is to blame if answers or keys can't.
    pub(super) dedup: Option<Ident>,
    /// Likewise.
    pub(super) show_keys: Option<Ident>,
}

/// The parts that the parameters and the return type play. `None` stands for one that could not be made out; the mistake has been reported then.
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

impl Answers {
    pub(super) fn written(&self) -> &Type {
        match self {
            Answers::Returned(answers) | Answers::Filled(answers) | Answers::Batch(answers) => answers,
        }
    }
}
