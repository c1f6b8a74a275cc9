//! What the options take: nothing, an expression, a number, a text.

use super::list::{Value, Word};
use crate::dispatcher::model::{Number, Range, With};
use crate::errors::Errors;
use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Expr, ExprLit, ExprUnary, Lit, LitStr, UnOp};

/// `dedup`
pub(super) fn flag<N>(word: &Word<N>, errors: &mut Errors) -> Option<Ident> {
    match word.value.refuse(&word.written) {
        Ok(()) => Some(word.written.clone()),
        Err(error) => {
            errors.add(error);
            None
        }
    }
}

/// `group_by = |key| key.page`; `takes` says what, with an example.
pub(super) fn expression<N>(
    word: &Word<N>,
    takes: &str,
    errors: &mut Errors,
) -> Option<With<Expr>> {
    match &word.value {
        Value::Is(_, value) => {
            return Some(With { name: word.written.clone(), value: without_group(value).clone() });
        }
        Value::None => refuse(&word.written, word, takes, errors),
        Value::List(list) => refuse(list, word, takes, errors),
    }
    None
}

/// `timeout = "2s"`
pub(super) fn text<N>(word: &Word<N>, takes: &str, errors: &mut Errors) -> Option<LitStr> {
    match expression(word, takes, errors)?.value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => return Some(text),
        other => refuse(other, word, takes, errors),
    }
    None
}

/// `max_batch = 500`, `max_batch = MOST`. A literal is checked here, the value of a constant by
/// rustc where it is written.
pub(super) fn number<N>(
    word: &Word<N>,
    takes: &str,
    range: &'static Range,
    errors: &mut Errors,
) -> Option<Number> {
    let With { name, value } = expression(word, takes, errors)?;
    let too_small = match &value {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => {
            number.base10_parse::<u64>().is_ok_and(|number| number < range.least)
        }
        Expr::Lit(_) => {
            refuse(&value, word, takes, errors);
            return None;
        }
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => matches!(**expr, Expr::Lit(_)),
        _ => false,
    };
    if too_small {
        errors.on(&value, range.otherwise);
        return None;
    }
    Some(Number { name, value, range })
}

pub(super) fn refuse<N>(tokens: impl ToTokens, word: &Word<N>, takes: &str, errors: &mut Errors) {
    errors.on(tokens, format!("`{}` takes {takes}", word.written));
}

/// Without the invisible parentheses that a `macro_rules!` puts around an expression.
fn without_group(value: &Expr) -> &Expr {
    match value {
        Expr::Group(group) => without_group(&group.expr),
        other => other,
    }
}
