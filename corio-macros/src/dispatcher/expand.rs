//! Writes the request, its constructor, and how it is answered.

use super::model::{Answers, Dispatcher, Keys};
use super::parse;
use crate::function::Function;
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, GenericParam, Generics, Type, TypeParam, WhereClause, WherePredicate, parse_quote, parse_quote_spanned};

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
    let limit = limit(dispatcher);
    quote!(#structure #batch #request #dispatch #limit)
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
            #[allow(clippy::missing_errors_doc, clippy::missing_panics_doc, clippy::must_use_candidate)]
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
    let (promise, where_clause) = promised(dispatcher, where_clause);
    let cfg = cfg(attributes);
    let answer = match &dispatcher.answers {
        Answers::Returned(returned) => match known_answer(returned) {
            Some(Known { answer, .. }) => answer,
            None => quote!(<#returned as ::corio::Answers<#key>>::Answer),
        },
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
        #promise
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

/// What is known of a return type from its name.
struct Known {
    /// What one request gets.
    answer: TokenStream,
    /// Whether equal keys are asked once.
    dedup: bool,
}

/// The runtime's `Answers` says it for every type. What is known here is said here, so that the request is one even if its answers have a mistake: that is to be reported where
/// they are returned, and not at each use.
fn known_answer(returned: &Type) -> Option<Known> {
    let Type::Path(path) = returned else { return None };
    let last = path.path.segments.last()?;
    match (last.ident.to_string().as_str(), parse::type_arguments(&last.arguments).as_slice()) {
        ("Vec", [answer]) => Some(Known { answer: quote!(#answer), dedup: false }),
        ("HashMap", [_, answer] | [_, answer, _]) | ("BTreeMap", [_, answer]) => Some(Known { answer: quote!(::core::option::Option<#answer>), dedup: true }),
        ("Result", [answers, error]) => {
            let Known { answer, dedup } = known_answer(answers)?;
            Some(Known { answer: quote!(::core::result::Result<#answer, #error>), dedup })
        }
        _ => None,
    }
}

/// Of a return type with a name of its own nothing is known. The impls take for granted that it is a batch of answers, and rustc checks that it is, where the type stands.
fn promised(dispatcher: &Dispatcher, where_clause: Option<&WhereClause>) -> (Option<TokenStream>, Option<WhereClause>) {
    let mut where_clause = where_clause.cloned();
    let Answers::Returned(returned) = &dispatcher.answers else { return (None, where_clause) };
    if known_answer(returned).is_some() {
        return (None, where_clause);
    }
    let key = dispatcher.keys.key();
    let at = returned.to_token_stream().into_iter().last().map_or_else(Span::call_site, |last| last.span());
    let promise: WherePredicate = parse_quote_spanned!(at=> #returned: ::corio::Answers<#key>);
    where_clause.get_or_insert_with(|| parse_quote!(where)).predicates.push(promise);
    (Some(quote!(#[allow(trivial_bounds)])), where_clause)
}

/// The options and the answering both use the return type of a map, and would both say what is wrong with it.
fn checked(dispatcher: &Dispatcher) -> Option<TokenStream> {
    let Answers::Returned(returned) = &dispatcher.answers else { return None };
    let key = dispatcher.keys.key();
    known_answer(returned)?.dedup.then(|| quote!(::corio::__private::answers::<#returned, #key>();))
}

/// Desugar from `max_batch = 500, dedup` into `::corio::Options::new().max_batch(500).dedup()`.
fn options(dispatcher: &Dispatcher) -> TokenStream {
    let mut options = match &dispatcher.answers {
        Answers::Returned(returned) if known_answer(returned).is_none_or(|known| known.dedup) => {
            quote!(::corio::Options::<Self::Key, Self::Answer>::of::<#returned>())
        }
        _ => quote!(::corio::Options::new()),
    };
    if dispatcher.function.signature.asyncness.is_some() || matches!(dispatcher.keys, Keys::Batch(_)) {
        options.extend(quote!(.concurrent()));
    }
    if let Some(size) = &dispatcher.options.max_batch {
        options.extend(quote!(.max_batch(#size)));
    }
    for option in [&dispatcher.options.dedup, &dispatcher.options.show_keys].into_iter().flatten() {
        // Braces that are shown where the option is: it is to blame, not what is before it.
        let mut before = Group::new(Delimiter::Brace, options);
        before.set_span(option.span());
        options = quote_spanned!(option.span()=> #before.#option());
    }
    match checked(dispatcher) {
        Some(checked) => quote!({ #checked #options }),
        None => options,
    }
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
    let (promise, where_clause) = promised(dispatcher, where_clause);
    let cfg = cfg(attributes);
    let context = if pieces.is_empty() { format_ident!("_context") } else { format_ident!("context") };
    let (checked, answering) = (checked(dispatcher), answering(dispatcher));
    quote! {
        #cfg
        #promise
        impl #parameters ::corio::Dispatch<__S> for #name #arguments #where_clause {
            fn dispatch<'r>(#context: &'r __S, requests: ::corio::Requests<'_, 'r, Self>) {
                #checked
                #answering
            }
        }
    }
}

/// The check of a `max_batch` that is no number but a constant, where it is written. The runtime's own is only made for what is asked, and far from here.
fn limit(dispatcher: &Dispatcher) -> Option<TokenStream> {
    let size = dispatcher.options.max_batch.as_ref().filter(|size| !matches!(size, Expr::Lit(_)))?;
    let cfg = cfg(&dispatcher.function.attributes);
    // A constant can't name the parameters of a function.
    dispatcher
        .function
        .signature
        .generics
        .params
        .is_empty()
        .then(|| quote_spanned!(size.span()=> #cfg const _: () = ::core::assert!(#size > 0, "a batch holds at least one request: `max_batch = 1` or more");))
}

/// How the runtime calls the function, by the way that keys come and answers go.
fn answering(dispatcher: &Dispatcher) -> TokenStream {
    let pieces = &dispatcher.pieces;
    let pieces = quote!(#(::corio::Provide::<#pieces>::provide(context),)*);
    let asynchronous = dispatcher.function.signature.asyncness.is_some();
    match (&dispatcher.keys, &dispatcher.answers, asynchronous) {
        (Keys::Batch(_), _, false) => quote! {
            requests.batch_with(::core::convert::identity, |batch| Self::batch(#pieces batch));
        },
        (Keys::Batch(_), _, true) => quote!(requests.batch_async_with(::core::convert::identity, async move |batch| Self::batch(#pieces batch).await)),

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

        // The type is named, so that what is wrong with it is shown on it.
        (Keys::Shared(_), Answers::Returned(answers) | Answers::Batch(answers), false) => quote!(requests.answer::<#answers>(|keys| Self::batch(#pieces keys))),
        (Keys::Owned(_), Answers::Returned(answers) | Answers::Batch(answers), false) => {
            quote!(requests.answer_owned::<#answers>(|keys| Self::batch(#pieces keys)))
        }
        (Keys::Shared(key), Answers::Returned(answers) | Answers::Batch(answers), true) => {
            quote!(requests.answer_async::<#answers>(async move |keys: &[#key]| Self::batch(#pieces keys).await))
        }
        (Keys::Owned(_), Answers::Returned(answers) | Answers::Batch(answers), true) => {
            quote!(requests.answer_owned_async::<#answers>(async move |keys| Self::batch(#pieces keys).await))
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
