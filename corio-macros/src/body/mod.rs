//! The body of a task: each `io!(r)` becomes a call into the runtime, waited for in place.
//!
//! Three views of the same tokens, each used where the one before does not apply:
//!
//! - `tree.rs` walks the syntax tree, and so knows closures, async blocks and nested functions,
//!   where a task can't wait;
//! - `foreign.rs` looks into the arguments of other macros, as expressions or statements where they
//!   parse as such;
//! - `tokens.rs` finds `io ! (…)` in plain tokens, for what does not parse: macros with a grammar
//!   of their own, and code that is half typed.
//!
//! All end in `constructs.rs` (and `block.rs` for `task!`), which desugars one invocation;
//! `names.rs` says which names are ours, `place.rs` where they may stand, and `guard.rs` lets rustc
//! check that where the walk can't see it.
//!
//! What must hold: the arguments of an invocation need not parse; each mistake is reported once, in
//! place of the expression it is in; and all generated tokens but the frame's name carry the spans
//! of what the user wrote, so that type errors land there.

mod block;
mod constructs;
mod foreign;
mod guard;
mod names;
mod place;
#[cfg(test)]
mod tests;
mod tokens;
mod tree;

use crate::errors::Errors;
use crate::task::model::Context;
use place::Place;
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::Block;
use syn::parse::Parser;

/// The task around the body that is rewritten.
pub(crate) struct Owner<'a> {
    /// What its frame is for.
    pub(crate) context: &'a Context,
    /// The function's name, by which a task that calls itself is known.
    pub(crate) name: &'a Ident,
    /// Whether the function takes `self`, so that its own calls read `self.name(..)`.
    pub(crate) method: bool,
}

/// Rewrites the statements of a task function's body.
pub(crate) fn rewrite(body: TokenStream, owner: &Owner<'_>, errors: &mut Errors) -> TokenStream {
    Rewriter { owner, errors, place: Place::Task, unseen: false, guarded: false }.task_body(body)
}

/// Braces around the statements of a task, shown where the user's braces stand.
pub(crate) fn braced(statements: TokenStream, at: Span) -> Group {
    let mut block = Group::new(Delimiter::Brace, statements);
    block.set_span(at);
    block
}

/// The walk over one body.
struct Rewriter<'a> {
    owner: &'a Owner<'a>,
    /// For mistakes that nothing can stand in place of.
    errors: &'a mut Errors,
    place: Place,
    /// Whether something stands around this code that the walk can't see through: another macro,
    /// or plain tokens. See `guard.rs`.
    unseen: bool,
    /// Whether the body of the innermost task holds a guard, and so needs the label.
    guarded: bool,
}

impl Rewriter<'_> {
    /// The statements of a task, wherever it stands.
    fn task_body(&mut self, stream: TokenStream) -> TokenStream {
        let outer = (self.place, self.unseen, self.guarded);
        (self.place, self.unseen, self.guarded) = (Place::Task, false, false);
        let statements = self.statements(stream);
        let labelled = if self.guarded { guard::label(statements) } else { statements };
        (self.place, self.unseen, self.guarded) = outer;
        labelled
    }

    /// Statements, as a tree where they parse.
    fn statements(&mut self, stream: TokenStream) -> TokenStream {
        match Block::parse_within.parse2(stream.clone()) {
            Ok(mut statements) => {
                self.visit_statements(&mut statements);
                quote::quote!(#(#statements)*)
            }
            Err(_) => self.tokens(stream),
        }
    }
}

/// `let __corio: Frame<Context> = unsafe { Frame::new() };`: what the constructs of one task are
/// called on. Bound and used by the same expansion only, under a name no user code can see. Nothing
/// of the user's stands within the `unsafe`; and as none of it has a span of the user's, no lint
/// looks at it, be `unsafe_code` forbidden in that crate.
pub(crate) fn frame(context: &Context) -> TokenStream {
    let name = frame_name(Span::mixed_site());
    let context = context.frame_type();
    quote_spanned!(Span::mixed_site()=> let #name: ::corio::__private::Frame<#context> = unsafe { ::corio::__private::Frame::new() };)
}

/// The frame's name, shown at `at`.
fn frame_name(at: Span) -> Ident {
    Ident::new("__corio", Span::mixed_site().located_at(at))
}
