//! `task!`: makes a task of a block, as a closure makes a function of one.

use super::async_block::{braced, constructor, frame, return_type_hint};
use super::names::Invocation;
use super::rewriter::Rewriter;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{ReturnType, Token};

/// The arguments of `task!`: an optional `move`, an optional `-> R`, and the block.
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
        let context = self.task.context;
        let (frame, constructor) = (frame(context), constructor(context, span));
        let hint = match output {
            ReturnType::Default => None,
            ReturnType::Type(_, output) => return_type_hint(&output),
        };
        let block = braced(quote!(#frame #hint #statements), body.span());
        // `async` is shown where the block begins. If the block borrows what it should own, rustc
        // proposes a `move` at that place, and so `task!(move { … })`.
        let asynchronous = Token![async](block.span_open());
        quote_spanned!(span=> #constructor(#asynchronous #capture #block))
    }
}

/// Parses the arguments. If they are no block with an optional head, all of them are the block's
/// statements: `task! { a; b }`, `task!(expression)`.
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
