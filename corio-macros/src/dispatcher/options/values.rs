//! Reads the values of options: none, an expression, a number, a text.

use super::list::{Arg, Value};
use crate::dispatcher::model::{Minimum, Named, Number};
use crate::errors::Errors;
use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Expr, ExprLit, ExprUnary, Lit, LitStr, UnOp};

/// Reads an option without a value: `dedup`.
pub(super) fn flag<N>(arg: &Arg<N>, errors: &mut Errors) -> Option<Ident> {
    match arg.value.refuse(&arg.name) {
        Ok(()) => Some(arg.name.clone()),
        Err(error) => {
            errors.add(error);
            None
        }
    }
}

/// Reads an expression: `group_by = |key| key.page`. `takes` is the end of the message "`group_by`
/// takes …", with an example.
pub(super) fn expression<N>(arg: &Arg<N>, takes: &str, errors: &mut Errors) -> Option<Named<Expr>> {
    match &arg.value {
        Value::Is(_, value) => {
            return Some(Named { name: arg.name.clone(), value: without_group(value).clone() });
        }
        Value::None => refuse(&arg.name, arg, takes, errors),
        Value::List(list) => refuse(list, arg, takes, errors),
    }
    None
}

/// Reads a string literal: `timeout = "2s"`.
pub(super) fn text<N>(arg: &Arg<N>, takes: &str, errors: &mut Errors) -> Option<LitStr> {
    match expression(arg, takes, errors)?.value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => return Some(text),
        other => refuse(other, arg, takes, errors),
    }
    None
}

/// Reads a number: `max_batch = 500`, `max_batch = LIMIT`. A literal is checked here; the value of
/// a constant is checked by an assertion in the expansion, shown where the constant is written.
pub(super) fn number<N>(
    arg: &Arg<N>,
    takes: &str,
    minimum: &'static Minimum,
    errors: &mut Errors,
) -> Option<Number> {
    let Named { name, value } = expression(arg, takes, errors)?;
    let too_small = match &value {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => {
            number.base10_parse::<u64>().is_ok_and(|number| number < minimum.min)
        }
        Expr::Lit(_) => {
            refuse(&value, arg, takes, errors);
            return None;
        }
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => matches!(**expr, Expr::Lit(_)),
        _ => false,
    };
    if too_small {
        errors.on(&value, minimum.message);
        return None;
    }
    Some(Number { name, value, minimum })
}

/// Reports that the option takes something else.
pub(super) fn refuse<N>(tokens: impl ToTokens, arg: &Arg<N>, takes: &str, errors: &mut Errors) {
    errors.on(tokens, format!("`{}` takes {takes}", arg.name));
}

/// The expression without the invisible group that a `macro_rules!` puts around it.
fn without_group(value: &Expr) -> &Expr {
    match value {
        Expr::Group(group) => without_group(&group.expr),
        other => other,
    }
}
