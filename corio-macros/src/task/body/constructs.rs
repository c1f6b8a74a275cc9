//! Desugars one invocation.
//!
//! In the comments below, `__corio.io(r)` is short for `::corio::__private::Frame::io(&__corio, ||
//! ::corio::__private::here(), r)`, which is what the expansion holds.
//!
//! Such a call begins and ends with tokens of the user's spans: the path is shown at the macro's
//! name and `.await` at its closing delimiter. So rustc shows an error about the whole on all of
//! `io!(r)`, and an error about an argument on the argument. The frame's name can't have such a
//! span, or user code could see the frame.

use super::async_block::frame_name;
use super::names::{Construct, Invocation};
use super::place::Place;
use super::rewriter::{EnclosingTask, Rewriter};
use crate::errors::error_expression;
use crate::task::model::Context;
use proc_macro2::{Delimiter, Group, Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit_mut::VisitMut;
use syn::{Expr, ExprCall, ExprLit, ExprMethodCall, Lit, Token};

/// The largest number of arguments of `io!`, `join!`, `try_join!` and `race!`: the runtime has an
/// impl for each size of tuple up to this one.
const MAX_ARITY: usize = 8;

impl Rewriter<'_> {
    /// Returns the expression that an invocation becomes: an error if the construct can't stand
    /// there.
    pub(super) fn invocation(&mut self, invocation: Invocation) -> TokenStream {
        if let Some(refusal) = self.place.refusal(invocation.construct) {
            return error_expression(invocation.span, refusal);
        }
        match invocation.construct {
            Construct::Io => self.io(invocation),
            Construct::IoAll | Construct::All | Construct::TryAll => self.iterator(invocation),
            Construct::ForEach | Construct::TryForEach => self.for_each(invocation),
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
            [] => refuse(&io, "`io!` asks for a request: `io!(fetch(key))`"),
            [request] => self.awaited_call(&io, "io", request),
            several if several.len() > MAX_ARITY => refuse(
                &io,
                format!(
                    "`io!` takes at most {MAX_ARITY} requests; for more of one kind use \
                     `io_all!(iter)`"
                ),
            ),
            several => self.awaited_set(io, "join", "request", several),
        }
    }

    /// Desugar from `io_all!(iter)` into `__corio.io_all(iter).await`, and from `all!(limit = n,
    /// iter)` into `__corio.all_within(n, iter).await`; `all!(iter)` and `try_all!` are the same
    /// with their own names.
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
                return self.awaited_call(&located_at_name(all), &format!("{name}_within"), &both);
            }
            Err(refusal) => return refusal,
        }
        match self.single_argument(&all) {
            Some(iterator) => self.awaited_call(&located_at_name(all), name, &iterator),
            None => refuse(
                &all,
                format!(
                    "`{name}!` takes one iterator: `{name}!(items.iter().map(…))`; for several \
                     side by side use `{side_by_side}!(a, b)`"
                ),
            ),
        }
    }

    /// Desugar from `for_each!(limit = n, source, task)` into `__corio.for_each_within(n, source,
    /// task).await`.
    fn for_each(&mut self, each: Invocation) -> TokenStream {
        let name = each.construct.name();
        let parsed =
            Punctuated::<Expr, Token![,]>::parse_terminated.parse2(each.arguments.clone()).ok();
        let arguments: Vec<Expr> = parsed.into_iter().flatten().collect();
        let limit = arguments.first().and_then(limit_option);
        match (limit, &arguments[..]) {
            (Some(limit), [_, _, _]) if is_zero(limit) => {
                error_expression(limit.span(), "a limit of at least 1, or no child would ever run")
            }
            (Some(limit), [_, source, task]) => {
                let [limit, source, task] =
                    [limit, source, task].map(|argument| self.expression(argument.clone()));
                let all = quote_spanned!(each.span=> #limit, #source, #task);
                self.awaited_call(&located_at_name(each), &format!("{name}_within"), &all)
            }
            _ => refuse(
                &each,
                format!(
                    "`{name}!` takes how many run at a time, an iterator or a stream, and a task \
                     for each item: `{name}!(limit = 32, rows, index_row)`"
                ),
            ),
        }
    }

    /// The limit and the iterator of `all!(limit = n, iter)`; `None` without a limit, and the
    /// expression that reports the mistake if there is one.
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
            return Err(refuse(
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
        if is_zero(&option.right) {
            return Err(error_expression(
                option.right.span(),
                "a limit of at least 1, or no child would ever run",
            ));
        }
        match (arguments.next(), arguments.next()) {
            (Some(iterator), None) => {
                Ok(Some((self.expression(*option.right), self.expression(iterator))))
            }
            _ => Err(refuse(
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
            .is_ok_and(|task| calls_itself(&task, self.task));
        match self.single_argument(&call) {
            Some(task) if itself => {
                self.awaited_call(&call, "call", &quote_spanned!(call.span=> ::corio::boxed(#task)))
            }
            Some(task) => self.awaited_call(&call, "call", &task),
            None => refuse(
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
                let room = self.awaited_call(&spawn, "room", &TokenStream::new());
                let spawned = frame_call(
                    &frame(&spawn),
                    &spawn,
                    "spawn",
                    &quote_spanned!(spawn.span=> #room, #task),
                );
                quote_spanned!(spawn.delimiters.close()=> #spawned.__corio_handle())
            }
            None => refuse(&spawn, "`spawn!` starts one task: `spawn!(task(..))`"),
        }
    }

    /// Desugar from `join!(a, b)` into `__corio.join((__corio.child(a), __corio.child(b),)).await`,
    /// and from `try_join!` and `race!` into the same with `try_join` and `race`.
    fn children(&mut self, children: Invocation) -> TokenStream {
        let name = children.construct.name();
        let arguments = self.arguments(&children);
        match arguments.len() {
            0 => refuse(
                &children,
                format!("`{name}!` runs tasks and requests side by side: `{name}!(a, b)`"),
            ),
            1..=MAX_ARITY => self.awaited_set(children, name, "child", &arguments),
            _ if children.construct == Construct::Race => {
                refuse(&children, format!("`race!` takes at most {MAX_ARITY}"))
            }
            _ => refuse(
                &children,
                format!(
                    "`{name}!` takes at most {MAX_ARITY}; for more of one kind use `{}!(iter)`",
                    name.replace("join", "all")
                ),
            ),
        }
    }

    /// Desugar from `wait!()` into `__corio.wait().await`, and from `wait!(future)` into
    /// `__corio.foreign(future).await`.
    fn wait(&mut self, wait: Invocation) -> TokenStream {
        let arguments = self.arguments(&wait);
        match arguments.as_slice() {
            [] => self.awaited_call(&wait, "wait", &TokenStream::new()),
            [future] => self.awaited_call(&wait, "foreign", future),
            _ => refuse(
                &wait,
                "`wait!()` waits for every child spawned so far, and `wait!(future)` for one \
                 future from outside of corio",
            ),
        }
    }

    /// Desugar from `timeout!(duration, t)` into `__corio.timeout(duration,
    /// __corio.called_child(t)).await`.
    fn timeout(&mut self, timeout: Invocation) -> TokenStream {
        let arguments = self.arguments(&timeout);
        match arguments.as_slice() {
            [duration, task] => {
                let task = frame_call(&frame(&timeout), &timeout, "called_child", task);
                let both = quote_spanned!(timeout.span=> #duration, #task);
                self.awaited_call(&located_at_name(timeout), "timeout", &both)
            }
            _ => refuse(
                &timeout,
                "`timeout!` takes a duration and one task: `timeout!(Duration::from_secs(2), \
                 task(..))`",
            ),
        }
    }

    /// Desugar from `context!()` into `__corio.context()`.
    fn context(&mut self, context: Invocation) -> TokenStream {
        if !context.arguments.is_empty() {
            refuse(&context, "`context!()` takes nothing")
        } else if matches!(self.task.context, Context::Any) {
            refuse(&context, "this task names no context: write `#[corio::task(Context)]`")
        } else {
            // Nothing is awaited, but guarded all the same: a closure would see the context of
            // whichever run is current when the closure is called.
            let frame = self.guard(frame(&context), context.span);
            frame_call(&frame, &context, "context", &TokenStream::new())
        }
    }

    /// Returns `__corio.method(|| here(), argument).await`.
    fn awaited_call(
        &mut self,
        invocation: &Invocation,
        method: &str,
        argument: &TokenStream,
    ) -> TokenStream {
        let frame = self.guard(frame(invocation), invocation.span);
        // `here` is called in a closure: the type of the closure then stands for this line.
        let line = quote_spanned!(invocation.span=> || ::corio::__private::here());
        let call = frame_call(
            &frame,
            invocation,
            method,
            &quote_spanned!(invocation.span=> #line, #argument),
        );
        quote_spanned!(invocation.delimiters.close()=> #call.await)
    }

    /// Returns `__corio.method((__corio.child(a), __corio.child(b),)).await`. Each argument stands
    /// in a call of its own, so that a mistake in an argument is shown on that argument.
    fn awaited_set(
        &mut self,
        invocation: Invocation,
        method: &str,
        child: &str,
        arguments: &[TokenStream],
    ) -> TokenStream {
        let children = arguments
            .iter()
            .map(|argument| frame_call(&frame(&invocation), &invocation, child, argument));
        let children = quote_spanned!(invocation.span=> (#(#children,)*));
        self.awaited_call(&located_at_name(invocation), method, &children)
    }

    /// The arguments, each rewritten. Arguments that do not parse are rewritten as plain tokens and
    /// kept: rustc says what is wrong with them, and an editor can still complete them.
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

    /// The only argument, rewritten, or `None` if there are more or fewer. Tokens that do not parse
    /// count as one argument, since their commas may stand between `<` and `>`.
    fn single_argument(&mut self, invocation: &Invocation) -> Option<TokenStream> {
        let stream = invocation.arguments.clone();
        match Punctuated::<Expr, Token![,]>::parse_terminated.parse2(stream.clone()) {
            Ok(arguments) if arguments.len() != 1 => None,
            Ok(arguments) => arguments.into_iter().next().map(|argument| self.expression(argument)),
            Err(_) => Some(self.tokens(stream)),
        }
    }

    /// Rewrites an argument as an expression if it parses, and as plain tokens otherwise.
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

/// Returns `__corio.method(argument)`.
fn frame_call(
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

/// Returns `&__corio`.
fn frame(invocation: &Invocation) -> TokenStream {
    let frame = frame_name(invocation.span);
    quote_spanned!(invocation.span=> &#frame)
}

/// The `n` of `limit = n`.
fn limit_option(argument: &Expr) -> Option<&Expr> {
    let Expr::Assign(option) = argument else { return None };
    let is_limit = matches!(&*option.left, Expr::Path(path) if path.path.is_ident("limit"));
    is_limit.then_some(&option.right)
}

/// Moves the delimiters' spans to the macro's name, for constructs with several children: otherwise
/// rustc reports a mistake in the set of children once for each span the set has.
fn located_at_name(mut invocation: Invocation) -> Invocation {
    let mut name = Group::new(Delimiter::Parenthesis, TokenStream::new());
    name.set_span(invocation.span);
    invocation.delimiters = name.delim_span();
    invocation
}

/// Returns an error that is shown at the macro's name.
fn refuse(invocation: &Invocation, message: impl std::fmt::Display) -> TokenStream {
    error_expression(invocation.span, message)
}

/// Whether `task` calls the task function around it: `walk(..)`, `Self::walk(..)`, `self.walk(..)`
/// or `child.walk(..)` in `walk`. A method of the same name on another type is taken for a
/// recursive call too, at the price of a box.
fn calls_itself(task: &Expr, enclosing: &EnclosingTask<'_>) -> bool {
    match task {
        Expr::Call(ExprCall { func, .. }) => {
            let Expr::Path(function) = &**func else { return false };
            let names: Vec<&Ident> =
                function.path.segments.iter().map(|segment| &segment.ident).collect();
            match names.as_slice() {
                [name] => !enclosing.method && *name == enclosing.name,
                [of, name] => *of == "Self" && *name == enclosing.name,
                _ => false,
            }
        }
        Expr::MethodCall(ExprMethodCall { method, .. }) => {
            enclosing.method && method == enclosing.name
        }
        _ => false,
    }
}

/// Whether the expression is the literal `0`.
fn is_zero(limit: &Expr) -> bool {
    match limit {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_digits() == "0",
        _ => false,
    }
}

/// Splits tokens at the commas outside of groups, and drops empty parts.
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
