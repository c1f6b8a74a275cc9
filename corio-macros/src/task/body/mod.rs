//! The body of a task: each `io!(r)` becomes a call into the runtime, awaited in place.
//!
//! The same tokens are read in three ways, each where the one before does not apply:
//!
//! - `tree.rs` walks the syntax tree, and so knows closures, async blocks and nested functions,
//!   where a task can't wait;
//! - `foreign.rs` reads the arguments of other macros, as expressions or statements where the
//!   arguments parse as such;
//! - `tokens.rs` finds `io ! (…)` in plain tokens, for what does not parse: macros with a grammar
//!   of their own, and half-typed code.
//!
//! Each ends in `constructs.rs` (`block.rs` for `task!`), which desugars one invocation. The rest:
//!
//! - `names.rs`: which macros are ours, and how an invocation is recognised;
//! - `place.rs`: where an invocation may stand;
//! - `guard.rs`: has rustc check the place where the walk can't see it;
//! - `rewriter.rs`: the state of the walk;
//! - `async_block.rs`: what stands around the statements.
//!
//! Terms: a *construct* is one of our macros; an *invocation* is one use of a construct; the
//! *frame* is the local `__corio`, on which the constructs are called.
//!
//! # Invariants
//!
//! - The arguments of an invocation need not parse.
//! - Each mistake is reported once, in place of the expression that holds the mistake.
//! - All generated tokens but the frame's name carry spans of what the user wrote, so that type
//!   errors are shown there.

mod async_block;
mod block;
mod constructs;
mod foreign;
mod guard;
mod names;
mod place;
mod rewriter;
#[cfg(test)]
mod tests;
mod tokens;
mod tree;

pub(super) use async_block::{braced, constructor, frame, return_type_hint};
pub(super) use rewriter::EnclosingTask;

use crate::errors::Errors;
use place::Place;
use proc_macro2::TokenStream;
use rewriter::Rewriter;
use syn::Block;
use syn::parse::Parser;

/// Rewrites the statements of a task function's body.
pub(super) fn rewrite(
    body: TokenStream,
    task: &EnclosingTask<'_>,
    errors: &mut Errors,
) -> TokenStream {
    Rewriter { task, errors, place: Place::Task, opaque: false, guarded: false }.task_body(body)
}

impl Rewriter<'_> {
    /// Rewrites the statements of a task: those of the function, or those of a `task!` in it.
    fn task_body(&mut self, stream: TokenStream) -> TokenStream {
        let outer = (self.place, self.opaque, self.guarded);
        (self.place, self.opaque, self.guarded) = (Place::Task, false, false);
        let statements = self.statements(stream);
        let labelled = if self.guarded { guard::label(statements) } else { statements };
        (self.place, self.opaque, self.guarded) = outer;
        labelled
    }

    /// Rewrites statements: as a syntax tree if the statements parse, as plain tokens otherwise.
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
