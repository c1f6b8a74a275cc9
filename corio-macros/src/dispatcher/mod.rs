//! `#[corio::dispatcher]`: makes a function that answers a batch a request for one thing.

mod answer;
mod exclusions;
mod expand;
mod mended;
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

/// The whole attribute: the stages in order.
pub(crate) fn dispatcher(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::new();
    let (options, words) = options::parse(attribute, &mut errors);
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
    validate::validate(&function.signature, &shape, &mut errors);
    exclusions::check(&options, &words, &function.signature, &shape, &mut errors);
    // The first mistake stands where a type is missing, the rest beside the item.
    let first = errors.take_first();
    let rest = errors.finish();
    let expanded = match (first, shape.keys, shape.answers) {
        (None, Some(keys), Some(answers)) => {
            expand::expand(&Dispatcher { function, options, pieces: shape.pieces, keys, answers })
        }
        (first, keys, _) => mended::expand(&function, keys.as_ref(), first),
    };
    quote!(#rest #expanded)
}
