//! The parse stage of `#[corio::task]`: reads the attribute's argument and the function.

use super::model::{Context, Task};
use crate::errors::Errors;
use crate::function::{self, Function};
use proc_macro2::TokenStream;
use syn::Type;
use syn::parse::Parser;
use syn::punctuated::Punctuated;

/// Reads the attribute and the item. `None` if the item is no function; the mistake is then already
/// in `errors`.
pub(super) fn parse(
    attribute: TokenStream,
    item: TokenStream,
    errors: &mut Errors,
) -> Option<Task> {
    let context = parse_context(attribute, errors);
    match syn::parse2::<Function>(item.clone()) {
        Ok(function) => Some(Task { context, function }),
        Err(_) => {
            errors.on(
                function::keyword(item),
                "`#[corio::task]` goes on a function: free, of a type or of a trait",
            );
            None
        }
    }
}

fn parse_context(attribute: TokenStream, errors: &mut Errors) -> Context {
    if attribute.is_empty() {
        return Context::Any;
    }
    match Punctuated::<Type, syn::Token![,]>::parse_terminated.parse2(attribute) {
        Ok(types) => {
            if let Some(second) = types.iter().nth(1) {
                errors.on(
                    second,
                    "a task runs under one context: name one type, or the pieces it needs, \
                     `#[corio::task(impl Provide<A> + Provide<B>)]`",
                );
            }
            match types.into_iter().next() {
                Some(Type::ImplTrait(bounds)) => Context::Providing(bounds),
                Some(context) => Context::Named(context),
                None => Context::Unknown,
            }
        }
        Err(error) => {
            errors.at(
                error.span(),
                "expected a context: a type, `#[corio::task(Library)]`, or what it must provide, \
                 `#[corio::task(impl Provide<Db>)]`",
            );
            Context::Unknown
        }
    }
}
