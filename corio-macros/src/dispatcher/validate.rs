//! What a dispatcher may not say, whatever its shape.

use super::model::{Answers, Shape};
use super::parse;
use crate::errors::Errors;
use syn::visit::{self, Visit};
use syn::{
    FnArg, GenericParam, Lifetime, ParenthesizedGenericArguments, ReturnType, Safety, Signature,
    Type, TypeFnPtr, TypeImplTrait, TypeReference,
};

pub(super) fn validate(signature: &Signature, shape: &Shape, errors: &mut Errors) {
    qualifiers(signature, errors);
    lifetime_parameters(signature, errors);
    if let Some(keys) = &shape.keys {
        Borrows(errors, OWNED).visit_type(keys.key());
    }
    if let Some(answers) = &shape.answers {
        Borrows(errors, OWNED).visit_type(answers.written());
    }
    if let Some(Answers::Returned(returned)) = &shape.answers {
        no_batch(returned, errors);
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

/// A return type that is surely no batch of answers. For others (it may be an alias) the runtime's
/// traits decide, in the same words; but they can't keep every use of the request from failing too.
fn no_batch(returned: &Type, errors: &mut Errors) {
    const SCALARS: [&str; 18] = [
        "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
        "f32", "f64", "bool", "char", "String", "Option",
    ];
    let surely = match returned {
        Type::Path(path) => match path.path.segments.last() {
            Some(last) if last.ident == "Result" => {
                if let Some(answers) = parse::first_argument(&last.arguments) {
                    no_batch(answers, errors);
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
    if surely {
        errors.on(
            returned,
            "a dispatcher returns a batch of answers: `Vec<R>` (position by position), \
             `HashMap<K, R>` or `BTreeMap<K, R>` (by key), or a `Result` of one of these",
        );
    }
}

/// Whether this can be a piece: a type that names no lifetime.
pub(super) fn piece(piece: &Type, errors: &mut Errors) -> bool {
    let before = errors.number();
    Borrows(errors, PIECE).visit_type(piece);
    errors.number() == before
}

/// Finds references and lifetimes that are not `'static`. Those of functions (`fn(&str)`) are their
/// own business, and named ones have been reported where they are declared.
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
