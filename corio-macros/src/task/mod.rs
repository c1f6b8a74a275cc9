//! `#[corio::task]`: makes a function return a task in place of its result.
//!
//! The stages, a file each: `model.rs` (what was written) ← `parse.rs` ← `validate.rs` ←
//! `expand.rs` (the signature) with `body/` (the statements). `instrumented.rs` is the part of
//! `validate.rs` that looks for spans of `tracing`.
//!
//! Invariant: whatever is wrong, the item is emitted beside the errors, so that no second error
//! follows at the uses of the function.

mod body;
mod expand;
mod instrumented;
mod model;
mod parse;
#[cfg(test)]
mod tests;
mod validate;

use crate::errors::Errors;
use proc_macro2::TokenStream;
use quote::quote;

/// Runs the stages of the attribute in order.
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
