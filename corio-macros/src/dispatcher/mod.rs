//! `#[corio::dispatcher]`: makes a function that answers a batch a request for one thing.
//!
//! The stages, each using only those before it:
//!
//! - `model.rs`: what was written, as named parts;
//! - `options/` and `parse.rs`: read the attribute, and the parts that parameters and return type
//!   play;
//! - `validate.rs` and `conflicts.rs`: report what a dispatcher may not say, and which options do
//!   not go together;
//! - `answer.rs`: what one request gets, as far as the spelling of the types tells;
//! - `expand/`: writes the request and its impls, and `fallback.rs` what stands in their place if
//!   there are mistakes.
//!
//! Terms: *keys* and *answers* are what a batch is made of; a *piece* is a part of the context that
//! the function takes; *slots* are the requests of a `corio::Batch<K, R>`, answered one by one; a
//! *fault* is trouble with a batch that is no `Err` of the function, such as a panic or a timeout.

mod answer;
mod conflicts;
mod expand;
mod fallback;
mod model;
mod options;
mod parse;
#[cfg(test)]
mod tests;
mod validate;

use crate::errors::Errors;
use crate::function::{self, Function};
use model::Dispatcher;
use proc_macro2::TokenStream;
use quote::quote;

/// Runs the stages of the attribute in order.
pub(crate) fn dispatcher(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::new();
    let (options, args) = options::parse(attribute, &mut errors);
    let Ok(function) = syn::parse2::<Function>(item.clone()) else {
        errors.on(
            function::keyword(item.clone()),
            "`#[corio::dispatcher]` goes on a function that answers a batch",
        );
        let errors = errors.finish();
        return quote!(#errors #item);
    };
    if let Some(receiver) = function.signature.receiver() {
        errors.on(
            receiver.self_token,
            "a dispatcher is a free function: take what it needs of `self` as a piece, `&Db`",
        );
        let errors = errors.finish();
        return quote!(#errors #item);
    }
    let shape = parse::shape(&function.signature, &mut errors);
    validate::validate(&options, &function.signature, &shape, &mut errors);
    conflicts::check(&options, &args, &function.signature, &shape, &mut errors);
    // The first mistake becomes part of the fallback's answer type; the others stand beside the
    // item.
    let first = errors.take_first();
    let rest = errors.finish();
    let expanded = match (first, shape.keys, shape.answers) {
        (None, Some(keys), Some(answers)) => {
            expand::expand(&Dispatcher { function, options, pieces: shape.pieces, keys, answers })
        }
        (first, keys, _) => fallback::expand(&function, keys.as_ref(), first),
    };
    quote!(#rest #expanded)
}
