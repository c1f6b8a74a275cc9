//! `#[derive(Context)]`: makes the fields of a struct the pieces of a context.
//!
//! Invariant: each type is provided by at most one field, so that no two impls collide.

use crate::errors::{Errors, as_written};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::visit::Visit;
use syn::{
    Data, DataStruct, DeriveInput, Field, GenericArgument, Generics, Member, Meta, PathArguments,
    Type, TypeParamBound,
};

/// Runs the stages of the derive in order.
pub(crate) fn context(item: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::new();
    let provided = provided(&input, &mut errors);
    let expanded = expand(&input, &provided);
    let errors = errors.finish();
    quote!(#errors #expanded)
}

// ---- model ----

/// A piece, and the field that provides the piece.
struct Provided {
    piece: Type,
    member: Member,
}

/// The `#[provide]` attribute of a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ProvideAttr {
    /// No attribute: the field is a piece unless its type is generic.
    Absent,
    /// `#[provide]`: the field is a piece.
    Provide,
    /// `#[provide(skip)]`: the field is no piece.
    Skip,
}

// ---- parse and validate ----

/// The pieces of the struct, in the order of its fields; of two that have the same type, the first.
fn provided(input: &DeriveInput, errors: &mut Errors) -> Vec<Provided> {
    let fields = match &input.data {
        Data::Struct(DataStruct { fields, .. }) => fields,
        Data::Enum(data) => {
            errors.on(data.enum_token, "a context is a struct: its fields are the pieces");
            return Vec::new();
        }
        Data::Union(data) => {
            errors.on(data.union_token, "a context is a struct: its fields are the pieces");
            return Vec::new();
        }
    };
    let mut provided: Vec<Provided> = Vec::new();
    for (member, field) in fields.members().zip(fields) {
        let attr = provide_attr(field, errors);
        if attr == ProvideAttr::Skip
            || attr == ProvideAttr::Absent && mentions_parameter(&field.ty, &input.generics)
        {
            continue;
        }
        for piece in [Some(&field.ty), pointee(&field.ty)].into_iter().flatten() {
            if provided.iter().any(|other| other.piece == *piece) {
                let name = as_written(piece);
                errors.on(
                    &field.ty,
                    format!(
                        "two fields of type `{name}`: a dispatcher could not tell them apart; \
                         give one a newtype or `#[provide(skip)]`"
                    ),
                );
                break;
            }
            provided.push(Provided { piece: piece.clone(), member: member.clone() });
        }
    }
    provided
}

fn provide_attr(field: &Field, errors: &mut Errors) -> ProvideAttr {
    let mut attr = ProvideAttr::Absent;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("provide")) {
        let found = match &attribute.meta {
            Meta::Path(_) => ProvideAttr::Provide,
            Meta::List(list) => match syn::parse2::<Ident>(list.tokens.clone()) {
                Ok(argument) if argument == "skip" => ProvideAttr::Skip,
                _ => {
                    let blamed = if list.tokens.is_empty() {
                        attribute.to_token_stream()
                    } else {
                        list.tokens.clone()
                    };
                    errors.on(
                        blamed,
                        "expected `#[provide(skip)]`, for a field that is no piece, or \
                         `#[provide]`, for one of a generic type that is",
                    );
                    ProvideAttr::Skip
                }
            },
            Meta::NameValue(value) => {
                errors.on(
                    value.eq_token,
                    "`provide` takes no value: `#[provide(skip)]` or `#[provide]`",
                );
                ProvideAttr::Skip
            }
        };
        attr = found;
    }
    attr
}

/// The `T` of an `Arc<T>`, `Rc<T>`, `Box<T>` or `&T`. `None` for `&'a dyn Trait`, which points to a
/// `dyn Trait + 'a`: no dispatcher can take that type as a piece.
fn pointee(pointer: &Type) -> Option<&Type> {
    match pointer {
        Type::Group(group) => pointee(&group.elem),
        Type::Paren(paren) => pointee(&paren.elem),
        Type::Reference(reference) if reference.mutability.is_none() => match &*reference.elem {
            Type::TraitObject(_) | Type::Paren(_) => None,
            pointee => Some(pointee),
        },
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            if !["Arc", "Rc", "Box"].iter().any(|name| last.ident == name) {
                return None;
            }
            match &last.arguments {
                PathArguments::AngleBracketed(arguments) => match arguments.args.first()? {
                    GenericArgument::Type(pointee) if arguments.args.len() == 1 => Some(pointee),
                    _ => None,
                },
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether a type names one of the struct's type parameters. For some choice of the parameter, the
/// impl of such a type could collide with the impl of another field.
fn mentions_parameter(ty: &Type, generics: &Generics) -> bool {
    struct Mentions<'g>(&'g Generics, bool);
    impl Visit<'_> for Mentions<'_> {
        fn visit_ident(&mut self, name: &Ident) {
            self.1 |= self.0.type_params().any(|parameter| parameter.ident == *name);
        }
    }
    let mut mentions = Mentions(generics, false);
    mentions.visit_type(ty);
    mentions.1
}

// ---- expand ----

/// Desugar from `#[derive(Context)] struct Library { db: Db }` into `impl ::corio::Provide<Db> for
/// Library`, returning `&self.db`, and `impl ::corio::AsContext for Library`. Where the piece is
/// what a pointer field points to, `&self.db` coerces to a reference to the piece.
fn expand(input: &DeriveInput, provided: &[Provided]) -> TokenStream {
    let name = &input.ident;
    let (parameters, arguments, where_clause) = input.generics.split_for_impl();
    let provide = provided.iter().map(|Provided { piece, member }| {
        let returned = behind_reference(piece);
        quote! {
            #[automatically_derived]
            impl #parameters ::corio::Provide<#piece> for #name #arguments #where_clause {
                fn provide(&self) -> &#returned {
                    &self.#member
                }
            }
        }
    });
    quote! {
        #(#provide)*

        #[automatically_derived]
        impl #parameters ::corio::AsContext for #name #arguments #where_clause {
            type Context = Self;

            fn as_context(&self) -> &Self {
                self
            }
        }
    }
}

/// The type of the piece as it is written behind a `&`. In a `Box` or as the parameter of
/// `Provide`, `dyn Trait` means `dyn Trait + 'static`; behind a `&`, it would take the reference's
/// lifetime.
fn behind_reference(piece: &Type) -> TokenStream {
    match piece {
        Type::TraitObject(object)
            if !object.bounds.iter().any(|bound| matches!(bound, TypeParamBound::Lifetime(_))) =>
        {
            quote!((#object + 'static))
        }
        other => other.to_token_stream(),
    }
}

#[cfg(test)]
mod tests;
