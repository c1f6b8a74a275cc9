//! The validate stage for the signature: reports what a dispatcher may not say, whatever its shape.

use super::model::{Answers, Options, Shape};
use super::parse;
use crate::errors::Errors;
use syn::visit::{self, Visit};
use syn::{
    FnArg, GenericParam, Lifetime, ParenthesizedGenericArguments, ReturnType, Safety, Signature,
    Type, TypeFnPtr, TypeImplTrait, TypeReference,
};

/// Reports all mistakes of the signature, and of the pieces that `by` takes.
pub(super) fn validate(
    options: &Options,
    signature: &Signature,
    shape: &Shape,
    errors: &mut Errors,
) {
    if let Some(by) = &options.by {
        by.pieces.iter().for_each(|piece| self::piece(piece, errors));
    }
    qualifiers(signature, errors);
    lifetime_parameters(signature, errors);
    if let Some(keys) = &shape.keys {
        Borrows(errors, OWNED).visit_type(keys.key());
    }
    if let Some(answers) = &shape.answers {
        Borrows(errors, OWNED).visit_type(answers.ty());
    }
    if let Some(Answers::Returned(returned)) = &shape.answers {
        certainly_no_batch(returned, errors);
    }
    for piece in &shape.pieces {
        self::piece(piece, errors);
    }
    let mut anonymous = AnonymousTypes(errors);
    for parameter in &signature.inputs {
        if let FnArg::Typed(parameter) = parameter {
            anonymous.visit_type(&parameter.ty);
        }
    }
    if let ReturnType::Type(_, returned) = &signature.output {
        anonymous.visit_type(returned);
    }
}

const OWNED: &str = "keys and answers own their data: take `&[String]`, not `&[&str]`";
const PIECE: &str = "a piece can't name a lifetime: take `&Db`, where `Db` owns what it holds";

/// Refuses `const`, `unsafe`, `extern` and variadic parameters.
fn qualifiers(signature: &Signature, errors: &mut Errors) {
    if let Some(constness) = &signature.constness {
        errors.on(constness, "a dispatcher can't be a `const fn`: remove `const`");
    }
    if let Safety::Unsafe(unsafety) = &signature.safety {
        errors.on(
            unsafety,
            "a dispatcher can't be an `unsafe fn`, since corio calls it: remove `unsafe`, and put \
             an `unsafe` block into it",
        );
    }
    if let Some(abi) = &signature.abi {
        errors.on(abi.extern_token, "a dispatcher can't be an `extern fn`: remove `extern`");
    }
    if let Some(variadic) = &signature.variadic {
        errors.on(variadic.dots, "a dispatcher can't be variadic");
    }
}

/// Refuses lifetime parameters.
fn lifetime_parameters(signature: &Signature, errors: &mut Errors) {
    for parameter in &signature.generics.params {
        if let GenericParam::Lifetime(parameter) = parameter {
            errors.on(
                &parameter.lifetime,
                format!("a dispatcher has no lifetime parameters; {OWNED}, and pieces by `&Db`"),
            );
        }
    }
}

/// Reports a return type that is certainly no batch of answers. Of other types, which may be
/// aliases, the runtime's traits decide, with the same message; but with these every use of the
/// request fails too.
fn certainly_no_batch(returned: &Type, errors: &mut Errors) {
    const SCALARS: [&str; 18] = [
        "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
        "f32", "f64", "bool", "char", "String", "Option",
    ];
    let refused = match returned {
        Type::Path(path) => match path.path.segments.last() {
            Some(last) if last.ident == "Result" => {
                if let Some(answers) = parse::first_argument(&last.arguments) {
                    certainly_no_batch(answers, errors);
                }
                false
            }
            Some(last) => {
                path.path.segments.len() == 1 && SCALARS.iter().any(|scalar| last.ident == scalar)
            }
            None => false,
        },
        Type::Tuple(_) | Type::Array(_) | Type::Never(_) | Type::FnPtr(_) | Type::Ptr(_) => true,
        _ => false,
    };
    if refused {
        errors.on(
            returned,
            "a dispatcher returns a batch of answers: `Vec<R>` (position by position), \
             `HashMap<K, R>` or `BTreeMap<K, R>` (by key), or a `Result` of one of these",
        );
    }
}

/// Refuses a piece whose type names a lifetime.
fn piece(piece: &Type, errors: &mut Errors) {
    Borrows(errors, PIECE).visit_type(piece);
}

/// Reports references and lifetimes that are not `'static`. Those within function types
/// (`fn(&str)`) are allowed, and named lifetimes are reported where they are declared.
struct Borrows<'e>(&'e mut Errors, &'static str);

impl Visit<'_> for Borrows<'_> {
    fn visit_type_reference(&mut self, reference: &TypeReference) {
        if reference.lifetime.is_none() {
            self.0.on(reference.and_token, self.1);
        }
        visit::visit_type_reference(self, reference);
    }

    fn visit_lifetime(&mut self, lifetime: &Lifetime) {
        if lifetime.ident == "_" {
            self.0.on(lifetime, self.1);
        }
    }

    fn visit_type_fn_ptr(&mut self, _: &TypeFnPtr) {}

    fn visit_parenthesized_generic_arguments(&mut self, _: &ParenthesizedGenericArguments) {}
}

/// Reports `impl Trait`.
struct AnonymousTypes<'e>(&'e mut Errors);

impl Visit<'_> for AnonymousTypes<'_> {
    fn visit_type_impl_trait(&mut self, anonymous: &TypeImplTrait) {
        self.0.on(
            anonymous.impl_token,
            "a dispatcher's types have names, since its request is a type of its own: name the \
             type, or a type parameter `<T: Trait>`",
        );
    }
}
