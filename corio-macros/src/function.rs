//! A function as both attributes read it: the signature as a syntax tree, the body as plain tokens.
//!
//! The body stays unparsed, so that a function is recognised even if its body is half typed or uses
//! syntax newer than this crate.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Signature, Token, Visibility};

/// The function that an attribute stands on.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// The body with its braces; `None` for a function of a trait that has no body.
    pub(crate) body: Option<Group>,
}

impl Parse for Function {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        if input.peek(Token![;]) {
            input.parse::<Token![;]>()?;
            return Ok(Function { attributes, visibility, signature, body: None });
        }
        let body = match input.parse()? {
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => body,
            other => return Err(syn::Error::new_spanned(other, "expected the function's body")),
        };
        let (inner, stream) = split_inner_attributes.parse2(body.stream())?;
        attributes.extend(inner);
        let mut rest = Group::new(Delimiter::Brace, stream);
        rest.set_span(body.span());
        Ok(Function { attributes, visibility, signature, body: Some(rest) })
    }
}

/// Splits attributes such as `#![allow(..)]` off the start of a body, and makes them outer
/// attributes, which mean the same before the function. The expansion wraps the body, and an inner
/// attribute could not stand within the wrapping.
fn split_inner_attributes(input: ParseStream) -> syn::Result<(Vec<Attribute>, TokenStream)> {
    let mut inner = input.call(Attribute::parse_inner)?;
    for attribute in &mut inner {
        attribute.style = syn::AttrStyle::Outer;
    }
    Ok((inner, input.parse()?))
}

/// The token on which "this item is no function" is shown: the item's keyword.
pub(crate) fn keyword(item: TokenStream) -> TokenStream {
    let skip = |input: ParseStream| {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        let rest: TokenStream = input.parse()?;
        Ok(rest)
    };
    let rest = skip.parse2(item.clone()).unwrap_or(item);
    rest.into_iter().take(1).collect()
}
