//! The expand stage of `#[corio::task]`: writes the function that returns a task.

use super::body::{self, EnclosingTask};
use super::model::{Context, Task};
use crate::errors::Errors;
use crate::function::Function;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::visit_mut::VisitMut;
use syn::{FnArg, Lifetime, Pat, PatIdent, ReturnType, Signature, Type, parse_quote};

/// Desugar from
///
/// ```text
/// fn card(id: u64) -> String { … }
/// ```
///
/// into
///
/// ```text
/// fn card(id: u64) -> ::corio::TaskOver<Library, impl Future<Output = String>> {
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
            quote! {
                ::corio::TaskOver<#context, impl ::core::future::Future<Output = #output>>
            }
        }
    };
    let body = match body {
        None => quote!(;),
        Some(body) => {
            let arguments = arguments(&mut signature);
            let enclosing = EnclosingTask {
                context: &context,
                name: &signature.ident,
                method: signature.receiver().is_some(),
            };
            let statements = match context {
                Context::Unknown => quote!(::corio::__private::returns::<#output>()),
                _ => body::rewrite(body.stream(), &enclosing, errors),
            };
            let (constructor, frame, hint) = (
                body::constructor(&context, Span::call_site()),
                body::frame(&context),
                body::return_type_hint(&output),
            );
            let block = body::braced(quote!(#arguments #frame #hint #statements), body.span());
            quote!({ #constructor(async move #block) })
        }
    };
    signature.output = ReturnType::Default;
    let where_clause = signature.generics.where_clause.take();
    quote!(#(#attributes)* #visibility #signature -> #result #where_clause #body)
}

fn output(signature: &Signature) -> Type {
    match &signature.output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, output) => Type::clone(output),
    }
}

/// Adds the generic parameters that the attribute leaves unnamed: a type parameter for `impl
/// Provide<Db>`, and a lifetime parameter for each elided lifetime (`Library<'_>`).
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

/// Replaces each elided lifetime of a type by a fresh one, and collects the fresh ones.
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

/// Returns the first lines of the body. Because of them, arguments live as long as those of a plain
/// function and are dropped in the same order.
///
/// - Without these lines, an argument that the body does not use would be dropped by the call,
///   before the task runs. `let _ = &argument;` captures the whole argument without a second copy.
///   Captures are dropped in the order in which the block mentions them, so the last argument is
///   mentioned first.
/// - A pattern gets a generated name in the signature and is destructured in the body. Its bindings
///   are locals, which are dropped before captures, so the arguments after a pattern become locals
///   too.
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
                    let allow = allow_underscore(&name);
                    locals.extend(quote!(#allow let #pattern = #name;));
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
        let allow = allow_underscore(&name);
        captures.push(quote!(#allow let _ = &#name;));
    }
    captures.reverse();
    quote!(#(#captures)* #locals)
}

/// The `allow` for a line that mentions an argument named like `_unused`: only generated lines use
/// the argument, and clippy would report them to the user.
fn allow_underscore(argument: &Ident) -> Option<TokenStream> {
    let name = argument.to_string();
    let underscored = name.starts_with('_') && !name.starts_with("__arg");
    underscored.then(
        || quote!(#[allow(clippy::used_underscore_binding, clippy::no_effect_underscore_binding)]),
    )
}
