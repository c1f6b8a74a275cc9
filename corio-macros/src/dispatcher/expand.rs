//! Writes the request, its constructor, and how it is answered.

use super::model::{Answers, Dispatcher, Keys};
use crate::function::Function;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Attribute, GenericParam, Generics, Type, TypeParam, parse_quote};

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
/// The struct has braces: a unit or tuple struct would take the name among values too, and no `let fetch_author = …;` could follow.
pub(super) fn expand(dispatcher: &Dispatcher) -> TokenStream {
    let structure = structure(dispatcher);
    let batch = batch(dispatcher);
    let request = request(dispatcher);
    let dispatch = dispatch(dispatcher);
    quote!(#structure #batch #request #dispatch)
}

/// The request's type and the function that makes one.
fn structure(dispatcher: &Dispatcher) -> TokenStream {
    let Function { attributes, visibility, signature, .. } = &dispatcher.function;
    let (name, generics, key) = (&signature.ident, &signature.generics, dispatcher.keys.key());
    let (_, arguments, where_clause) = generics.split_for_impl();
    let shared = attributes.iter().filter(|attribute| is_any(attribute, &["cfg", "cfg_attr", "allow", "deprecated"]));
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

/// Type parameters that the key does not use have to stand somewhere; `fn() -> T` says nothing of whether `T` is `Send`.
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
    let attributes = attributes.iter().filter(|attribute| !is_any(attribute, &["doc", "cfg", "deprecated"]));
    let name = &signature.ident;
    let mut signature = signature.clone();
    signature.ident = Ident::new("batch", name.span());
    signature.generics = Generics::default();
    quote! {
        #cfg
        impl #parameters #name #arguments #where_clause {
            /// The per-batch function itself, for its own unit tests.
            #[allow(clippy::missing_errors_doc, clippy::missing_panics_doc)]
            #(#attributes)*
            #visibility #signature #body
        }
    }
}

