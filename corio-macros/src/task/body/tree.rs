//! The walk over the syntax tree of a body: replaces each invocation, and keeps track of the place.

use super::names::Invocation;
use super::place::Place;
use super::rewriter::Rewriter;
use crate::errors::error_expression;
use proc_macro2::TokenStream;
use quote::quote;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Attribute, Block, Expr, ExprAwait, ExprMacro, ImplItem, Item, Stmt, StmtMacro, Token, TraitItem,
};

impl Rewriter<'_> {
    /// Runs `walk` on code that stands in an `inner`.
    fn within(&mut self, inner: Place, walk: impl FnOnce(&mut Self)) {
        let outer = self.place;
        self.place = outer.enter(inner);
        walk(self);
        self.place = outer;
    }

    /// Rewrites statements; an invocation in statement position becomes an expression statement.
    pub(super) fn visit_statements(&mut self, statements: &mut [Stmt]) {
        let Some(last) = statements.len().checked_sub(1) else { return };
        for (position, statement) in statements.iter_mut().enumerate() {
            match statement {
                Stmt::Macro(invoked) => self
                    .statement_macro(invoked, position == last)
                    .into_iter()
                    .for_each(|rewritten| *statement = rewritten),
                other => visit_mut::visit_stmt_mut(self, other),
            }
        }
    }

    /// The statement that replaces a macro's, if the macro is a construct. In the middle of a
    /// block, `wait! {}` needs no semicolon, but the expression that replaces it does.
    fn statement_macro(&mut self, invoked: &mut StmtMacro, last: bool) -> Option<Stmt> {
        let Some(invocation) = Invocation::from_macro(&invoked.mac) else {
            self.foreign(&mut invoked.mac);
            return None;
        };
        let expression = with_attributes(&invoked.attrs, self.invocation(invocation));
        let semicolon = invoked.semi_token.or_else(|| (!last).then(<Token![;]>::default));
        Some(Stmt::Expr(expression, semicolon))
    }

    /// Desugar from `future.await`, which is refused in a task, into an error. The operand is kept
    /// beside the error, so that mistakes in the operand are reported too.
    fn refused_await(&mut self, awaiting: &ExprAwait) -> Expr {
        let error = error_expression(
            awaiting.await_token.span,
            "a task doesn't `.await`: ask for a request with `io!(…)`, run a task with `call!(…)`, \
             wait for any other future with `wait!(…)`",
        );
        let operand = &awaiting.base;
        Expr::Verbatim(quote!((#operand, #error).1))
    }
}

impl VisitMut for Rewriter<'_> {
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        match expression {
            Expr::Macro(ExprMacro { attrs, mac }) => match Invocation::from_macro(mac) {
                Some(invocation) => {
                    *expression = with_attributes(attrs, self.invocation(invocation))
                }
                None => self.foreign(mac),
            },
            Expr::Await(awaiting) => {
                self.visit_expr_mut(&mut awaiting.base);
                if self.place == Place::Task {
                    *expression = self.refused_await(awaiting);
                }
            }
            Expr::Closure(closure) => {
                let place =
                    if closure.asyncness.is_some() { Place::AsyncBlock } else { Place::Closure };
                self.within(place, |inner| visit_mut::visit_expr_closure_mut(inner, closure));
            }
            Expr::Async(block) => self
                .within(Place::AsyncBlock, |inner| visit_mut::visit_expr_async_mut(inner, block)),
            Expr::Const(block) => {
                self.within(Place::Constant, |inner| visit_mut::visit_expr_const_mut(inner, block))
            }
            // syn passes on syntax that it does not know as tokens.
            Expr::Verbatim(tokens) => *tokens = self.tokens(std::mem::take(tokens)),
            other => visit_mut::visit_expr_mut(self, other),
        }
    }

    fn visit_block_mut(&mut self, block: &mut Block) {
        self.visit_statements(&mut block.stmts);
    }

    fn visit_item_mut(&mut self, item: &mut Item) {
        match item {
            Item::Const(_) | Item::Static(_) => {
                self.within(Place::Constant, |inner| visit_mut::visit_item_mut(inner, item))
            }
            Item::Fn(function) if is_task(&function.attrs) => {}
            Item::Fn(_) => {
                self.within(Place::NestedFunction, |inner| visit_mut::visit_item_mut(inner, item))
            }
            Item::Macro(definition) => self.macro_item(definition),
            other => visit_mut::visit_item_mut(self, other),
        }
    }

    fn visit_impl_item_mut(&mut self, item: &mut ImplItem) {
        match item {
            ImplItem::Fn(function) if is_task(&function.attrs) => {}
            ImplItem::Fn(_) => self
                .within(Place::NestedFunction, |inner| visit_mut::visit_impl_item_mut(inner, item)),
            other => {
                self.within(Place::Constant, |inner| visit_mut::visit_impl_item_mut(inner, other))
            }
        }
    }

    fn visit_trait_item_mut(&mut self, item: &mut TraitItem) {
        match item {
            TraitItem::Fn(function) if is_task(&function.attrs) => {}
            TraitItem::Fn(_) => self.within(Place::NestedFunction, |inner| {
                visit_mut::visit_trait_item_mut(inner, item)
            }),
            other => {
                self.within(Place::Constant, |inner| visit_mut::visit_trait_item_mut(inner, other))
            }
        }
    }
}

/// Puts the attributes of the macro before the expression that replaces it.
fn with_attributes(attributes: &[Attribute], expression: TokenStream) -> Expr {
    Expr::Verbatim(quote!(#(#attributes)* #expression))
}

/// Whether a nested function is a task of its own, which its own attribute rewrites.
fn is_task(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        let ours = path.segments.len() == 1 || path.segments[0].ident == "corio";
        ours && path.segments.last().is_some_and(|last| last.ident == "task")
    })
}
