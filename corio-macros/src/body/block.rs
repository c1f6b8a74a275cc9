//! `task!`: a task from a block, in the place of a closure.

use super::names::Invocation;
use super::{Rewriter, braced, frame};
use crate::task::expand::{constructor, seed};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{ReturnType, Token};

/// What stands before the block: `move`, `-> R`, both or neither; and the block's statements.
struct TaskBlock {
    capture: Option<Token![move]>,
    output: ReturnType,
    body: Group,
}

impl Rewriter<'_> {
    /// Desugar from `task!(move -> R { … })` into the expansion of a task function's body:
    /// `::corio::__private::task::<Context, _>(async move { let __corio = …; if false { return …; }
    /// … })`.
    pub(super) fn task_block(&mut self, invocation: Invocation) -> TokenStream {
        let span = invocation.span;
        let TaskBlock { capture, output, body } = parse(invocation);
        let statements = self.task_body(body.stream());
        let context = self.owner.context;
        let (frame, constructor) = (frame(context), constructor(context, span));
        let seed = match output {
            ReturnType::Default => None,
            ReturnType::Type(_, output) => seed(&output),
        };
        let block = braced(quote!(#frame #seed #statements), body.span());
        // Shown where the block begins: if it borrows what it should own, rustc proposes to put the
        // `move` there, and so `task!(move { … })`.
        let asynchronous = Token![async](block.span_open());
        quote_spanned!(span=> #constructor(#asynchronous #capture #block))
    }
}

/// Without a head, everything is the block: `task! { a; b }`, `task!(expression)`.
fn parse(invocation: Invocation) -> TaskBlock {
    let whole = || TaskBlock {
        capture: None,
        output: ReturnType::Default,
        body: braced(invocation.arguments.clone(), invocation.delimiters.join()),
    };
    syn::parse2(invocation.arguments.clone()).unwrap_or_else(|_| whole())
}

impl Parse for TaskBlock {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let capture = input.parse()?;
        let output = input.parse()?;
        match input.parse()? {
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace && input.is_empty() => {
                Ok(TaskBlock { capture, output, body })
            }
            other => Err(syn::Error::new_spanned(other, "expected a block")),
        }
    }
}
