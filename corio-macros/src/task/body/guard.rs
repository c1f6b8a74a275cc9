//! The guard: has rustc check that a construct waits in the task's own code, where the walk can't.
//!
//! Children borrow from the frame that waits for them, and an answer goes to the task that asked.
//! Both are sound only because that frame is the task's own async block, which user code never
//! holds: a future that user code holds can be polled once and then forgotten. The walk refuses
//! constructs in the closures and async blocks of the syntax tree. But another macro may put its
//! arguments into an async block of its own, and plain tokens have no syntax tree.
//!
//! For such code, the task's body gets a label, and each construct that waits gets a `break` to
//! that label, never reached. A label does not reach into closures and async blocks, so rustc
//! refuses the `break` there (E0767, "use of unreachable label").

use super::rewriter::Rewriter;
use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::Lifetime;

impl Rewriter<'_> {
    /// Runs `rewrite` on code that is enclosed in a macro or in plain tokens.
    pub(super) fn opaquely<T>(&mut self, rewrite: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.opaque, true);
        let rewritten = rewrite(self);
        self.opaque = outer;
        rewritten
    }

    /// Desugar from `&__corio`, in opaque code, into `if false { break 'label … } else { &__corio
    /// }`.
    pub(super) fn guard(&mut self, frame: TokenStream, at: Span) -> TokenStream {
        if !self.opaque {
            return frame;
        }
        self.guarded = true;
        let at = Span::mixed_site().located_at(at);
        let label = Lifetime::new(LABEL, at);
        quote_spanned!(at=> if false { break #label ::corio::__private::returns() } else { #frame })
    }
}

/// Returns `'label: { statements }`.
pub(super) fn label(statements: TokenStream) -> TokenStream {
    let label = Lifetime::new(LABEL, Span::mixed_site());
    quote_spanned!(Span::mixed_site()=> #label: { #statements })
}

/// The label. rustc's message names it, so the name says what is wrong.
pub(super) const LABEL: &str = "'__corio_cannot_wait_in_a_closure_or_async_block";
