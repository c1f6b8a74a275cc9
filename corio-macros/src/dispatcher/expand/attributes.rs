//! Which of the function's attributes go on which generated item.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Attribute;

/// The `cfg` attributes, which every generated item carries: all items are compiled, or none.
pub(super) fn cfg(attributes: &[Attribute]) -> TokenStream {
    let cfg = attributes.iter().filter(|attribute| is_one_of(attribute, &["cfg"]));
    quote!(#(#cfg)*)
}

/// Whether the attribute has one of these names.
pub(super) fn is_one_of(attribute: &Attribute, names: &[&str]) -> bool {
    names.iter().any(|name| attribute.path().is_ident(name))
}
