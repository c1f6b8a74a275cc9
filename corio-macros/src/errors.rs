//! The collector of mistakes: an attribute reports all of its mistakes at once.
//!
//! Invariant: a collector is always finished, or its mistakes would be lost silently. Dropping an
//! unfinished collector panics in debug builds.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use std::fmt::Display;

/// The mistakes found so far in one item.
pub(crate) struct Errors {
    found: Vec<syn::Error>,
    finished: bool,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Errors { found: Vec::new(), finished: false }
    }

    /// Adds a mistake that is shown on these tokens.
    pub(crate) fn on(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.found.push(syn::Error::new_spanned(tokens, message));
    }

    /// Adds a mistake that is shown at this span.
    pub(crate) fn at(&mut self, span: Span, message: impl Display) {
        self.found.push(syn::Error::new(span, message));
    }

    /// Adds an error of the parser.
    pub(crate) fn add(&mut self, error: syn::Error) {
        self.found.push(error);
    }

    /// The number of mistakes so far.
    pub(crate) fn count(&self) -> usize {
        self.found.len()
    }

    /// Removes the first mistake, for a caller that reports it elsewhere than beside the item.
    pub(crate) fn take_first(&mut self) -> Option<syn::Error> {
        (!self.found.is_empty()).then(|| self.found.remove(0))
    }

    /// Returns the mistakes as `compile_error!` items, to be emitted beside the item; no tokens if
    /// there are no mistakes.
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

/// Returns an expression that reports a mistake, for the place of the mistaken expression. A
/// `compile_error!` has no type of its own, so type checking goes on around it without further
/// errors.
pub(crate) fn error_expression(span: Span, message: impl Display) -> TokenStream {
    let message = message.to_string();
    quote_spanned!(span=> ::core::compile_error!(#message))
}

/// Prints tokens with the spacing that their author would use: `Arc<Db>`, not `Arc < Db >`.
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
