//! Tests of signatures: what each kind of function becomes.

use super::task;
use crate::testing::{assert_items, assert_messages, tokens};
use quote::quote;

#[track_caller]
fn check(attribute: &str, item: &str, expected: &str) {
    assert_items(task(tokens(attribute), tokens(item)), expected);
}

#[track_caller]
fn refuse(attribute: &str, item: &str, expected: &[&str]) {
    assert_messages(task(tokens(attribute), tokens(item)), expected);
}

#[test]
fn without_a_context() {
    check(
        "",
        "/// Docs.
        #[inline] pub(crate) fn crud(i: usize) { io!(store(i)); }",
        "/// Docs.
        #[inline]
        pub(crate) fn crud(i: usize) -> ::corio::AnyTask<impl ::core::future::Future<Output = ()>> \
         {
            ::corio::__private::any_task(async move {
                let _ = &i;
                let __corio: ::corio::__private::Frame<::corio::__private::AnyContext> = unsafe { \
         ::corio::__private::Frame::new() };
                if false { return ::corio::__private::returns::<()>(); }
                ::corio::__private::Frame::io(&__corio, || ::corio::__private::here(), \
         store(i)).await;
            })
        }",
    );
}

#[test]
fn with_a_context() {
    check(
        "Library",
        "fn card<'a, T: Clone>(id: &'a T, mut n: u64) -> Option<T> where T: Send { n += 1; None }",
        "fn card<'a, T: Clone>(id: &'a T, mut n: u64) -> ::corio::TaskOver<Library, impl \
         ::core::future::Future<Output = Option<T>> > where T: Send {
            ::corio::__private::task::<Library, _>(async move {
                let _ = &n;
                let _ = &id;
                let __corio: ::corio::__private::Frame<Library> = unsafe { \
         ::corio::__private::Frame::new() };
                if false { return ::corio::__private::returns::<Option<T>>(); }
                n += 1;
                None
            })
        }",
    );
}

#[test]
fn lifetimes_left_out_of_the_context_get_names() {
    check(
        "Ctx<'_, &Db>",
        "fn f<'a>(x: &'a u8) {}",
        "fn f<'__context0, '__context1, 'a>(x: &'a u8) -> ::corio::TaskOver<Ctx<'__context0, \
         &'__context1 Db>, impl ::core::future::Future<Output = ()> > {
            ::corio::__private::task::<Ctx<'__context0, &'__context1 Db>, _>(async move {
                let _ = &x;
                let __corio: ::corio::__private::Frame<Ctx<'__context0, &'__context1 Db>> = unsafe \
         { ::corio::__private::Frame::new() };
                if false { return ::corio::__private::returns::<()>(); }
            })
        }",
    );
}

#[test]
fn by_what_the_context_provides() {
    check(
        "impl Provide<Db> + Provide<Cache>",
        "fn f(x: impl Display) -> u8 { 1 }",
        "fn f<__S: Provide<Db> + Provide<Cache> >(x: impl Display) -> ::corio::TaskOver<__S, \
         impl ::core::future::Future<Output = u8> > {
            ::corio::__private::task::<__S, _>(async move {
                let _ = &x;
                let __corio: ::corio::__private::Frame<__S> = unsafe { \
         ::corio::__private::Frame::new() };
                if false { return ::corio::__private::returns::<u8>(); }
                1
            })
        }",
    );
}

#[test]
fn patterns_are_taken_apart_inside() {
    check(
        "",
        "fn f(mut x: X, _: A, (a, mut b): (u8, u8), ref c: C, mut d: D) {}",
        "fn f(mut x: X, __arg1: A, __arg2: (u8, u8), __arg3: C, d: D) -> ::corio::AnyTask<impl \
         ::core::future::Future<Output = ()>> {
            ::corio::__private::any_task(async move {
                let _ = &d;
                let _ = &__arg3;
                let _ = &__arg2;
                let _ = &__arg1;
                let _ = &x;
                let (a, mut b) = __arg2;
                let ref c = __arg3;
                let mut d = d;
                let __corio: ::corio::__private::Frame<::corio::__private::AnyContext> = unsafe { \
         ::corio::__private::Frame::new() };
                if false { return ::corio::__private::returns::<()>(); }
            })
        }",
    );
}

#[test]
fn a_return_type_with_impl_is_not_named() {
    check(
        "",
        "fn f() -> Vec<impl Display> { #![allow(dead_code)] vec![1] }",
        "#[allow(dead_code)]
        fn f() -> ::corio::AnyTask<impl ::core::future::Future<Output = Vec<impl Display>>> {
            ::corio::__private::any_task(async move {
                let __corio: ::corio::__private::Frame<::corio::__private::AnyContext> = unsafe { \
         ::corio::__private::Frame::new() };
                vec![1]
            })
        }",
    );
}

