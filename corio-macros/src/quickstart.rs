//! The test that `examples/quickstart_expanded.rs` is the expansion of `examples/quickstart.rs`.

use quote::ToTokens;
use syn::{File, Item, ItemFn};

/// Replaces each function that has one of our attributes by its expansion, and keeps the rest.
fn expand(source: &str) -> File {
    let mut file = syn::parse_file(source).expect("the quick start parses");
    file.items = file.items.into_iter().flat_map(expand_item).collect();
    file
}

fn expand_item(item: Item) -> Vec<Item> {
    let Item::Fn(mut function) = item else { return vec![item] };
    let Some(expand) = take_attribute(&mut function) else { return vec![Item::Fn(function)] };
    let expanded = expand(Default::default(), function.into_token_stream());
    syn::parse2::<File>(expanded).expect("expansions parse").items
}

type Expand = fn(proc_macro2::TokenStream, proc_macro2::TokenStream) -> proc_macro2::TokenStream;

fn take_attribute(function: &mut ItemFn) -> Option<Expand> {
    let at = function.attrs.iter().position(|attribute| {
        attribute.path().segments.first().is_some_and(|first| first.ident == "corio")
    })?;
    let attribute = function.attrs.remove(at);
    match attribute.path().segments.last()?.ident.to_string().as_str() {
        "dispatcher" => Some(crate::dispatcher::dispatcher),
        "task" => Some(crate::task::task),
        other => panic!("the quick start has an attribute `corio::{other}`"),
    }
}

fn pretty(mut file: File) -> String {
    // The documentation at the top differs between the two files.
    file.attrs.clear();
    prettyplease::unparse(&file)
}

#[test]
fn the_expanded_quickstart_is_the_real_expansion() {
    let expanded = pretty(expand(include_str!("../../examples/quickstart.rs")));
    let written = pretty(
        syn::parse_file(include_str!("../../examples/quickstart_expanded.rs"))
            .expect("it compiles, so it parses"),
    );
    assert!(
        expanded == written,
        "the macros make this of it now; write it down, with its comments:\n\n{expanded}"
    );
}
