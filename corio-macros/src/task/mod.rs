//! `#[corio::task]`: makes a function return a task in place of its result. What happens to the
//! body is in `crate::body`.

pub(crate) mod expand;
mod instrumented;
pub(crate) mod model;
mod parse;
#[cfg(test)]
mod tests;
mod validate;

use crate::errors::Errors;
use proc_macro2::TokenStream;
use quote::quote;

/// The whole attribute: the stages in order.
pub(crate) fn task(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::new();
    let expanded = match parse::parse(attribute, item.clone(), &mut errors) {
        Some(mut task) => {
            validate::validate(&mut task, &mut errors);
            expand::expand(task, &mut errors)
        }
        None => item,
    };
    let errors = errors.finish();
    quote!(#errors #expanded)
}
