//! `impl ::corio::SharedDispatch`: how a hub answers, with the option `shared`.

use super::answering::{Source, answering};
use super::attributes::cfg;
use super::{assumed_bounds, flow, static_params};
use crate::dispatcher::answer::Answer;
use crate::dispatcher::model::{Dispatcher, Mode};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{GenericParam, Type, TypeParam, parse_quote};

/// Desugar from
///
/// ```text
/// #[corio::dispatcher(shared, by = |tenant: &Tenant| tenant.clone())]
/// async fn invoices(db: &Db, tenant: &Tenant, ids: &[u64]) -> Vec<Invoice> { … }
/// ```
///
/// into
///
/// ```text
/// impl<__F: 'static + Send, __H: ::corio::Provide<Db> + Send + Sync + 'static>
///     ::corio::SharedDispatch<__H> for invoices<__F>
/// {
///     type Part = Tenant;
///     fn dispatch_shared<'r>(context: &'r __H, part: &'r Tenant, requests: …) { … }
/// }
/// ```
pub(super) fn shared(dispatcher: &Dispatcher, answer: &Answer) -> Option<TokenStream> {
    let at = dispatcher.options.shared.as_ref()?.span();
    let signature = &dispatcher.function.signature;
    let name = &signature.ident;
    let part = dispatcher.options.by.as_ref().map_or_else(|| parse_quote!(()), |by| by.ty());
    let source = Source::Hub(&part);
    let of_request = flow::with_future(signature.generics.clone(), dispatcher);
    let (_, arguments, _) = of_request.split_for_impl();
    let mut generics = flow::with_future(static_params(&signature.generics), dispatcher);
    // The request of an `async fn` is `Send` if its future is.
    let of_future = generics.type_params_mut().last().filter(|_| dispatcher.mode() == Mode::Async);
    if let Some(future) = of_future {
        future.bounds.push(parse_quote!(::core::marker::Send));
    }
    let mut context: TypeParam = parse_quote!(__H);
    let pieces = dispatcher.pieces.iter().filter(|piece| source.is_of_context(piece));
    context.bounds.extend(
        pieces
            .map(|piece: &Type| -> syn::TypeParamBound { parse_quote!(::corio::Provide<#piece>) }),
    );
    context.bounds.push(parse_quote!(::core::marker::Send));
    context.bounds.push(parse_quote!(::core::marker::Sync));
    context.bounds.push(parse_quote!('static));
    generics.params.push(GenericParam::Type(context));
    let (parameters, _, where_clause) = generics.split_for_impl();
    let (allow_trivial, where_clause) = assumed_bounds(dispatcher, answer, where_clause);
    let cfg = cfg(&dispatcher.function.attributes);
    let answering = answering(dispatcher, answer, source);
    // What keys and answers lack is shown at the option that asks for it.
    let here = Span::call_site().located_at(at);
    let of_trait = quote_spanned!(here=> ::corio::SharedDispatch<__H>);
    let request = quote_spanned!(here=> #name #arguments);
    Some(quote! {
        #cfg
        #allow_trivial
        impl #parameters #of_trait for #request #where_clause {
            type Part = #part;

            #[allow(unused_variables)]
            fn dispatch_shared<'r>(
                context: &'r __H,
                part: &'r Self::Part,
                requests: ::corio::Requests<'_, 'r, Self>,
            ) {
                #answering
            }
        }
    })
}
