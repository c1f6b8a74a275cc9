//! The parse stage for the signature: recognises which part each parameter plays, by the spelling
//! of its type.

use super::model::{Answers, Keys, Shape};
use crate::errors::{Errors, as_written};
use syn::{FnArg, GenericArgument, PathArguments, ReturnType, Signature, Type};

/// Recognises pieces, keys and answers, and reports what could not be recognised.
pub(super) fn shape(signature: &Signature, errors: &mut Errors) -> Shape {
    let mut types: Vec<&Type> = signature.inputs.iter().filter_map(parameter_type).collect();
    let filled = types.last().and_then(|last| filled_vec(last));
    let fills = filled.and_then(|_| types.pop());
    let batch = types.last().and_then(|last| arguments(last, "Batch", 2));
    let keys = match types.pop() {
        Some(last) => keys(last, errors),
        None => {
            errors.on(
                &signature.ident,
                "no parameter takes the keys: add one, `keys: &[K]`, `keys: Vec<K>` or `batch: \
                 corio::Batch<K, R>`",
            );
            None
        }
    };
    let returned = match &signature.output {
        ReturnType::Type(_, returned) if !is_unit(returned) => Some(&**returned),
        _ => None,
    };
    let answers = match (batch.as_deref(), fills.zip(filled), returned) {
        (Some(_), _, Some(returned)) => {
            errors.on(
                returned,
                "a function that takes a `Batch` answers through it, and returns nothing",
            );
            None
        }
        (Some(_), Some((fills, _)), None) => {
            errors
                .on(fills, "a function that takes a `Batch` answers through it, and fills nothing");
            None
        }
        (Some([_, answer]), None, None) => Some(Answers::Batch((*answer).clone())),
        (_, Some(_), Some(returned)) => {
            errors.on(
                returned,
                "the answers are either returned or filled into the `&mut Vec`, not both: remove \
                 one",
            );
            None
        }
        (_, Some((_, answer)), None) => Some(Answers::Filled(answer.clone())),
        (_, None, Some(returned)) => Some(Answers::Returned(returned.clone())),
        (_, None, None) => {
            errors.on(
                &signature.ident,
                "the answers are missing: return them, `-> Vec<R>`, or fill a last parameter \
                 `answers: &mut Vec<R>`",
            );
            None
        }
    };
    let pieces = types.into_iter().filter_map(|piece| self::piece(piece, errors)).collect();
    Shape { pieces, keys, answers }
}

fn parameter_type(parameter: &FnArg) -> Option<&Type> {
    match parameter {
        FnArg::Typed(parameter) => Some(ungrouped(&parameter.ty)),
        FnArg::Receiver(_) => None,
    }
}

const KEYS: &str = "the last parameter takes the keys: `&[K]`, `Vec<K>` or `corio::Batch<K, R>`";

/// The form of the keys, from the type of the last parameter.
fn keys(last: &Type, errors: &mut Errors) -> Option<Keys> {
    if let Some(key) = shared_slice(last) {
        return Some(Keys::Shared(key.clone()));
    }
    if let Some([key]) = arguments(last, "Vec", 1).as_deref() {
        return Some(Keys::Owned((*key).clone()));
    }
    if let Some([key, _]) = arguments(last, "Batch", 2).as_deref() {
        return Some(Keys::Batch((*key).clone()));
    }
    errors.on(last, KEYS);
    None
}

/// The piece that a parameter `&Db` takes. Reports parameters by value or by `&mut`.
pub(super) fn piece(ty: &Type, errors: &mut Errors) -> Option<Type> {
    match ty {
        Type::Reference(reference) if reference.mutability.is_none() => {
            Some((*reference.elem).clone())
        }
        Type::Reference(reference) => {
            let piece = as_written(&reference.elem);
            errors.on(
                reference.mutability,
                format!(
                    "pieces are shared: take `&{piece}`, and put what changes into a `Cell` or a \
                     `Mutex`"
                ),
            );
            None
        }
        _ => {
            errors.on(ty, format!("pieces are shared: take `&{}`", as_written(ty)));
            None
        }
    }
}

/// The `K` of `&[K]`.
fn shared_slice(last: &Type) -> Option<&Type> {
    match last {
        Type::Reference(reference) if reference.mutability.is_none() => {
            match ungrouped(&reference.elem) {
                Type::Slice(slice) => Some(&slice.elem),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The `R` of `&mut Vec<R>`.
fn filled_vec(last: &Type) -> Option<&Type> {
    match last {
        Type::Reference(reference) if reference.mutability.is_some() => {
            arguments(ungrouped(&reference.elem), "Vec", 1)?.pop()
        }
        _ => None,
    }
}

/// The type arguments of `name<..>`; `None` for another type, or another number of arguments. A
/// type is recognised by the last segment of its path.
pub(super) fn arguments<'a>(ty: &'a Type, name: &str, number: usize) -> Option<Vec<&'a Type>> {
    let Type::Path(path) = ungrouped(ty) else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let types = type_arguments(&last.arguments);
    (types.len() == number).then_some(types)
}

/// The `A` of `Result<A, E>`.
pub(super) fn first_argument(arguments: &PathArguments) -> Option<&Type> {
    type_arguments(arguments).into_iter().next()
}

/// The arguments that are types.
pub(super) fn type_arguments(arguments: &PathArguments) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else { return Vec::new() };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(argument) => Some(argument),
        _ => None,
    });
    types.collect()
}

fn is_unit(ty: &Type) -> bool {
    matches!(ungrouped(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// The type without parentheses and without the invisible group that a `macro_rules!` puts around
/// it.
pub(super) fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        Type::Paren(paren) => ungrouped(&paren.elem),
        other => other,
    }
}
