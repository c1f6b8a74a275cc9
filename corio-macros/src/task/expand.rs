//! Writes the function that returns a task.

use super::model::{Context, Task};
use crate::body::{self, Owner};
use crate::errors::Errors;
use crate::function::Function;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::visit::Visit;
use syn::visit_mut::VisitMut;
use syn::{
    FnArg, Lifetime, Pat, PatIdent, ReturnType, Signature, Type, TypeImplTrait, parse_quote,
};

/// Desugar from
///
/// ```text
/// fn card(id: u64) -> String { … }
/// ```
///
/// into
///
/// ```text
/// fn card(id: u64) -> impl ::corio::Task<Library, Output = String> {
///     ::corio::__private::task::<Library, _>(async move { … })
/// }
/// ```
///
/// or, for a task that names no context, into `fn card(id: u64) -> ::corio::AnyTask<impl
/// Future<Output = String>>` and `::corio::__private::any_task(…)`.
pub(super) fn expand(task: Task, errors: &mut Errors) -> TokenStream {
    let Task { mut context, function } = task;
    let Function { attributes, visibility, mut signature, body } = function;
    let output = output(&signature);
    generics(&mut context, &mut signature);
    let result = match &context {
        Context::Any | Context::Unknown => {
            quote!(::corio::AnyTask<impl ::core::future::Future<Output = #output>>)
        }
        Context::Named(_) | Context::Providing(_) => {
            let context = context.frame_type();
            quote!(impl ::corio::Task<#context, Output = #output>)
        }
    };
    let body = match body {
        None => quote!(;),
        Some(body) => {
            let arguments = arguments(&mut signature);
            let owner = Owner {
                context: &context,
                name: &signature.ident,
                method: signature.receiver().is_some(),
            };
            let statements = match context {
                Context::Unknown => quote!(::corio::__private::returns::<#output>()),
                _ => body::rewrite(body.stream(), &owner, errors),
            };
            let (constructor, frame, seed) =
                (constructor(&context, Span::call_site()), body::frame(&context), seed(&output));
            let block = body::braced(quote!(#arguments #frame #seed #statements), body.span());
            quote!({ #constructor(async move #block) })
        }
    };
    signature.output = ReturnType::Default;
    let where_clause = signature.generics.where_clause.take();
    quote!(#(#attributes)* #visibility #signature -> #result #where_clause #body)
}

/// What makes a task of a future: `::corio::__private::any_task`, or
/// `::corio::__private::task::<Library, _>`.
pub(crate) fn constructor(context: &Context, span: Span) -> TokenStream {
    match context {
        Context::Any | Context::Unknown => quote_spanned!(span=> ::corio::__private::any_task),
        Context::Named(_) | Context::Providing(_) => {
            let context = context.frame_type();
            quote_spanned!(span=> ::corio::__private::task::<#context, _>)
        }
    }
}

/// An async block does not know the type that it is to return. A first `return` that is never
/// reached tells it, and so coercions, `?` and messages are those of a function. A type that holds
/// `impl` can't be named.
pub(crate) fn seed(output: &Type) -> Option<TokenStream> {
    struct HoldsImpl(bool);
    impl Visit<'_> for HoldsImpl {
        fn visit_type_impl_trait(&mut self, _: &TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut holds_impl = HoldsImpl(false);
    holds_impl.visit_type(output);
    (!holds_impl.0).then(|| {
        quote! {
            if false {
                return ::corio::__private::returns::<#output>();
            }
        }
    })
}

fn output(signature: &Signature) -> Type {
    match &signature.output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, output) => Type::clone(output),
    }
}

/// Names what the attribute leaves unnamed: `impl Provide<Db>` becomes a type parameter, each
/// lifetime left out (`Library<'_>`) a lifetime parameter.
fn generics(context: &mut Context, signature: &mut Signature) {
    let parameters = &mut signature.generics.params;
    match context {
        Context::Any | Context::Unknown => {}
        Context::Named(context) => {
            let mut fresh = FreshLifetimes(Vec::new());
            fresh.visit_type_mut(context);
            for (position, lifetime) in fresh.0.into_iter().enumerate() {
                parameters.insert(position, parse_quote!(#lifetime));
            }
        }
        Context::Providing(bounds) => {
            let bounds = &bounds.bounds;
            parameters.push(parse_quote!(__S: #bounds));
        }
    }
}

struct FreshLifetimes(Vec<Lifetime>);

impl FreshLifetimes {
    fn next(&mut self, span: Span) -> Lifetime {
        let fresh = Lifetime::new(&format!("'__context{}", self.0.len()), span);
        self.0.push(fresh.clone());
        fresh
    }
}

impl VisitMut for FreshLifetimes {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident == "_" {
            *lifetime = self.next(lifetime.span());
        }
    }

    fn visit_type_reference_mut(&mut self, reference: &mut syn::TypeReference) {
        let span = reference.and_token.span;
        reference.lifetime.get_or_insert_with(|| self.next(span));
        syn::visit_mut::visit_type_reference_mut(self, reference);
    }
}

/// The first lines of the body, which see to it that arguments live as long as those of a plain
/// function, and are dropped in the same order.
///
/// An argument that the body does not use would be dropped by the call, before the task runs; `let
/// _ = &argument;` moves all of it in, without a second copy. What is moved in is dropped in the
/// order in which it is mentioned: so the last comes first.
///
/// A pattern is taken apart inside, under a name of ours in the signature. That makes locals, which
/// go before what is moved in; so the arguments after it become locals too.
fn arguments(signature: &mut Signature) -> TokenStream {
    let mut captures = Vec::new();
    let mut locals = TokenStream::new();
    for (position, argument) in signature.inputs.iter_mut().enumerate() {
        let argument = match argument {
            FnArg::Receiver(receiver) => {
                let name = receiver.self_token;
                captures.push(quote!(let _ = &#name;));
                continue;
            }
            FnArg::Typed(argument) => argument,
        };
        let name = match &*argument.pat {
            Pat::Ident(PatIdent { by_ref: None, subpat: None, ident, .. }) => {
                let name = ident.clone();
                if !locals.is_empty() {
                    let pattern = std::mem::replace(&mut *argument.pat, parse_quote!(#name));
                    let quiet = quiet(&name);
                    locals.extend(quote!(#quiet let #pattern = #name;));
                }
                name
            }
            pattern => {
                let name = format_ident!("__arg{position}", span = Span::mixed_site());
                if !matches!(pattern, Pat::Wild(_)) {
                    locals.extend(quote!(let #pattern = #name;));
                }
                *argument.pat = parse_quote!(#name);
                name
            }
        };
        let quiet = quiet(&name);
        captures.push(quote!(#quiet let _ = &#name;));
    }
    captures.reverse();
    quote!(#(#captures)* #locals)
}

/// An argument named `_unused` is used by our lines alone, which clippy would hold against the
/// user.
fn quiet(argument: &Ident) -> Option<TokenStream> {
    let name = argument.to_string();
    let underscored = name.starts_with('_') && !name.starts_with("__arg");
    underscored.then(
        || quote!(#[allow(clippy::used_underscore_binding, clippy::no_effect_underscore_binding)]),
    )
}
