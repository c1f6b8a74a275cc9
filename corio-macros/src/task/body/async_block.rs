//! The async block that a task's statements are put into, and the call that makes a task of that:
//! what the expansion of a task function and that of `task!` have in common.

use crate::task::model::Context;
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::visit::Visit;
use syn::{Type, TypeImplTrait};

/// The function that makes a task of a future: `::corio::__private::any_task`, or
/// `::corio::__private::task::<Library, _>`.
pub(in crate::task) fn constructor(context: &Context, span: Span) -> TokenStream {
    match context {
        Context::Any | Context::Unknown => quote_spanned!(span=> ::corio::__private::any_task),
        Context::Named(_) | Context::Providing(_) => {
            let context = context.frame_type();
            quote_spanned!(span=> ::corio::__private::task::<#context, _>)
        }
    }
}

/// `let __corio: Frame<Context> = unsafe { Frame::new() };`: the frame, on which the constructs of
/// one task are called.
///
/// The frame is bound and used by the same expansion only, under a name that no user code can see.
/// No user code stands within the `unsafe` block, and none of the block's tokens has a span of the
/// user's, so the lint `unsafe_code` does not apply, even in a crate that forbids unsafe code.
pub(in crate::task) fn frame(context: &Context) -> TokenStream {
    let name = frame_name(Span::mixed_site());
    let context = context.frame_type();
    quote_spanned! {Span::mixed_site()=>
        let #name: ::corio::__private::Frame<#context> = unsafe {
            ::corio::__private::Frame::new()
        };
    }
}

/// The frame's name, shown at `at`.
pub(super) fn frame_name(at: Span) -> Ident {
    Ident::new("__corio", Span::mixed_site().located_at(at))
}

/// A first `return` that is never reached and tells the async block its return type: coercions, `?`
/// and messages are then those of a function. `None` for a type that holds `impl`, which can't be
/// named.
pub(in crate::task) fn return_type_hint(output: &Type) -> Option<TokenStream> {
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

/// Puts statements into braces that are shown at `at`, where the user's braces stand.
pub(in crate::task) fn braced(statements: TokenStream, at: Span) -> Group {
    let mut block = Group::new(Delimiter::Brace, statements);
    block.set_span(at);
    block
}
