//! Lets rustc check that a construct waits in the task's own code, where the walk can't know.
//!
//! Children borrow from the frame that waits for them, and an answer goes to the task that asked.
//! Both are sound only because that frame is the task's own async block, which user code never
//! holds: a future that user code holds can be polled once and forgotten. The walk refuses our
//! macros in closures and async blocks that it sees. But another macro may put its arguments into
//! an async block of its own, and in plain tokens nothing is seen.
//!
//! So behind those the body gets a label, and what waits a `break` to it that is never reached. A
//! label does not reach into closures and async blocks: rustc refuses the `break` there (E0767,
//! "use of unreachable label").

use super::Rewriter;
use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::Lifetime;

impl Rewriter<'_> {
    /// Rewrites what stands behind something that the walk can't see through.
    pub(super) fn behind<T>(&mut self, rewrite: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.unseen, true);
        let rewritten = rewrite(self);
        self.unseen = outer;
        rewritten
    }

    /// Desugar from `&__corio`, where the walk can't see, into `if false { break 'label … } else {
    /// &__corio }`.
    pub(super) fn guard(&mut self, frame: TokenStream, at: Span) -> TokenStream {
        if !self.unseen {
            return frame;
        }
        self.guarded = true;
        let at = Span::mixed_site().located_at(at);
        let label = Lifetime::new(LABEL, at);
        quote_spanned!(at=> if false { break #label ::corio::__private::returns() } else { #frame })
    }
}

/// `'label: { statements }`
pub(super) fn label(statements: TokenStream) -> TokenStream {
    let label = Lifetime::new(LABEL, Span::mixed_site());
    quote_spanned!(Span::mixed_site()=> #label: { #statements })
}

/// It stands in rustc's message, and so says what is wrong.
pub(super) const LABEL: &str = "'__corio_cannot_wait_in_a_closure_or_async_block";
