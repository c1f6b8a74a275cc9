//! Makes out which part each parameter plays, from its type as it is written.

use super::model::{Answers, Keys, Shape};
use crate::errors::{Errors, as_written};
use syn::{FnArg, GenericArgument, PathArguments, ReturnType, Signature, Type};

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
        FnArg::Typed(parameter) => Some(plain(&parameter.ty)),
        FnArg::Receiver(_) => None,
    }
}

const KEYS: &str = "the last parameter takes the keys: `&[K]`, `Vec<K>` or `corio::Batch<K, R>`";

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

pub(super) fn piece(written: &Type, errors: &mut Errors) -> Option<Type> {
    match written {
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
            errors.on(written, format!("pieces are shared: take `&{}`", as_written(written)));
            None
        }
    }
}

/// `K` of `&[K]`
fn shared_slice(last: &Type) -> Option<&Type> {
    match last {
        Type::Reference(reference) if reference.mutability.is_none() => {
            match plain(&reference.elem) {
                Type::Slice(slice) => Some(&slice.elem),
                _ => None,
            }
        }
        _ => None,
    }
}

/// `R` of `&mut Vec<R>`
fn filled_vec(last: &Type) -> Option<&Type> {
    match last {
        Type::Reference(reference) if reference.mutability.is_some() => {
            arguments(plain(&reference.elem), "Vec", 1)?.pop()
        }
        _ => None,
    }
}

/// The arguments of `name<..>`, if this is its type and has so many. Told by the last segment of
/// the path.
pub(super) fn arguments<'a>(written: &'a Type, name: &str, number: usize) -> Option<Vec<&'a Type>> {
    let Type::Path(path) = plain(written) else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let types = type_arguments(&last.arguments);
    (types.len() == number).then_some(types)
}

/// `A` of `Result<A, E>`
pub(super) fn first_argument(arguments: &PathArguments) -> Option<&Type> {
    type_arguments(arguments).into_iter().next()
}

pub(super) fn type_arguments(arguments: &PathArguments) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else { return Vec::new() };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(argument) => Some(argument),
        _ => None,
    });
    types.collect()
}

fn is_unit(written: &Type) -> bool {
    matches!(plain(written), Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// Without the parentheses, and the invisible ones that a `macro_rules!` puts around a type.
pub(super) fn plain(written: &Type) -> &Type {
    match written {
        Type::Group(group) => plain(&group.elem),
        Type::Paren(paren) => plain(&paren.elem),
        other => other,
    }
}
