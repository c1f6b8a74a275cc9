//! The model of `#[corio::task]`: its argument and the function, as named parts.

use crate::function::Function;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Type, TypeImplTrait};

/// The function, and the context of its tasks.
pub(super) struct Task {
    pub(super) context: Context,
    pub(super) function: Function,
}

/// The contexts that the task runs under, as the attribute's argument says.
pub(super) enum Context {
    /// `#[task]`: any context.
    Any,
    /// `#[task(Library)]`: this context.
    Named(Type),
    /// `#[task(impl Provide<Db>)]`: each context that has these bounds.
    Providing(TypeImplTrait),
    /// An argument that is a mistake, already reported. Whether the context has what the requests
    /// need is unknown, so the expansion leaves the body out.
    Unknown,
}

impl Context {
    /// The type of the context in the types of the frame and of the task.
    pub(super) fn frame_type(&self) -> TokenStream {
        match self {
            Context::Any | Context::Unknown => quote!(::corio::__private::AnyContext),
            Context::Named(context) => context.to_token_stream(),
            Context::Providing(_) => quote!(__S),
        }
    }
}
