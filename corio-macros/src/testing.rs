//! Helpers for the tests of expansions. The expansion and the expected text are printed in one
//! style, so that layout makes no difference.

use proc_macro2::{TokenStream, TokenTree};
use std::fmt::Write;

pub(crate) fn tokens(source: &str) -> TokenStream {
    source.parse().expect("the test's source is made of tokens")
}

fn pretty(items: TokenStream) -> String {
    match syn::parse2(items.clone()) {
        Ok(file) => prettyplease::unparse(&file),
        Err(_) => items.to_string(),
    }
}

/// Asserts that the expansion is the expected items, up to layout.
#[track_caller]
pub(crate) fn assert_items(expanded: TokenStream, expected: &str) {
    let (expanded, expected) = (pretty(expanded), pretty(tokens(expected)));
    assert!(expanded == expected, "\n--- expanded ---\n{expanded}\n--- expected ---\n{expected}");
}

/// The messages of all `compile_error!`s, in the order of the tokens.
pub(crate) fn messages(expanded: TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    let mut armed = false;
    for token in expanded {
        match token {
            TokenTree::Ident(name) if name == "compile_error" => armed = true,
            TokenTree::Group(group) if armed => {
                armed = false;
                let message: syn::LitStr = syn::parse2(group.stream()).expect("a message");
                found.push(message.value());
            }
            TokenTree::Group(group) => found.extend(messages(group.stream())),
            _ => {}
        }
    }
    found
}

/// Asserts that the expansion reports exactly these messages, in this order.
#[track_caller]
pub(crate) fn assert_messages(expanded: TokenStream, expected: &[&str]) {
    let found = messages(expanded);
    let mut difference = String::new();
    for message in &found {
        writeln!(difference, "    {message:?},").expect("a string takes everything");
    }
    assert!(found == expected, "found:\n{difference}");
}
