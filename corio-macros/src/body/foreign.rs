//! Macros that are not ours: what stands in their arguments may still be the task's own code.
//!
//! Most macros take expressions (`println!`, `vec!`, `assert!`), some statements (`vec![x; n]`
//! reads as two), some an expression and a grammar of their own (`matches!(x, Some(_) if y)`). The
//! first reading that parses is taken; failing that, plain tokens. Arguments that hold nothing of
//! ours stay exactly as they were.

use super::Rewriter;
use super::place::Place;
use super::tokens::{awaits, mention};
use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::visit_mut::VisitMut;
use syn::{Block, Expr, ItemMacro, Macro, Token};

impl Rewriter<'_> {
    pub(super) fn foreign(&mut self, mac: &mut Macro) {
        // What is made into text is not run.
        let quoted = mac.path.segments.last().is_some_and(|last| last.ident == "stringify");
        let concerns_us = mention(mac.tokens.clone()).is_some()
            || self.place == Place::Task && awaits(mac.tokens.clone());
        if !quoted && concerns_us {
            let arguments = std::mem::take(&mut mac.tokens);
            mac.tokens = self.behind(|inner| inner.foreign_arguments(arguments));
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

    /// A macro in item position. A `macro_rules!` of the user's own can't hold our macros: where it
    /// is used is not known here, and may be no task.
    pub(super) fn macro_item(&mut self, item: &mut ItemMacro) {
        if item.ident.is_none() {
            return self.foreign(&mut item.mac);
        }
        let Some(invocation) = mention(item.mac.tokens.clone()) else { return };
        let name = invocation.construct.name();
        self.errors.at(
            invocation.span,
            format!(
                "`{name}!` can't stand in a `macro_rules!` inside a task: make it a task and run \
                 that with `call!`"
            ),
        );
        // What uses it goes on with an expression that agrees with any type.
        item.mac.tokens = quote!(($($tokens:tt)*) => { ::corio::__private::returns() };);
    }
}

fn first_expression(input: ParseStream) -> syn::Result<(Expr, TokenStream)> {
    Ok((input.parse()?, input.parse()?))
}
