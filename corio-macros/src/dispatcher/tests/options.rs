//! Tests of what the options expand to.

use super::implementation;
use crate::testing::{assert_items, messages, tokens};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;

const PLAIN: &str = "fn f(keys: &[K]) -> Vec<R> {}";
const SLOTS: &str = "fn f(batch: Batch<K, R>) {}";

/// Turns `{ { a }.b() }.c()` into `a.b().c()`: the braces only carry a span.
fn flat(chain: TokenStream) -> TokenStream {
    let mut tokens: Vec<TokenTree> = chain.into_iter().collect();
    match tokens.first() {
        Some(TokenTree::Group(before)) if before.delimiter() == Delimiter::Brace => {
            let before = flat(before.stream());
            before.into_iter().chain(tokens.drain(1..)).collect()
        }
        _ => tokens.into_iter().collect(),
    }
}

fn options(options: &str, item: &str) -> TokenStream {
    let request = implementation(options, item, "Request");
    let found = request.items.into_iter().find_map(|item| match item {
        syn::ImplItem::Const(options) => Some(options.expr.into_token_stream()),
        _ => None,
    });
    flat(found.expect("it has options"))
}

/// Checks the chain of calls after `Options::new()`.
#[track_caller]
fn check(options: &str, item: &str, expected: &str) {
    let expanded = self::options(options, item);
    assert_items(
        quote::quote!(const OPTIONS: X = #expanded;),
        &format!("const OPTIONS: X = ::corio::Options::new(){expected};"),
    );
}

#[test]
fn words_and_numbers() {
    check("", PLAIN, "");
    check(
        "max_batch = 5, max_in_flight = limits::MOST",
        PLAIN,
        ".max_batch(5).max_in_flight(limits::MOST)",
    );
    check("dedup, show_keys", PLAIN, ".dedup().show_keys()");
    check(
        "ordered, group_by = |key| key.page",
        PLAIN,
        ".ordered().group_by(|| ::corio::__private::groups::<Self::Key, _>(|key| key.page))",
    );
    check(
        "group_by = page_of,",
        PLAIN,
        ".group_by(|| ::corio::__private::groups::<Self::Key, _>(page_of))",
    );
}

#[test]
fn durations() {
    check("timeout = \"2s\"", SLOTS, ".concurrent().timeout(::core::time::Duration::new(2, 0))");
    check(
        "timeout = \"1min 250ms\"",
        SLOTS,
        ".concurrent().timeout(::core::time::Duration::new(60, 250000000))",
    );
}

#[test]
fn rates() {
    let rate = |rate: &str, call: &str| check(&format!("rate = \"{rate}\""), PLAIN, call);
    rate("10/s", ".rate(10, ::core::time::Duration::new(1, 0))");
    rate("600/min", ".rate(600, ::core::time::Duration::new(60, 0))");
    rate(" 1 / 250ms ", ".rate(1, ::core::time::Duration::new(0, 250000000))");
    rate("5000/2h", ".rate(5000, ::core::time::Duration::new(7200, 0))");
}

#[test]
fn retries() {
    check("retry(attempts = 5)", SLOTS, ".concurrent().retry(::corio::Retry::attempts(5))");
    check(
        "retry(attempts = ATTEMPTS, backoff = \"50ms\")",
        SLOTS,
        ".concurrent().retry(::corio::Retry::attempts(ATTEMPTS)
            .backoff(::core::time::Duration::new(0, 50000000), ::core::time::Duration::new(0, \
         50000000)))",
    );
    check(
        "retry(when = |error: &E| error.is_busy(), jitter, backoff = \"10ms .. 1s\", attempts = 5)",
        PLAIN,
        ".retry(::corio::Retry::attempts(5)
            .backoff(::core::time::Duration::new(0, 10000000), ::core::time::Duration::new(1, \
         0)).jitter()
            .when(|answer: &Self::Answer| ::corio::__private::is_transient(answer, |error: &E| \
         error.is_busy())))",
    );
    check(
        "retry(attempts = 5, when = is_busy), faults = \"error\"",
        PLAIN,
        ".retry(::corio::Retry::attempts(5).when(|answer: &Self::Answer| \
         ::corio::__private::is_transient_fault(answer, is_busy))).faults_as_errors()",
    );
}

