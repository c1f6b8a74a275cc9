//! Desugars one invocation.
//!
//! `__corio.io(r)` below is short for `::corio::__private::Frame::io(&__corio, ||
//! ::corio::__private::here(), r)`, which is what is written: a call that begins and ends with
//! tokens of the user's own spans, the path at the macro's name and `.await` at its closing
//! delimiter. So rustc shows an error about the whole on all of `io!(r)`, and one about an argument
//! on the argument. The frame's name can't have such a span, or user code could see it.

use super::names::{Construct, Invocation};
use super::place::Place;
use super::{Owner, Rewriter, frame_name};
use crate::errors::error_expression;
use crate::task::model::Context;
use proc_macro2::{Delimiter, Group, Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit_mut::VisitMut;
use syn::{Expr, ExprCall, ExprLit, ExprMethodCall, Lit, Token};

/// The most that can be asked for, or run, side by side: each number is a tuple of its own in the
/// runtime.
const MOST: usize = 8;

impl Rewriter<'_> {
    pub(super) fn invocation(&mut self, invocation: Invocation) -> TokenStream {
        if let Some(refusal) = self.place.refusal(invocation.construct) {
            return error_expression(invocation.span, refusal);
        }
        match invocation.construct {
            Construct::Io => self.io(invocation),
            Construct::IoAll | Construct::All | Construct::TryAll => self.iterator(invocation),
            Construct::Call => self.call(invocation),
            Construct::Spawn => self.spawn(invocation),
            Construct::Join | Construct::TryJoin | Construct::Race => self.children(invocation),
            Construct::Wait => self.wait(invocation),
            Construct::Timeout => self.timeout(invocation),
            Construct::Context => self.context(invocation),
            Construct::Task => self.task_block(invocation),
        }
    }

    /// Desugar from `io!(r)` into `__corio.io(r).await`, and from `io!(a, b)` into
    /// `__corio.join((__corio.request(a), __corio.request(b),)).await`.
    fn io(&mut self, io: Invocation) -> TokenStream {
        let arguments = self.arguments(&io);
        match arguments.as_slice() {
            [] => wrong(&io, "`io!` asks for a request: `io!(fetch(key))`"),
            [request] => self.waited(&io, "io", request),
            several if several.len() > MOST => wrong(
                &io,
                format!(
                    "`io!` takes at most {MOST} requests; for more of one kind use `io_all!(iter)`"
                ),
            ),
            several => self.together(io, "join", "request", several),
        }
    }

    /// Desugar from `io_all!(iter)` into `__corio.io_all(iter).await`; `all!` and `try_all!`
    /// likewise; and from `all!(limit = n, iter)` into `__corio.all_within(n, iter).await`.
    fn iterator(&mut self, all: Invocation) -> TokenStream {
        let name = all.construct.name();
        let side_by_side = match all.construct {
            Construct::IoAll => "io",
            Construct::All => "join",
            _ => "try_join",
        };
        match self.limited(&all) {
            Ok(None) => {}
            Ok(Some((limit, iterator))) => {
                let both = quote_spanned!(all.span=> #limit, #iterator);
                return self.waited(&at_name(all), &format!("{name}_within"), &both);
            }
            Err(wrong) => return wrong,
        }
        match self.single_argument(&all) {
            Some(iterator) => self.waited(&at_name(all), name, &iterator),
            None => wrong(
                &all,
                format!(
                    "`{name}!` takes one iterator: `{name}!(items.iter().map(…))`; for several \
                     side by side use `{side_by_side}!(a, b)`"
                ),
            ),
        }
    }

    /// The limit and the iterator of `all!(limit = n, iter)`, if there is one.
    fn limited(
        &mut self,
        all: &Invocation,
    ) -> Result<Option<(TokenStream, TokenStream)>, TokenStream> {
        let Ok(arguments) =
            Punctuated::<Expr, Token![,]>::parse_terminated.parse2(all.arguments.clone())
        else {
            return Ok(None);
        };
        let mut arguments = arguments.into_iter();
        let Some(Expr::Assign(option)) = arguments.next() else { return Ok(None) };
        let name = all.construct.name();
        if all.construct == Construct::IoAll {
            return Err(wrong(
                all,
                "`io_all!` has no options: how many requests go out at once is the dispatcher's \
                 `max_batch`",
            ));
        }
        if !matches!(&*option.left, Expr::Path(path) if path.path.is_ident("limit")) {
            return Err(error_expression(
                option.left.span(),
                format!("`{name}!` has one option, `limit`: `{name}!(limit = 32, iter)`"),
            ));
        }
        if matches!(&*option.right, Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) if number.base10_digits() == "0")
        {
            return Err(error_expression(
                option.right.span(),
                "a limit of at least 1, or no child would ever run",
            ));
        }
        match (arguments.next(), arguments.next()) {
            (Some(iterator), None) => {
                Ok(Some((self.expression(*option.right), self.expression(iterator))))
            }
            _ => Err(wrong(
                all,
                format!(
                    "`{name}!` takes a limit and one iterator: `{name}!(limit = 32, \
                     items.iter().map(…))`"
                ),
            )),
        }
    }

    /// Desugar from `call!(t)` into `__corio.call(t).await`; in `fn walk`, from `call!(walk(x))`
    /// into `__corio.call(::corio::boxed(walk(x))).await`, since a future can't hold itself.
    fn call(&mut self, call: Invocation) -> TokenStream {
        let itself = syn::parse2::<Expr>(call.arguments.clone())
            .is_ok_and(|task| calls_itself(&task, self.owner));
        match self.single_argument(&call) {
            Some(task) if itself => {
                self.waited(&call, "call", &quote_spanned!(call.span=> ::corio::boxed(#task)))
            }
            Some(task) => self.waited(&call, "call", &task),
            None => wrong(
                &call,
                "`call!` runs one task: `call!(task(..))`; for several side by side use `join!(a, \
                 b)`",
            ),
        }
    }

    /// Desugar from `spawn!(t)` into `__corio.spawn(__corio.room().await, t).__corio_handle()`.
    fn spawn(&mut self, spawn: Invocation) -> TokenStream {
        match self.single_argument(&spawn) {
            Some(task) => {
                let room = self.waited(&spawn, "room", &TokenStream::new());
                let spawned = asked(
                    &frame(&spawn),
                    &spawn,
                    "spawn",
                    &quote_spanned!(spawn.span=> #room, #task),
                );
                quote_spanned!(spawn.delimiters.close()=> #spawned.__corio_handle())
            }
            None => wrong(&spawn, "`spawn!` starts one task: `spawn!(task(..))`"),
        }
    }

    /// Desugar from `join!(a, b)` into `__corio.join((__corio.child(a), __corio.child(b),)).await`;
    /// `try_join!` and `race!` likewise.
    fn children(&mut self, children: Invocation) -> TokenStream {
        let name = children.construct.name();
        let arguments = self.arguments(&children);
        match arguments.len() {
            0 => wrong(
                &children,
                format!("`{name}!` runs tasks and requests side by side: `{name}!(a, b)`"),
            ),
            1..=MOST => self.together(children, name, "child", &arguments),
            _ if children.construct == Construct::Race => {
                wrong(&children, format!("`race!` takes at most {MOST}"))
            }
            _ => wrong(
                &children,
                format!(
                    "`{name}!` takes at most {MOST}; for more of one kind use `{}!(iter)`",
                    name.replace("join", "all")
                ),
            ),
        }
    }

    /// Desugar from `wait!()` into `__corio.wait().await`.
    fn wait(&mut self, wait: Invocation) -> TokenStream {
        if wait.arguments.is_empty() {
            self.waited(&wait, "wait", &TokenStream::new())
        } else {
            wrong(
                &wait,
                "`wait!()` takes nothing: it waits for every child spawned so far; for one of \
                 them use `call!(handle)`",
            )
        }
    }

    /// Desugar from `timeout!(duration, t)` into `__corio.timeout(duration,
    /// __corio.called_child(t)).await`.
    fn timeout(&mut self, timeout: Invocation) -> TokenStream {
        let arguments = self.arguments(&timeout);
        match arguments.as_slice() {
            [duration, task] => {
                let task = asked(&frame(&timeout), &timeout, "called_child", task);
                let both = quote_spanned!(timeout.span=> #duration, #task);
                self.waited(&at_name(timeout), "timeout", &both)
            }
            _ => wrong(
                &timeout,
                "`timeout!` takes a duration and one task: `timeout!(Duration::from_secs(2), \
                 task(..))`",
            ),
        }
    }

    /// Desugar from `context!()` into `__corio.context()`.
    fn context(&mut self, context: Invocation) -> TokenStream {
        if !context.arguments.is_empty() {
            wrong(&context, "`context!()` takes nothing")
        } else if matches!(self.owner.context, Context::Any) {
            wrong(&context, "this task names no context: write `#[corio::task(Context)]`")
        } else {
            // Not awaited, but a closure that has it would see the context of whatever run is being
            // turned when it is called.
            let frame = self.guard(frame(&context), context.span);
            asked(&frame, &context, "context", &TokenStream::new())
        }
    }

    /// `__corio.method(|| here(), argument).await`
    fn waited(
        &mut self,
        invocation: &Invocation,
        method: &str,
        argument: &TokenStream,
    ) -> TokenStream {
        let frame = self.guard(frame(invocation), invocation.span);
        // A closure, as its line is then in its type.
        let line = quote_spanned!(invocation.span=> || ::corio::__private::here());
        let asked =
            asked(&frame, invocation, method, &quote_spanned!(invocation.span=> #line, #argument));
        quote_spanned!(invocation.delimiters.close()=> #asked.await)
    }

    /// `__corio.method((__corio.child(a), __corio.child(b),)).await`: each argument in a call of
    /// its own, so that a mistake in one is shown on that one.
    fn together(
        &mut self,
        invocation: Invocation,
        method: &str,
        child: &str,
        arguments: &[TokenStream],
    ) -> TokenStream {
        let children = arguments
            .iter()
            .map(|argument| asked(&frame(&invocation), &invocation, child, argument));
        let children = quote_spanned!(invocation.span=> (#(#children,)*));
        self.waited(&at_name(invocation), method, &children)
    }

    /// The arguments, each rewritten. Those that do not parse are passed on as they are: rustc will
    /// say why, and an editor can still complete them.
    fn arguments(&mut self, invocation: &Invocation) -> Vec<TokenStream> {
        let stream = invocation.arguments.clone();
        match Punctuated::<Expr, Token![,]>::parse_terminated.parse2(stream.clone()) {
            Ok(arguments) => {
                arguments.into_iter().map(|argument| self.expression(argument)).collect()
            }
            Err(_) => split_at_commas(stream)
                .into_iter()
                .map(|argument| self.raw_expression(argument))
                .collect(),
        }
    }

    /// The one argument, rewritten, or `None` if there are more or fewer. One that does not parse
    /// counts as one: its commas may stand between `<` and `>`.
    fn single_argument(&mut self, invocation: &Invocation) -> Option<TokenStream> {
        let stream = invocation.arguments.clone();
        match Punctuated::<Expr, Token![,]>::parse_terminated.parse2(stream.clone()) {
            Ok(arguments) if arguments.len() != 1 => None,
            Ok(arguments) => arguments.into_iter().next().map(|argument| self.expression(argument)),
            Err(_) => Some(self.tokens(stream)),
        }
    }

    fn raw_expression(&mut self, argument: TokenStream) -> TokenStream {
        match syn::parse2(argument.clone()) {
            Ok(argument) => self.expression(argument),
            Err(_) => self.tokens(argument),
        }
    }

    fn expression(&mut self, mut expression: Expr) -> TokenStream {
        debug_assert!(self.place == Place::Task);
        self.visit_expr_mut(&mut expression);
        expression.into_token_stream()
    }
}

/// `__corio.method(argument)`
fn asked(
    frame: &TokenStream,
    invocation: &Invocation,
    method: &str,
    argument: &TokenStream,
) -> TokenStream {
    let method = Ident::new(method, invocation.span);
    let function = quote_spanned!(invocation.span=> ::corio::__private::Frame::#method);
    let mut arguments =
        Group::new(Delimiter::Parenthesis, quote_spanned!(invocation.span=> #frame, #argument));
    arguments.set_span(invocation.delimiters.join());
    quote!(#function #arguments)
}

/// `&__corio`
fn frame(invocation: &Invocation) -> TokenStream {
    let frame = frame_name(invocation.span);
    quote_spanned!(invocation.span=> &#frame)
}

/// The same, shown at the macro's name alone: rustc says what is wrong with a set of children once
/// for each place that it could be shown at.
fn at_name(mut invocation: Invocation) -> Invocation {
    let mut name = Group::new(Delimiter::Parenthesis, TokenStream::new());
    name.set_span(invocation.span);
    invocation.delimiters = name.delim_span();
    invocation
}

fn wrong(invocation: &Invocation, message: impl std::fmt::Display) -> TokenStream {
    error_expression(invocation.span, message)
}

/// Whether the task is the one it stands in: `walk(..)`, `Self::walk(..)`, `self.walk(..)` or
/// `child.walk(..)` in `walk`. A method of the same name on another type is taken for it too, which
/// costs a box.
fn calls_itself(task: &Expr, owner: &Owner<'_>) -> bool {
    match task {
        Expr::Call(ExprCall { func, .. }) => {
            let Expr::Path(function) = &**func else { return false };
            let names: Vec<&Ident> =
                function.path.segments.iter().map(|segment| &segment.ident).collect();
            match names.as_slice() {
                [name] => !owner.method && *name == owner.name,
                [of, name] => *of == "Self" && *name == owner.name,
                _ => false,
            }
        }
        Expr::MethodCall(ExprMethodCall { method, .. }) => owner.method && method == owner.name,
        _ => false,
    }
}

fn split_at_commas(stream: TokenStream) -> Vec<TokenStream> {
    let mut arguments = vec![TokenStream::new()];
    for token in stream {
        if super::names::is_punct(Some(&token), ',') {
            arguments.push(TokenStream::new());
        } else if let Some(argument) = arguments.last_mut() {
            argument.extend([token]);
        }
    }
    arguments.retain(|argument| !argument.is_empty());
    arguments
}
