//! Macros that are not ours: their arguments may hold code of the task.
//!
//! Most macros take expressions (`println!`, `vec!`, `assert!`), some take statements (`vec![x; n]`
//! parses as two), and some take an expression followed by a grammar of their own (`matches!(x,
//! Some(_) if y)`). The arguments are read in the first of these forms that parses, and otherwise
//! as plain tokens. Arguments that hold no construct and no `.await` stay exactly as they were.

use super::place::Place;
use super::rewriter::Rewriter;
use super::tokens::{contains_await, first_invocation};
use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::visit_mut::VisitMut;
use syn::{Block, Expr, ItemMacro, Macro, Token};

impl Rewriter<'_> {
    /// Rewrites the arguments of a foreign macro.
    pub(super) fn foreign(&mut self, mac: &mut Macro) {
        // `stringify!` makes text of its arguments, and runs none of them.
        let quoted = mac.path.segments.last().is_some_and(|last| last.ident == "stringify");
        let holds_ours = first_invocation(mac.tokens.clone()).is_some()
            || self.place == Place::Task && contains_await(mac.tokens.clone());
        if !quoted && holds_ours {
            let arguments = std::mem::take(&mut mac.tokens);
            mac.tokens = self.opaquely(|inner| inner.foreign_arguments(arguments));
        }
    }

    fn foreign_arguments(&mut self, arguments: TokenStream) -> TokenStream {
        if let Ok(mut expressions) =
            Punctuated::<Expr, Token![,]>::parse_terminated.parse2(arguments.clone())
        {
            expressions.iter_mut().for_each(|expression| self.visit_expr_mut(expression));
            return quote!(#expressions);
        }
        if let Ok(mut statements) = Block::parse_within.parse2(arguments.clone()) {
            self.visit_statements(&mut statements);
            return quote!(#(#statements)*);
        }
        if let Ok((mut first, rest)) = first_expression.parse2(arguments.clone()) {
            self.visit_expr_mut(&mut first);
            let rest = self.tokens(rest);
            return quote!(#first #rest);
        }
        self.tokens(arguments)
    }

    /// Rewrites a macro in item position. A `macro_rules!` of the user's can't hold a construct:
    /// the places where the `macro_rules!` is used are not known here, and need not be a task's
    /// code.
    pub(super) fn macro_item(&mut self, item: &mut ItemMacro) {
        if item.ident.is_none() {
            return self.foreign(&mut item.mac);
        }
        let Some(invocation) = first_invocation(item.mac.tokens.clone()) else { return };
        let name = invocation.construct.name();
        self.errors.at(
            invocation.span,
            format!(
                "`{name}!` can't stand in a `macro_rules!` inside a task: make it a task and run \
                 that with `call!`"
            ),
        );
        // Its uses become an expression that agrees with any type, so that no second error follows.
        item.mac.tokens = quote!(($($tokens:tt)*) => { ::corio::__private::returns() };);
    }
}

/// Parses an expression, and returns the tokens after it unparsed.
fn first_expression(input: ParseStream) -> syn::Result<(Expr, TokenStream)> {
    Ok((input.parse()?, input.parse()?))
}