/// `impl ::corio::Request`: the types, the options, and an identity by which the desk finds the dispatcher.
fn request(dispatcher: &Dispatcher) -> TokenStream {
    let Function { attributes, signature, .. } = &dispatcher.function;
    let (name, key) = (&signature.ident, dispatcher.keys.key());
    let generics = owned(&signature.generics);
    let (parameters, arguments, where_clause) = generics.split_for_impl();
    let cfg = cfg(attributes);
    let answer = match &dispatcher.answers {
        Answers::Returned(returned) => answer_of(returned, key),
        Answers::Filled(answer) | Answers::Batch(answer) => answer.to_token_stream(),
    };
    let options = options(dispatcher);
    let text = name.unraw().to_string();
    // A static in a generic function is one for all its instantiations, so a generic request is found by its type.
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
        impl #parameters ::corio::Request for #name #arguments #where_clause {
            type Key = #key;
            type Answer = #answer;
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

/// `<Vec<R> as ::corio::Answers<K>>::Answer`, shown on the return type: that is what to change if it is no such thing.
fn answer_of(returned: &Type, key: &Type) -> TokenStream {
    let (first, last) = ends(returned);
    let open = quote_spanned!(first=> <#returned as ::corio::Answers<#key>>);
    quote_spanned!(last=> #open::Answer)
}

/// Desugar from `max_batch = 500, dedup` into `::corio::Options::of::<Vec<R>>().max_batch(500).dedup()`.
fn options(dispatcher: &Dispatcher) -> TokenStream {
    let mut options = match &dispatcher.answers {
        Answers::Returned(returned) => {
            let at = Span::call_site().located_at(ends(returned).0);
            quote_spanned!(at=> ::corio::Options::of::<#returned>())
        }
        Answers::Filled(_) | Answers::Batch(_) => quote!(::corio::Options::new()),
    };
    if dispatcher.function.signature.asyncness.is_some() || matches!(dispatcher.keys, Keys::Batch(_)) {
        options.extend(quote!(.concurrent()));
    }
    if let Some(size) = &dispatcher.options.max_batch {
        options.extend(quote!(.max_batch(#size)));
    }
    if dispatcher.options.dedup {
        options.extend(quote!(.dedup()));
    }
    if dispatcher.options.show_keys {
        options.extend(quote!(.show_keys()));
    }
    options
}

/// `impl ::corio::Dispatch` for each context that provides the pieces.
fn dispatch(dispatcher: &Dispatcher) -> TokenStream {
    let Function { attributes, signature, .. } = &dispatcher.function;
    let (name, pieces) = (&signature.ident, &dispatcher.pieces);
    let (_, arguments, _) = signature.generics.split_for_impl();
    let mut generics = owned(&signature.generics);
    let mut schedule: TypeParam = parse_quote!(__S);
    schedule.bounds.extend(pieces.iter().map(|piece| -> syn::TypeParamBound { parse_quote!(::corio::Provide<#piece>) }));
    generics.params.push(GenericParam::Type(schedule));
    let (parameters, _, where_clause) = generics.split_for_impl();
    let cfg = cfg(attributes);
    let context = if pieces.is_empty() { format_ident!("_context") } else { format_ident!("context") };
    let answering = answering(dispatcher);
    quote! {
        #cfg
        impl #parameters ::corio::Dispatch<__S> for #name #arguments #where_clause {
            fn dispatch<'r>(#context: &'r __S, requests: ::corio::Requests<'_, 'r, Self>) {
                #answering
            }
        }
    }
}

/// How the runtime calls the function, by the way that keys come and answers go.
fn answering(dispatcher: &Dispatcher) -> TokenStream {
    let pieces = &dispatcher.pieces;
    let pieces = quote!(#(::corio::Provide::<#pieces>::provide(context),)*);
    let asynchronous = dispatcher.function.signature.asyncness.is_some();
    match (&dispatcher.keys, &dispatcher.answers, asynchronous) {
        (Keys::Batch(_), _, false) => quote! {
            let batch = requests.into_batch();
            Self::batch(#pieces batch)
        },
        (Keys::Batch(_), _, true) => quote!(requests.batch_async(async move |batch| Self::batch(#pieces batch).await)),

        (Keys::Shared(_), Answers::Filled(_), false) => quote!(requests.fill(|keys, answers| Self::batch(#pieces keys, answers))),
        (Keys::Owned(_), Answers::Filled(_), false) => quote! {
            requests.answer_owned(|keys| {
                let mut answers = ::std::vec::Vec::new();
                Self::batch(#pieces keys, &mut answers);
                answers
            })
        },
        (Keys::Shared(key), Answers::Filled(_), true) => quote! {
            requests.answer_async(async move |keys: &[#key]| {
                let mut answers = ::std::vec::Vec::new();
                Self::batch(#pieces keys, &mut answers).await;
                answers
            })
        },
        (Keys::Owned(_), Answers::Filled(_), true) => quote! {
            requests.answer_owned_async(async move |keys| {
                let mut answers = ::std::vec::Vec::new();
                Self::batch(#pieces keys, &mut answers).await;
                answers
            })
        },

        (keys, Answers::Returned(answers) | Answers::Batch(answers), asynchronous) => {
            let at = Span::call_site().located_at(ends(answers).0);
            match (keys, asynchronous) {
                (Keys::Shared(key), true) => quote_spanned!(at=> requests.answer_async(async move |keys: &[#key]| Self::batch(#pieces keys).await)),
                (Keys::Shared(_), false) => quote_spanned!(at=> requests.answer(|keys| Self::batch(#pieces keys))),
                (_, true) => quote_spanned!(at=> requests.answer_owned_async(async move |keys| Self::batch(#pieces keys).await)),
                (_, false) => quote_spanned!(at=> requests.answer_owned(|keys| Self::batch(#pieces keys))),
            }
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

/// Where a type begins and ends.
fn ends(written: &Type) -> (Span, Span) {
    let mut spans = written.to_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    (first, spans.last().unwrap_or(first))
}
