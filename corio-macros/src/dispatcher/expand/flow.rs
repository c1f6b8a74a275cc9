//! The request of an `async fn`: it is `Send` only if the future of the function is, and so is who
//! asks it.
//!
//! The request has the type of that future as its last parameter. Nobody can name it, but the
//! function that makes the request can infer it, and returns it as an `impl Sized`, through which
//! the compiler sees whether it is `Send`.

use super::answering::function;
use super::{Marker, type_params_marker};
use crate::dispatcher::model::{Answers, Dispatcher, Keys, Mode};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{GenericParam, Generics, parse_quote};

/// Adds the parameter for the future, if the function is `async`.
pub(super) fn with_future(mut generics: Generics, dispatcher: &Dispatcher) -> Generics {
    if dispatcher.mode() == Mode::Async {
        generics.params.push(parse_quote!(__F: 'static));
    }
    generics
}

/// Desugar from
///
/// ```text
/// async fn fetch_author(db: &Db, ids: &[AuthorId]) -> Vec<Author> { … }
/// ```
///
/// into
///
/// ```text
/// struct fetch_author<__F = ()> { key: AuthorId, marker: Flow<fetch_author, __F> }
/// fn fetch_author(key: AuthorId) -> fetch_author<impl Sized + 'static> {
///     fetch_author { key, marker: flow(|| <fetch_author>::batch(returns::<&Db>(), …)) }
/// }
/// ```
pub(super) fn marker(dispatcher: &Dispatcher) -> Marker {
    let signature = &dispatcher.function.signature;
    let (name, generics) = (&signature.ident, &signature.generics);
    let (_, arguments, _) = generics.split_for_impl();
    let mut declared = generics.clone();
    declared.params.push(parse_quote!(__F = ()));
    let mut made: Vec<TokenStream> = generics.params.iter().map(argument).collect();
    made.push(quote!(impl ::core::marker::Sized + 'static));
    let flow = quote!(::corio::__private::Flow<#name #arguments, __F>);
    let of_future = future(dispatcher);
    let (ty, value) = match type_params_marker(generics) {
        Some(of_params) => {
            (parse_quote!((#of_params, #flow)), quote!((::core::marker::PhantomData, #of_future)))
        }
        None => (parse_quote!(#flow), of_future),
    };
    Marker {
        declared: quote!(#declared),
        params: quote!(#generics),
        bounds: generics
            .type_params()
            .map(|parameter| &parameter.ident)
            .map(|parameter| parse_quote!(#parameter: 'static))
            .collect(),
        made: quote!(<#(#made),*>),
        ty: Some(ty),
        value: Some(value),
    }
}

/// A generic parameter as an argument.
fn argument(parameter: &GenericParam) -> TokenStream {
    match parameter {
        GenericParam::Type(parameter) => parameter.ident.to_token_stream(),
        GenericParam::Const(parameter) => parameter.ident.to_token_stream(),
        GenericParam::Lifetime(parameter) => parameter.lifetime.to_token_stream(),
    }
}

/// The flow of the future: a call of the function, which is never made.
fn future(dispatcher: &Dispatcher) -> TokenStream {
    let returns = |ty: TokenStream| quote!(::corio::__private::returns::<#ty>());
    let pieces = dispatcher.pieces.iter().map(|piece| returns(quote!(&'static #piece)));
    let keys = match &dispatcher.keys {
        Keys::Shared(key) => returns(quote!(&'static [#key])),
        Keys::Owned(key) => returns(quote!(::std::vec::Vec<#key>)),
        Keys::Batch(key) => {
            let answer = dispatcher.answers.ty();
            returns(quote!(::corio::Batch<#key, #answer>))
        }
    };
    let filled = match &dispatcher.answers {
        Answers::Filled(answer) => Some(returns(quote!(&'static mut ::std::vec::Vec<#answer>))),
        Answers::Returned(_) | Answers::Batch(_) => None,
    };
    let asyncness = &dispatcher.function.signature.asyncness;
    let at = asyncness.map_or_else(Span::call_site, |asyncness| asyncness.span);
    let function = function(dispatcher);
    let call = quote!(#function(#(#pieces,)* #keys, #filled));
    quote_spanned!(Span::call_site().located_at(at)=> ::corio::__private::flow(|| #call))
}
