//! Reads `cache` and `by`: how long a cache lives, and which runs share its answers.

use super::list::{Arg, Value};
use super::values;
use crate::dispatcher::model::{Cache, Named, Partition, Scope};
use crate::dispatcher::parse;
use crate::errors::Errors;
use syn::spanned::Spanned;
use syn::{Expr, ExprClosure, Pat, Type};

/// Reads `cache`, `cache = "run"`, `cache = "schedule"`, or the `cache` that `read` stands for.
pub(super) fn cache<N>(arg: &Arg<N>, errors: &mut Errors) -> Option<Cache> {
    const TAKES: &str = "`\"run\"` (the default) or `\"schedule\"`";
    let name = arg.name.clone();
    if let Value::None = arg.value {
        return Some(Cache { name, scope: Scope::Run });
    }
    let text = values::text(arg, TAKES, errors)?;
    match text.value().as_str() {
        "run" => Some(Cache { name, scope: Scope::Run }),
        "schedule" => Some(Cache { name, scope: Scope::Schedule(text.span()) }),
        _ => {
            values::refuse(text, arg, TAKES, errors);
            None
        }
    }
}

const PARTITION: &str = "a closure over pieces: `by = |tenant: &Tenant| tenant.id`, or `by = || \
                         ()` if everyone may see the same answers";

/// Reads `by = |tenant: &Tenant| tenant.id`.
pub(super) fn partition<N>(arg: &Arg<N>, errors: &mut Errors) -> Option<Partition> {
    let Named { name, value } = values::expression(arg, PARTITION, errors)?;
    let Expr::Closure(closure) = value else {
        values::refuse(value, arg, PARTITION, errors);
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

/// The piece that each parameter takes; `None` if one of the parameters takes no piece.
fn pieces(closure: &ExprClosure, errors: &mut Errors) -> Option<Vec<Type>> {
    // Every parameter is read before the first `None` counts, so that each mistake is reported.
    let pieces: Vec<Option<Type>> =
        closure.inputs.iter().map(|parameter| piece(parameter, errors)).collect();
    pieces.into_iter().collect()
}

fn piece(parameter: &Pat, errors: &mut Errors) -> Option<Type> {
    let typed = match parameter {
        Pat::Type(typed) if !is_inferred(&typed.ty) => typed,
        _ => {
            errors.at(
                parameter.span(),
                "the type says which piece of the context this is: `tenant: &Tenant`",
            );
            return None;
        }
    };
    parse::piece(&typed.ty, errors)
}

/// Whether the type is `_` or `&_`.
fn is_inferred(ty: &Type) -> bool {
    match ty {
        Type::Infer(_) => true,
        Type::Reference(reference) => is_inferred(&reference.elem),
        _ => false,
    }
}
