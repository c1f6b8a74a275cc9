//! Tests of bodies: each rewrites statements and compares them with the expected ones, where
//! `@io(..)` is short for a call of the frame's method.

use super::guard::LABEL;
use super::{EnclosingTask, rewrite};
use crate::errors::Errors;
use crate::task::model::Context;
use crate::testing::{assert_items, assert_messages, messages, tokens};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

fn rewritten_in(context: &Context, method: bool, body: &str) -> TokenStream {
    let mut errors = Errors::new();
    let name = Ident::new("walk", Span::call_site());
    let body = rewrite(tokens(body), &EnclosingTask { context, name: &name, method }, &mut errors);
    let errors = errors.finish();
    quote!(fn body() { #errors #body })
}

fn rewritten(body: &str) -> TokenStream {
    rewritten_in(&Context::Named(syn::parse_quote!(Library)), false, body)
}

/// The methods of the frame that are not awaited, and so take no line.
const NOT_AWAITED: [&str; 5] = ["spawn", "child", "called_child", "request", "context"];

/// `@io(x)` in `expected` stands for `::corio::__private::Frame::io(&__corio, ||
/// ::corio::__private::here(), x)`, and `@?io(x)` for the same with a guard.
fn spelled(expected: &str) -> String {
    let mut spelled = String::new();
    for (position, part) in expected.split('@').enumerate() {
        match part.split_once('(') {
            Some((name, rest)) if position > 0 => {
                let (name, frame) = match name.strip_prefix('?') {
                    Some(name) => (
                        name,
                        "if false { break 'label ::corio::__private::returns() } else { &__corio }",
                    ),
                    None => (name, "&__corio"),
                };
                let line = if NOT_AWAITED.contains(&name) {
                    ""
                } else {
                    "|| ::corio::__private::here(), "
                };
                spelled
                    .push_str(&format!("::corio::__private::Frame::{name}({frame}, {line}{rest}"));
            }
            _ => spelled.push_str(part),
        }
    }
    let spelled = spelled.replace("'label", LABEL);
    format!("fn body() {{ {spelled} }}")
}

#[track_caller]
fn check(body: &str, expected: &str) {
    assert_items(rewritten(body), &spelled(expected));
}

#[track_caller]
fn refuse(body: &str, expected: &[&str]) {
    assert_messages(rewritten(body), expected);
}

/// Checks a body that needs the label.
#[track_caller]
fn check_guarded(body: &str, expected: &str) {
    check(body, &format!("'label: {{ {expected} }}"));
}

#[test]
fn each_construct() {
    check("let x = io!(r);", "let x = @io(r).await;");
    check("io!(a, b,)", "@join((@request(a), @request(b),)).await");
    check("io_all!(iter)", "@io_all(iter).await");
    check("call!(t)", "@call(t).await");
    check("spawn!(t);", "@spawn(@room().await, t).__corio_handle();");
    check("wait!();", "@wait().await;");
    check("wait!(f)?;", "@foreign(f).await?;");
    check(
        "join!(a, b); join![a]",
        "@join((@child(a), @child(b),)).await; @join((@child(a),)).await",
    );
    check("try_join!(a, b)?;", "@try_join((@child(a), @child(b),)).await?;");
    check("all!(iter); try_all!(iter)", "@all(iter).await; @try_all(iter).await");
    check("race!(a, b)", "@race((@child(a), @child(b),)).await");
    check("timeout!(d, t)?", "@timeout(d, @called_child(t)).await?");
    check("context!().db", "@context().db");
}

#[test]
fn by_any_of_its_paths_but_no_other() {
    check("corio::io!(r) + ::corio::io!(r)", "@io(r).await + @io(r).await");
    check(
        "tokio::join!(a, b); other::corio::io!(r); io(r); x.io",
        "tokio::join!(a, b); other::corio::io!(r); io(r); x.io",
    );
}

#[test]
fn wherever_the_body_itself_runs() {
    check(
        "let Some(x) = io!(a)? else { return io!(b) }; for y in io!(c) { if io!(d) { x[io!(e)] = \
         -io!(f); } }",
        "let Some(x) = @io(a).await? else { return @io(b).await }; for y in @io(c).await { if \
         @io(d).await { x[@io(e).await] = -@io(f).await; } }",
    );
    check("io!(f(io!(g(x))))", "@io(f(@io(g(x)).await)).await");
    check("#[cfg(test)] io!(a); wait! {} x", "#[cfg(test)] @io(a).await; @wait().await; x");
}

#[test]
fn in_the_arguments_of_other_macros() {
    check_guarded(
        r#"println!("{x} {}", io!(a), y = io!(b));"#,
        r#"println!("{x} {}", @?io(a).await, y = @?io(b).await);"#,
    );
    check_guarded("vec![io!(a); 2]", "vec![@?io(a).await; 2]");
    check_guarded(
        "matches!(io!(a), Some(x) if x > 1)",
        "matches!(@?io(a).await, Some(x) if x > 1)",
    );
    check_guarded(
        "hashmap! { k => io!(a), corio::io!(b) => vec![io!(c)] }",
        "hashmap! { k => @?io(a).await, @?io(b).await => vec![@?io(c).await] }",
    );
    check_guarded("dbg!(timeout!(d, a))", "dbg!(@?timeout(d, @called_child(a)).await)");
    check_guarded(
        "vec![join!(a, b)]; io!(c)",
        "vec![@?join((@child(a), @child(b),)).await]; @io(c).await",
    );
    check_guarded(
        "vec![spawn!(a), context!()]",
        "vec![@spawn(@?room().await, a).__corio_handle(), @?context()]",
    );
    check("stringify!(io!(a)); other!(io, x => !)", "stringify!(io!(a)); other!(io, x => !)");
}

#[test]
fn a_task_from_a_block() {
    let inner = "let __corio: ::corio::__private::Frame<Library> = unsafe { \
                 ::corio::__private::Frame::new() };";
    let seed = "if false { return ::corio::__private::returns::<u8>(); }";
    let made = "::corio::__private::task::<Library, _>";
    check("task! { a; io!(b) }", &format!("{made}(async {{ {inner} a; @io(b).await }})"));
    check("task!(move { io!(b) })", &format!("{made}(async move {{ {inner} @io(b).await }})"));
    check("task!(-> u8 { 1 })", &format!("{made}(async {{ {inner} {seed} 1 }})"));
    check("task!(move -> u8 { 1 })", &format!("{made}(async move {{ {inner} {seed} 1 }})"));
    // The block of `task!` is code of a task again, so it needs no guard of the outer task's.
    assert!(!rewritten("vec![task! { io!(b) }]").to_string().contains("break"));
    check(
        "all!(v.map(|x| task!(io!(x))))",
        &format!("@all(v.map(|x| {made}(async {{ {inner} @io(x).await }}))).await"),
    );
}

#[test]
fn a_task_that_calls_itself_is_boxed() {
    check(
        "call!(walk(1)); call!(Self::walk(1))",
        "@call(::corio::boxed(walk(1))).await; @call(::corio::boxed(Self::walk(1))).await",
    );
    check(
        "call!(run(1)); spawn!(walk(1))",
        "@call(run(1)).await; @spawn(@room().await, walk(1)).__corio_handle()",
    );
    let method = rewritten_in(
        &Context::Named(syn::parse_quote!(Library)),
        true,
        "call!(self.walk(1)); call!(walk(1)); call!(other.walk(1))",
    );
    assert_items(
        method,
        &spelled(
            "@call(::corio::boxed(self.walk(1))).await; @call(walk(1)).await; \
             @call(::corio::boxed(other.walk(1))).await",
        ),
    );
}

#[test]
fn code_half_typed_is_passed_on() {
    let passed_on = |body: &str| rewritten(body).to_string();
    assert_eq!(passed_on("io!(store().)"), tokens(&spelled("@io(store().).await")).to_string());
    assert_eq!(
        passed_on("timeout!(d, store().)"),
        tokens(&spelled("@timeout(d, @called_child(store().)).await")).to_string()
    );
    assert_eq!(
        passed_on("call!(f::<A, B>().)"),
        tokens(&spelled("@call(f::<A, B>().).await")).to_string()
    );
    assert_eq!(
        passed_on("let x = io!(a.);"),
        tokens(&spelled("let x = @io(a.).await;")).to_string()
    );
    // The block as a whole does not parse.
    assert_eq!(
        passed_on("let = io!(a); b.await"),
        tokens(&spelled("'label: { let = @?io(a).await; b.await }")).to_string()
    );
}

#[test]
fn nested_tasks_are_left_alone() {
    let nested =
        "#[corio::task] fn inner() { io!(a); } impl A { #[task(X)] fn inner(&self) { io!(a); } }";
    check(nested, nested);
}

#[test]
fn only_the_task_itself_can_wait() {
    const CLOSURE: &str = "`io!` can't stand in a closure: a closure can't be suspended. Use a \
                           `for` loop, `io_all!(iter.map(|x| request(x)))` for requests, or \
                           `all!(iter.map(|x| task!(move { … })))`";
    const ASYNC: &str = "`io!` can't stand in an async block, which is no part of the task. Use \
                         `task! { … }` in its place, and run that with `call!` or `spawn!`";
    const NESTED: &str =
        "`io!` belongs to the nested function, which is no task: mark it `#[corio::task]`";
    const CONSTANT: &str =
        "`io!` can't stand in a constant, which is computed when compiled: use a `let` in the task";
    refuse("v.map(|x| io!(x)); println!(\"{}\", v.map(|x| io!(x)))", &[CLOSURE, CLOSURE]);
    refuse("async { io!(x) }; async || io!(x)", &[ASYNC, ASYNC]);
    refuse(
        "fn f() { io!(x) } impl A { fn g() { || io!(x) } } || { fn h() { io!(x) } }",
        &[NESTED, NESTED, NESTED],
    );
    refuse("const X: u8 = io!(x); const { io!(x) }", &[CONSTANT, CONSTANT]);
    refuse("task! { || io!(x) }", &[CLOSURE]);
    refuse(
        "|| timeout!(d, t)",
        &["`timeout!` can't stand in a closure: a closure can't be suspended. Use a `for` loop, \
           `io_all!(iter.map(|x| request(x)))` for requests, or `all!(iter.map(|x| task!(move { \
           … })))`"],
    );
    refuse(
        "|| context!()",
        &["`context!` can't stand in a closure: take it before, `let context = context!();`, and \
           use `context` in the closure"],
    );
}

#[test]
fn a_task_does_not_await() {
    const AWAIT: &str = "a task doesn't `.await`: ask for a request with `io!(…)`, run a task with \
         `call!(…)`, wait for any other future with `wait!(…)`";
    refuse("a.await; vec![b.await]; task! { c.await }", &[AWAIT; 3]);
    refuse("async { a.await }; fn f() { async { a.await } } async || a.await", &[]);
    // The operand stays, so that mistakes in it are found.
    assert!(rewritten("missing(io!(x)).await").to_string().contains("missing"));
}

#[test]
fn numbers_of_arguments() {
    const TIMEOUT: &str =
        "`timeout!` takes a duration and one task: `timeout!(Duration::from_secs(2), task(..))`";
    refuse(
        "io!(); io!(1,2,3,4,5,6,7,8,9); io_all!(a, b); call!(a, b); spawn!(); wait!(x, y); \
         join!(); race!(1,2,3,4,5,6,7,8,9); context!(x); try_all!(); timeout!(); timeout!(d); \
         timeout!(d, a, b)",
        &[
            "`io!` asks for a request: `io!(fetch(key))`",
            "`io!` takes at most 8 requests; for more of one kind use `io_all!(iter)`",
            "`io_all!` takes one iterator: `io_all!(items.iter().map(…))`; for several side by \
             side use `io!(a, b)`",
            "`call!` runs one task: `call!(task(..))`; for several side by side use `join!(a, b)`",
            "`spawn!` starts one task: `spawn!(task(..))`",
            "`wait!()` waits for every child spawned so far, and `wait!(future)` for one future \
             from outside of corio",
            "`join!` runs tasks and requests side by side: `join!(a, b)`",
            "`race!` takes at most 8",
            "`context!()` takes nothing",
            "`try_all!` takes one iterator: `try_all!(items.iter().map(…))`; for several side by \
             side use `try_join!(a, b)`",
            TIMEOUT,
            TIMEOUT,
            TIMEOUT,
        ],
    );
}

#[test]
fn without_a_context_there_is_none_to_see() {
    let refused = rewritten_in(&Context::Any, false, "context!()");
    assert_messages(refused, &["this task names no context: write `#[corio::task(Context)]`"]);
}

#[test]
fn a_macro_of_the_users_own_is_refused_once() {
    let refused =
        rewritten("macro_rules! twice { ($e:expr) => { io!($e) + io!($e) } } twice!(a); twice!(b)");
    assert_eq!(
        messages(refused.clone()),
        ["`io!` can't stand in a `macro_rules!` inside a task: make it a task and run that with \
          `call!`"]
    );
    let kept = "macro_rules! fine { ($e:expr) => { $e + 1 } }";
    check(kept, kept);
}
