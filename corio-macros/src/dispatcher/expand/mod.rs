//! Writes the request, its constructor, and how it is answered: `options.rs` how batches are put
//! together, `answering.rs` how the function is called.

mod answering;
mod options;

use super::answer::{self, Answer, ends};
use super::model::{Dispatcher, Partition};
use crate::function::Function;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{
    Attribute, GenericParam, Generics, Type, TypeParam, WhereClause, WherePredicate, parse_quote,
    parse_quote_spanned,
};

/// Desugar from
///
/// ```text
/// fn fetch_author(db: &Db, ids: &[AuthorId]) -> Vec<Author> { … }
/// ```
///
/// into
///
/// ```text
/// struct fetch_author { key: AuthorId }
/// fn fetch_author(key: AuthorId) -> fetch_author { fetch_author { key } }
/// impl fetch_author { fn batch(db: &Db, ids: &[AuthorId]) -> Vec<Author> { … } }
/// impl ::corio::Request for fetch_author { … }
/// impl<S: ::corio::Provide<Db>> ::corio::Dispatch<S> for fetch_author { … }
/// ```
///
/// The struct has braces: a unit or tuple struct would take the name among values too, and no `let
/// fetch_author = …;` could follow.
pub(super) fn expand(dispatcher: &Dispatcher) -> TokenStream {
    let answer = answer::answer(dispatcher);
    let structure = structure(dispatcher);
    let batch = batch(dispatcher);
    let request = request(dispatcher, &answer);
    let dispatch = dispatch(dispatcher, &answer);
    let checks = options::checks(dispatcher);
    quote!(#structure #batch #request #dispatch #checks)
}

/// The request's type and the function that makes one.
fn structure(dispatcher: &Dispatcher) -> TokenStream {
    let Function { attributes, visibility, signature, .. } = &dispatcher.function;
    let (name, generics, key) = (&signature.ident, &signature.generics, dispatcher.keys.key());
    let (_, arguments, where_clause) = generics.split_for_impl();
    let shared = attributes
        .iter()
        .filter(|attribute| is_any(attribute, &["cfg", "cfg_attr", "allow", "deprecated"]));
    let shared = quote!(#(#shared)*);
    // The user's documentation stands once, so that its examples are tested once.
    let docs = attributes.iter().filter(|attribute| is_any(attribute, &["doc"]));
    let doc = format!(" The request that [`{name}`](fn@{name}) makes.");
    let must_use = format!("a request does nothing until it is asked: `io!({name}(..))`");
    let marker = marker(generics);
    let (marker_field, marker_value) = match &marker {
        Some(marker) => (quote!(marker: #marker,), quote!(, marker: ::core::marker::PhantomData)),
        None => (quote!(), quote!()),
    };
    quote! {
        #[doc = #doc]
        #shared
        #[allow(non_camel_case_types)]
        #[must_use = #must_use]
        #visibility struct #name #generics #where_clause { key: #key, #marker_field }

        #(#docs)*
        #shared
        #visibility fn #name #generics (key: #key) -> #name #arguments #where_clause {
            #name { key #marker_value }
        }
    }
}

/// Type parameters that the key does not use have to stand somewhere; `fn() -> T` says nothing of
/// whether `T` is `Send`.
fn marker(generics: &Generics) -> Option<Type> {
    let mut parameters = generics.type_params().map(|parameter| &parameter.ident).peekable();
    parameters.peek()?;
    Some(parse_quote!(::core::marker::PhantomData<fn() -> (#(#parameters,)*)>))
}

/// The function as it was written, under the name `batch`.
fn batch(dispatcher: &Dispatcher) -> TokenStream {
    let Function { attributes, visibility, signature, body } = &dispatcher.function;
    let (parameters, arguments, where_clause) = signature.generics.split_for_impl();
    let cfg = cfg(attributes);
    let attributes =
        attributes.iter().filter(|attribute| !is_any(attribute, &["doc", "cfg", "deprecated"]));
    let name = &signature.ident;
    let mut signature = signature.clone();
    signature.ident = Ident::new("batch", name.span());
    signature.generics = Generics::default();
    quote! {
        #cfg
        impl #parameters #name #arguments #where_clause {
            /// The per-batch function itself, for its own unit tests.
            #[allow(clippy::missing_errors_doc, clippy::missing_panics_doc, clippy::must_use_candidate)]
            #(#attributes)*
            #visibility #signature #body
        }
    }
}

/// `impl ::corio::Request`: the types, the options, and an identity by which the desk finds the
/// dispatcher.
fn request(dispatcher: &Dispatcher, answer: &Answer) -> TokenStream {
    let Function { attributes, signature, .. } = &dispatcher.function;
    let (name, key) = (&signature.ident, dispatcher.keys.key());
    let generics = owned(&signature.generics);
    let (parameters, arguments, where_clause) = generics.split_for_impl();
    let (promise, where_clause) = promised(dispatcher, answer, where_clause);
    let cfg = cfg(attributes);
    let one = &answer.one;
    let options = options::options(dispatcher, answer);
    let text = name.unraw().to_string();
    // A static in a generic function is one for all its instantiations, so a generic request is
    // found by its type.
    let identity = generics.params.is_empty().then(|| {
        quote! {
            fn dispatcher_id() -> ::core::option::Option<&'static ::corio::DispatcherId> {
                static ID: ::corio::DispatcherId = ::corio::DispatcherId::new();
                ::core::option::Option::Some(&ID)
            }
        }
    });
    quote! {
        #cfg
        #promise
        impl #parameters ::corio::Request for #name #arguments #where_clause {
            type Key = #key;
            type Answer = #one;
            const OPTIONS: ::corio::Options<Self::Key, Self::Answer> = #options;

            fn name() -> &'static str {
                #text
            }

            fn into_key(self) -> Self::Key {
                self.key
            }

            #identity
        }
    }
}

/// Of a return type with a name of its own nothing is known. The impls take for granted that it is
/// a batch of answers, and rustc checks that it is, where the type stands.
fn promised(
    dispatcher: &Dispatcher,
    answer: &Answer,
    where_clause: Option<&WhereClause>,
) -> (Option<TokenStream>, Option<WhereClause>) {
    let mut where_clause = where_clause.cloned();
    let Some(batch) = answer.batch.as_ref().filter(|_| !answer.known) else {
        return (None, where_clause);
    };
    let (key, (_, at)) = (dispatcher.keys.key(), ends(batch));
    let promise: WherePredicate = parse_quote_spanned!(at=> #batch: ::corio::Answers<#key>);
    where_clause.get_or_insert_with(|| parse_quote!(where)).predicates.push(promise);
    (Some(quote!(#[allow(trivial_bounds)])), where_clause)
}

/// `impl ::corio::Dispatch` for each context that provides the pieces.
fn dispatch(dispatcher: &Dispatcher, answer: &Answer) -> TokenStream {
    let Function { attributes, signature, .. } = &dispatcher.function;
    let (name, pieces) = (&signature.ident, &dispatcher.pieces);
    let (_, arguments, _) = signature.generics.split_for_impl();
    let mut generics = owned(&signature.generics);
    let mut schedule: TypeParam = parse_quote!(__S);
    let by = dispatcher.options.by.as_ref();
    // Each once, or a context that lacks one would be told so twice.
    let more = by.into_iter().flat_map(|by| &by.pieces).filter(|piece| !pieces.contains(piece));
    schedule.bounds.extend(
        pieces
            .iter()
            .chain(more)
            .map(|piece| -> syn::TypeParamBound { parse_quote!(::corio::Provide<#piece>) }),
    );
    generics.params.push(GenericParam::Type(schedule));
    let (parameters, _, where_clause) = generics.split_for_impl();
    let (promise, where_clause) = promised(dispatcher, answer, where_clause);
    let cfg = cfg(attributes);
    let context =
        if pieces.is_empty() { format_ident!("_context") } else { format_ident!("context") };
    let (checked, answering) =
        (options::checked(answer, dispatcher), answering::answering(dispatcher, answer));
    let partition = by.map(partition);
    quote! {
        #cfg
        #promise
        impl #parameters ::corio::Dispatch<__S> for #name #arguments #where_clause {
            fn dispatch<'r>(#context: &'r __S, requests: ::corio::Requests<'_, 'r, Self>) {
                #checked
                #answering
            }

            #partition
        }
    }
}

/// `Dispatch::partition`: for whom the answers of a cache are that outlives the run.
fn partition(by: &Partition) -> TokenStream {
    let Partition { name, closure, pieces } = by;
    // Under names that the closure can't see.
    let at = Span::mixed_site().located_at(name.span());
    let context = Ident::new(if pieces.is_empty() { "_context" } else { "context" }, at);
    let by = Ident::new("by", at);
    quote_spanned! {at=>
        fn partition(#context: &__S) -> ::core::option::Option<::corio::Partition> {
            let #by = #closure;
            ::core::option::Option::Some(::corio::Partition::of(#by(#(::corio::Provide::<#pieces>::provide(#context)),*)))
        }
    }
}

/// Requests are `'static`, and so are their type parameters.
fn owned(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!('static));
    }
    generics
}

/// Where an item is compiled, all that belongs to it is.
fn cfg(attributes: &[Attribute]) -> TokenStream {
    let cfg = attributes.iter().filter(|attribute| is_any(attribute, &["cfg"]));
    quote!(#(#cfg)*)
}

pub(super) fn is_any(attribute: &Attribute, names: &[&str]) -> bool {
    names.iter().any(|name| attribute.path().is_ident(name))
}
