//! Collects mistakes, so that all of them are reported at once.
//!
//! What must hold: a collector is always finished, or mistakes would be lost silently. Dropping an
//! unfinished one panics in debug builds.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use std::fmt::Display;

pub(crate) struct Errors {
    found: Vec<syn::Error>,
    finished: bool,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Errors { found: Vec::new(), finished: false }
    }

    /// A mistake, shown on these tokens.
    pub(crate) fn on(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.found.push(syn::Error::new_spanned(tokens, message));
    }

    /// A mistake, shown at this place.
    pub(crate) fn at(&mut self, span: Span, message: impl Display) {
        self.found.push(syn::Error::new(span, message));
    }

    /// A mistake that the parser found.
    pub(crate) fn add(&mut self, error: syn::Error) {
        self.found.push(error);
    }

    /// How many there are so far.
    pub(crate) fn number(&self) -> usize {
        self.found.len()
    }

    /// The first mistake, to be reported elsewhere than beside the item.
    pub(crate) fn take_first(&mut self) -> Option<syn::Error> {
        (!self.found.is_empty()).then(|| self.found.remove(0))
    }

    /// The mistakes as `compile_error!` items, to be emitted beside the item; nothing if there are
    /// none.
    pub(crate) fn finish(mut self) -> TokenStream {
        self.finished = true;
        self.found.iter().map(syn::Error::to_compile_error).collect()
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        debug_assert!(
            self.finished || std::thread::panicking(),
            "a collector of errors was dropped unfinished"
        );
    }
}

/// An expression that reports a mistake. It stands where the mistaken one stood and has no type of
/// its own, so type checking goes on around it without further errors.
pub(crate) fn error_expression(span: Span, message: impl Display) -> TokenStream {
    let message = message.to_string();
    quote_spanned!(span=> ::core::compile_error!(#message))
}

/// Tokens as their author would write them: `Arc<Db>`, not `Arc < Db >`.
pub(crate) fn as_written(tokens: impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (spaced, tight) in [
        (" < ", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" :: ", "::"),
        (":: ", "::"),
        (" ,", ","),
        ("& ", "&"),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}
