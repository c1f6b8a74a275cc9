//! The expand stage of `#[corio::dispatcher]`: writes the request, its constructor, and its impls.
//!
//! - `options.rs`: `Request::OPTIONS`, how batches are put together;
//! - `answering.rs`: the body of `Dispatch::dispatch`, how the function is called;
//! - `shared.rs`: how a hub answers;
//! - `flow.rs`: the request of an `async fn`, which tells whether the future is `Send`;
//! - `attributes.rs`: which of the function's attributes go on which item.

mod answering;
mod attributes;
mod flow;
mod options;
mod shared;

use super::answer::{self, Answer, outer_spans};
use super::model::{Dispatcher, Mode, Partition};
use crate::function::Function;
use answering::Source;
use attributes::{cfg, is_one_of};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{
    GenericParam, Generics, Type, TypeParam, WhereClause, WherePredicate, parse_quote,
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
/// The struct has braces. A unit or tuple struct would be a value of that name too, and `let
/// fetch_author = …;` would not compile. The request of an `async fn` has one type parameter more:
/// see `flow`.
pub(super) fn expand(dispatcher: &Dispatcher) -> TokenStream {
    let answer = answer::answer(dispatcher);
    let structure = structure(dispatcher);
    let batch = batch(dispatcher);
    let request = request(dispatcher, &answer);
    let dispatch = dispatch(dispatcher, &answer);
    let shared = shared::shared(dispatcher, &answer);
    let checks = options::number_assertions(dispatcher);
    quote!(#structure #batch #request #dispatch #shared #checks)
}

/// The request's type and the function that makes one.
fn structure(dispatcher: &Dispatcher) -> TokenStream {
    let Function { attributes, visibility, signature, .. } = &dispatcher.function;
    let (name, generics, key) = (&signature.ident, &signature.generics, dispatcher.keys.key());
    let where_clause = &generics.where_clause;
    let shared = attributes
        .iter()
        .filter(|attribute| is_one_of(attribute, &["cfg", "cfg_attr", "allow", "deprecated"]));
    let shared = quote!(#(#shared)*);
    // The user's documentation goes on one item only, so that its examples are tested once.
    let docs = attributes.iter().filter(|attribute| is_one_of(attribute, &["doc"]));
    let doc = format!(" The request that [`{name}`](fn@{name}) makes.");
    let must_use = format!("a request does nothing until it is asked: `io!({name}(..))`");
    let Marker { declared, params, made, bounds, ty, value } = match dispatcher.mode() {
        Mode::Async => flow::marker(dispatcher),
        Mode::InPlace | Mode::Blocking => plain_marker(generics),
    };
    let mut made_where = where_clause.clone();
    let allow_bounds = (!bounds.is_empty()).then(|| {
        made_where.get_or_insert_with(|| parse_quote!(where)).predicates.extend(bounds);
        // One of them stands where the user wrote none.
        quote!(#[allow(clippy::multiple_bound_locations)])
    });
    let field = ty.map(|ty| quote!(marker: #ty,));
    let value = value.map(|value| quote!(, marker: #value));
    quote! {
        #[doc = #doc]
        #shared
        #[allow(non_camel_case_types)]
        #[must_use = #must_use]
        #visibility struct #name #declared #where_clause { key: #key, #field }

        #(#docs)*
        #shared
        #allow_bounds
        #visibility fn #name #params (key: #key) -> #name #made #made_where {
            #name { key #value }
        }
    }
}

/// The generics of a request, and its field beside the key.
struct Marker {
    /// The generic parameters of the struct.
    declared: TokenStream,
    /// The generic parameters of the function that makes a request.
    params: TokenStream,
    /// The generic arguments of the request that the function makes.
    made: TokenStream,
    /// What must hold of the parameters where a request is made, beside what the user wrote.
    bounds: Vec<WherePredicate>,
    /// The type of the field, if there is one.
    ty: Option<Type>,
    /// The value of the field.
    value: Option<TokenStream>,
}

/// The request of a function that is not `async`.
fn plain_marker(generics: &Generics) -> Marker {
    let (_, arguments, _) = generics.split_for_impl();
    let ty = type_params_marker(generics);
    let value = ty.is_some().then(|| quote!(::core::marker::PhantomData));
    let (declared, params, made) = (quote!(#generics), quote!(#generics), quote!(#arguments));
    Marker { declared, params, made, bounds: Vec::new(), ty, value }
}

/// The type of a field that mentions all type parameters, since the key need not. `PhantomData<fn()
/// -> T>` is `Send` whatever `T` is. `None` without type parameters.
fn type_params_marker(generics: &Generics) -> Option<Type> {
    let mut parameters = generics.type_params().map(|parameter| &parameter.ident).peekable();
    parameters.peek()?;
    Some(parse_quote!(::core::marker::PhantomData<fn() -> (#(#parameters,)*)>))
}

/// The function as written, under the name `batch`.
fn batch(dispatcher: &Dispatcher) -> TokenStream {
    let Function { attributes, visibility, signature, body } = &dispatcher.function;
    let (parameters, arguments, where_clause) = signature.generics.split_for_impl();
    let cfg = cfg(attributes);
    let attributes =
        attributes.iter().filter(|attribute| !is_one_of(attribute, &["doc", "cfg", "deprecated"]));
    let name = &signature.ident;
    let mut signature = signature.clone();
    signature.ident = Ident::new("batch", name.span());
    signature.generics = Generics::default();
    quote! {
        #cfg
        impl #parameters #name #arguments #where_clause {
            /// The per-batch function itself, for its own unit tests.
            #[allow(
                clippy::missing_errors_doc,
                clippy::missing_panics_doc,
                clippy::must_use_candidate
            )]
            #(#attributes)*
            #visibility #signature #body
        }
    }
}

/// `impl ::corio::Request`: the types, the options, and the id by which the runtime finds the
/// dispatcher's lane.
fn request(dispatcher: &Dispatcher, answer: &Answer) -> TokenStream {
    let Function { attributes, signature, .. } = &dispatcher.function;
    let (name, key) = (&signature.ident, dispatcher.keys.key());
    let is_generic = !signature.generics.params.is_empty();
    let generics = flow::with_future(static_params(&signature.generics), dispatcher);
    let (parameters, arguments, where_clause) = generics.split_for_impl();
    let (allow_trivial, where_clause) = assumed_bounds(dispatcher, answer, where_clause);
    let cfg = cfg(attributes);
    let one = &answer.one;
    let options = options::options(dispatcher, answer);
    let text = name.unraw().to_string();
    // A generic function has one static for all of its instantiations, so the runtime finds a
    // generic request by its type. A parameter for a future makes no function generic.
    let identity = (!is_generic).then(|| {
        quote! {
            fn dispatcher_id() -> ::core::option::Option<&'static ::corio::DispatcherId> {
                static ID: ::corio::DispatcherId = ::corio::DispatcherId::new();
                ::core::option::Option::Some(&ID)
            }
        }
    });
    quote! {
        #cfg
        #allow_trivial
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

/// Adds the bound `Returned: Answers<K>` where the return type is not recognised by its spelling:
/// it may be an alias. The impl assumes the bound, and rustc checks it where the type stands. The
/// first token stream is the attribute that the bound needs, since the bound names no type
/// parameter.
fn assumed_bounds(
    dispatcher: &Dispatcher,
    answer: &Answer,
    where_clause: Option<&WhereClause>,
) -> (Option<TokenStream>, Option<WhereClause>) {
    let mut where_clause = where_clause.cloned();
    let Some(batch) = answer.batch.as_ref().filter(|_| !answer.known) else {
        return (None, where_clause);
    };
    let (key, (_, at)) = (dispatcher.keys.key(), outer_spans(batch));
    let assumed: WherePredicate = parse_quote_spanned!(at=> #batch: ::corio::Answers<#key>);
    where_clause.get_or_insert_with(|| parse_quote!(where)).predicates.push(assumed);
    (Some(quote!(#[allow(trivial_bounds)])), where_clause)
}

/// `impl ::corio::Dispatch` for each context that provides the pieces.
fn dispatch(dispatcher: &Dispatcher, answer: &Answer) -> TokenStream {
    let Function { attributes, signature, .. } = &dispatcher.function;
    let (name, pieces) = (&signature.ident, &dispatcher.pieces);
    let of_request = flow::with_future(signature.generics.clone(), dispatcher);
    let (_, arguments, _) = of_request.split_for_impl();
    let mut generics = flow::with_future(static_params(&signature.generics), dispatcher);
    let mut context_param: TypeParam = parse_quote!(__S);
    let by = dispatcher.options.by.as_ref();
    // Each piece is named once: otherwise rustc would report a missing piece twice.
    let more = by.into_iter().flat_map(|by| &by.pieces).filter(|piece| !pieces.contains(piece));
    context_param.bounds.extend(
        pieces
            .iter()
            .chain(more)
            .map(|piece| -> syn::TypeParamBound { parse_quote!(::corio::Provide<#piece>) }),
    );
    generics.params.push(GenericParam::Type(context_param));
    let (parameters, _, where_clause) = generics.split_for_impl();
    let (allow_trivial, where_clause) = assumed_bounds(dispatcher, answer, where_clause);
    let cfg = cfg(attributes);
    let context =
        if pieces.is_empty() { format_ident!("_context") } else { format_ident!("context") };
    let (checked, answering) = (
        options::answers_check(answer, dispatcher),
        answering::answering(dispatcher, answer, Source::Run),
    );
    let partition = by.map(|by| partition(by, dispatcher.options.shared.is_some()));
    quote! {
        #cfg
        #allow_trivial
        impl #parameters ::corio::Dispatch<__S> for #name #arguments #where_clause {
            fn dispatch<'r>(#context: &'r __S, requests: ::corio::Requests<'_, 'r, Self>) {
                #checked
                #answering
            }

            #partition
        }
    }
}

/// `Dispatch::partition`: which runs share the answers of a cache that outlives its run, and in a
/// hub a batch.
fn partition(by: &Partition, is_shared: bool) -> TokenStream {
    let Partition { name, closure, pieces } = by;
    // The hub expects this type.
    let ty = is_shared.then(|| by.ty()).map(|ty| quote!(::<#ty>));
    // The locals have hygienic names, which the closure can't see.
    let at = Span::mixed_site().located_at(name.span());
    let context = Ident::new(if pieces.is_empty() { "_context" } else { "context" }, at);
    let by = Ident::new("by", at);
    quote_spanned! {at=>
        fn partition(#context: &__S) -> ::core::option::Option<::corio::Partition> {
            let #by = #closure;
            ::core::option::Option::Some(::corio::Partition::of #ty(
                #by(#(::corio::Provide::<#pieces>::provide(#context)),*)
            ))
        }
    }
}

/// Adds `'static` to the type parameters: a request is `'static`.
fn static_params(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!('static));
    }
    generics
}