#[test]
fn methods_and_functions_of_traits() {
    let inside = task(
        tokens("Library"),
        tokens("fn price(&self, (a, b): (u8, u8)) -> u64 where Self: Sized;"),
    );
    let expected = "fn price(&self, (a, b): (u8, u8)) -> ::corio::TaskOver<Library, impl \
                    ::core::future::Future<Output = u64> > where Self: Sized;";
    assert_items(quote!(trait Priced { #inside }), &format!("trait Priced {{ {expected} }}"));
    let inside = task(tokens(""), tokens("fn price(self: Arc<Self>) -> u64 { self.0 }"));
    let expected = "fn price(self: Arc<Self>) -> ::corio::AnyTask<impl \
                    ::core::future::Future<Output = u64> > {
        ::corio::__private::any_task(async move {
            let _ = &self;
            let __corio: ::corio::__private::Frame<::corio::__private::AnyContext> = unsafe { \
                    ::corio::__private::Frame::new() };
            if false { return ::corio::__private::returns::<u64>(); }
            self.0
        })
    }";
    assert_items(
        quote!(impl Priced for Db { #inside }),
        &format!("impl Priced for Db {{ {expected} }}"),
    );
}

#[test]
fn mistakes_in_the_signature_are_told_at_once_and_mended() {
    refuse(
        "",
        r#"const async unsafe extern "C" fn f(x: u8, ...) -> ! { loop { io!(r) } }"#,
        &[
            "a task is a plain fn: remove `async`; wait with `io!`, `call!`",
            "a task can't be a `const fn`: remove `const`",
            "a task can't be an `unsafe fn`, since it runs after the call: remove `unsafe`, and \
             put an `unsafe` block into it",
            "a task can't be an `extern fn`: remove `extern`",
            "a task can't be variadic: take a `Vec`",
            "a task can't return `!`: use `-> std::convert::Infallible`",
        ],
    );
    let mended = task(tokens(""), tokens("async fn f() {}")).to_string();
    assert!(!mended.contains("async fn") && mended.contains("any_task"), "{mended}");
}

#[test]
fn mistakes_in_the_attribute() {
    refuse(
        "impl corio::Provide<Db>",
        "fn f<T>(t: T) {}",
        &["a function with type parameters of its own names its context too: write \
           `#[corio::task(S)] fn f<S: corio::Provide<Db>, …>`"],
    );
    refuse(
        "A, B",
        "fn f() {}",
        &["a task runs under one context: name one type, or the pieces it needs, \
           `#[corio::task(impl Provide<A> + Provide<B>)]`"],
    );
    refuse(
        "5",
        "fn f() { io!(r) }",
        &["expected a context: a type, `#[corio::task(Library)]`, or what it must provide, \
           `#[corio::task(impl Provide<Db>)]`"],
    );
}

#[test]
fn what_is_no_function_is_left_as_it_is() {
    let expanded = task(tokens(""), tokens("#[derive(Debug)] pub struct S;"));
    assert!(expanded.to_string().ends_with(&tokens("#[derive(Debug)] pub struct S;").to_string()));
    assert_messages(
        expanded,
        &["`#[corio::task]` goes on a function: free, of a type or of a trait"],
    );
}

#[test]
fn an_instrument_below_is_refused_wherever_it_is_from() {
    let refused = |name: &str| {
        format!(
            "the span of `#[{name}]` would be left as soon as the task is made, before it runs. \
             Put it on what the task calls: a function, or a dispatcher"
        )
    };
    for (attribute, name) in [
        ("#[instrument]", "instrument"),
        ("#[tracing::instrument(skip_all)]", "tracing::instrument"),
        ("#[cfg_attr(debug_assertions, inline, ::tracing::instrument)]", "::tracing::instrument"),
        ("#[cfg_attr(unix, cfg_attr(test, instrument))]", "instrument"),
    ] {
        refuse("", &format!("{attribute} fn f() {{}}"), &[&refused(name)]);
    }
    refuse("", "#[cfg(instrument)] #[inline] #[cfg_attr(instrument, inline)] fn f() {}", &[]);
}

#[test]
fn an_instrument_above_is_known_by_what_it_leaves_in_the_body() {
    let refused = "the span of `#[instrument]` would stay entered while the task waits and others \
                   run. Put it on what the task calls: a function, or a dispatcher";
    let guard = "let __tracing_attr_span; let __tracing_attr_guard;";
    refuse("", &format!("fn f() {{ #[allow(x)] {{ {guard} {{ io!(g()) }} }} }}"), &[refused]);
    refuse(
        "",
        &format!("fn f() {{ {guard} match (move || {{ io!(g()) }})() {{ x => x }} }}"),
        &[refused],
    );
}