#[test]
fn retries_of_what_timed_out() {
    check(
        "retry(attempts = 3, timeouts), timeout = \"2s\"",
        SLOTS,
        ".concurrent().timeout(::core::time::Duration::new(2, \
         0)).retry(::corio::Retry::attempts(3).timeouts())",
    );
}

#[test]
fn caches() {
    const KEPT: &str = ".cache(|answer: &Self::Answer| {
        use ::corio::__private::{ProbeAny as _, ProbeResult as _};
        (&::corio::__private::Probe(answer)).keep()
    })";
    check("cache", PLAIN, KEPT);
    check("cache = \"run\"", PLAIN, KEPT);
    check("cache, cache_errors", PLAIN, ".cache(|_: &Self::Answer| true)");
    // A cache implies `dedup`, and reports what is wrong with the keys.
    check("read", PLAIN, KEPT);
    check("write", PLAIN, ".ordered()");
    check(
        "cache = \"schedule\", by = || (), capacity = 100, ttl = \"1min\"",
        PLAIN,
        &format!(
            "{KEPT}.cache_in_schedule().capacity(100).\
             ttl(::core::time::Duration::new(60, 0))"
        ),
    );
}

#[test]
fn whose_a_cache_is() {
    let dispatch = |options, item| {
        let mut dispatch = implementation(options, item, "Dispatch");
        dispatch.items.remove(0);
        dispatch.into_token_stream()
    };
    assert_items(
        dispatch(
            "cache = \"schedule\", by = |tenant: &Tenant, db: &Db| (tenant.id, db.shard)",
            "fn f(db: &Db, keys: &[K]) -> Vec<R> {}",
        ),
        "impl<__S: ::corio::Provide<Db> + ::corio::Provide<Tenant>> ::corio::Dispatch<__S> for f {
            fn partition(context: &__S) -> ::core::option::Option<::corio::Partition> {
                let by = |tenant: &Tenant, db: &Db| (tenant.id, db.shard);
                ::core::option::Option::Some(::corio::Partition::of(by(
                    ::corio::Provide::<Tenant>::provide(context),
                    ::corio::Provide::<Db>::provide(context)
                )))
            }
        }",
    );
    assert_items(
        dispatch("cache = \"schedule\", by = || ()", PLAIN),
        "impl<__S> ::corio::Dispatch<__S> for f {
            fn partition(_context: &__S) -> ::core::option::Option<::corio::Partition> {
                let by = || ();
                ::core::option::Option::Some(::corio::Partition::of(by()))
            }
        }",
    );
}

#[test]
fn constants_are_checked_where_they_are_written() {
    let checks = |options, item| {
        let expanded = crate::dispatcher::dispatcher(tokens(options), tokens(item));
        assert_eq!(messages(expanded.clone()), [""; 0]);
        let file: syn::File = syn::parse2(expanded).expect("the expansion is made of items");
        let checks = file.items.into_iter().filter(|item| matches!(item, syn::Item::Const(_)));
        checks.map(|check| check.into_token_stream()).collect::<TokenStream>()
    };
    assert_items(
        checks(
            "max_batch = A, max_in_flight = B, retry(attempts = C), cache = \"schedule\", \
             by = || (), capacity = D",
            SLOTS,
        ),
        "const _: () = ::core::assert!(A >= 1, \"a batch holds at least one request: `max_batch = \
         1` or more\");
        const _: () = ::core::assert!(B >= 1, \"at least one batch is on its way at a time: \
         `max_in_flight = 1` or more\");
        const _: () = ::core::assert!(C >= 2, \"the first attempt counts too: `attempts = 2` or \
         more\");
        const _: () = ::core::assert!(D >= 1, \"a cache holds at least one answer: `capacity = 1` \
         or more\");",
    );
    assert_items(checks("max_batch = 5", SLOTS), "");
    assert_items(
        checks("max_batch = N", "fn f<const N: usize>(keys: &[[u8; N]]) -> Vec<R> {}"),
        "",
    );
}
