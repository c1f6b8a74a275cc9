//! What `#[corio::task]` was written on.

use crate::function::Function;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Type, TypeImplTrait};

pub(crate) struct Task {
    pub(crate) context: Context,
    pub(crate) function: Function,
}

/// What the attribute's argument says the task runs under.
pub(crate) enum Context {
    /// `#[task]`
    Any,
    /// `#[task(Library)]`
    Named(Type),
    /// `#[task(impl Provide<Db>)]`
    Providing(TypeImplTrait),
    /// Something else, reported already. Nothing can be said of requests, so the body is left out.
    Unknown,
}

impl Context {
    /// The type that frames and tasks are made for.
    pub(crate) fn frame_type(&self) -> TokenStream {
        match self {
            Context::Any | Context::Unknown => quote!(::corio::__private::AnyContext),
            Context::Named(context) => context.to_token_stream(),
            Context::Providing(_) => quote!(__S),
        }
    }
}
