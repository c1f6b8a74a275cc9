//! Reads the options of a cache that say where it lives and for whom.

use super::list::{Value, Word};
use super::values;
use crate::dispatcher::model::{Cache, Partition, Scope, With};
use crate::dispatcher::{parse, validate};
use crate::errors::Errors;
use syn::spanned::Spanned;
use syn::{Expr, ExprClosure, Pat, Type};

/// `cache`, `cache = "run"`, `cache = "schedule"`; also as a part of `read`.
pub(super) fn cache<N>(word: &Word<N>, errors: &mut Errors) -> Option<Cache> {
    const TAKES: &str = "`\"run\"` (the default) or `\"schedule\"`";
    let name = word.written.clone();
    if let Value::None = word.value {
        return Some(Cache { name, scope: Scope::Run });
    }
    let text = values::text(word, TAKES, errors)?;
    match text.value().as_str() {
        "run" => Some(Cache { name, scope: Scope::Run }),
        "schedule" => Some(Cache { name, scope: Scope::Schedule(text.span()) }),
        _ => {
            values::refuse(text, word, TAKES, errors);
            None
        }
    }
}

const PARTITION: &str = "a closure over pieces: `by = |tenant: &Tenant| tenant.id`, or `by = || \
                         ()` if everyone may see the same answers";

/// `by = |tenant: &Tenant| tenant.id`
pub(super) fn partition<N>(word: &Word<N>, errors: &mut Errors) -> Option<Partition> {
    let With { name, value } = values::expression(word, PARTITION, errors)?;
    let Expr::Closure(closure) = value else {
        values::refuse(value, word, PARTITION, errors);
        return None;
    };
    if let Some(asynchronous) = &closure.asyncness {
        errors.on(
            asynchronous,
            "`by` says for whom a cache is before anything is asked, and so can't wait: remove \
             `async`",
        );
        return None;
    }
    let pieces = pieces(&closure, errors)?;
    Some(Partition { name, closure, pieces })
}

/// The piece that each parameter is; `None` if one is none.
fn pieces(closure: &ExprClosure, errors: &mut Errors) -> Option<Vec<Type>> {
    // All of them are looked at, so that each mistake is reported.
    let pieces: Vec<Option<Type>> =
        closure.inputs.iter().map(|parameter| piece(parameter, errors)).collect();
    pieces.into_iter().collect()
}

fn piece(parameter: &Pat, errors: &mut Errors) -> Option<Type> {
    let typed = match parameter {
        Pat::Type(typed) if !is_left_open(&typed.ty) => typed,
        _ => {
            errors.at(
                parameter.span(),
                "the type says which piece of the context this is: `tenant: &Tenant`",
            );
            return None;
        }
    };
    let piece = parse::piece(&typed.ty, errors)?;
    validate::piece(&piece, errors).then_some(piece)
}

/// `_` and `&_`
fn is_left_open(written: &Type) -> bool {
    match written {
        Type::Infer(_) => true,
        Type::Reference(reference) => is_left_open(&reference.elem),
        _ => false,
    }
}
