//! Tests of mistakes in the options: all are reported, each once. The first stands in the fallback,
//! after the others.

use super::refuse;
use crate::dispatcher::dispatcher;
use crate::testing::{messages, tokens};

const PLAIN: &str = "fn f(keys: &[K]) -> Vec<R> {}";
const SLOTS: &str = "fn f(batch: Batch<K, R>) {}";

const KNOWN: &str = "`max_batch`, `max_in_flight`, `dedup`, `show_keys`, `blocking`, `ordered`, \
                     `timeout`, `rate`, `group_by`, `retry`, `cache`, `capacity`, `ttl`, `by`, \
                     `cache_errors`, `faults`, `shared`, `read`, `write`";

#[track_caller]
fn refuse_alone(options: &str, item: &str, expected: &str) {
    refuse(options, item, &[expected]);
}

#[test]
fn one_by_one() {
    refuse(
        "max_batc = 3, dedup, dedup, foo, max_batch = 0, show_keys = 3",
        PLAIN,
        &[
            "`dedup` is given twice",
            &format!("there is no option `foo`; there are {KNOWN}"),
            "a batch holds at least one request: `max_batch = 1` or more",
            "`show_keys` takes no value",
            "there is no option `max_batc`: did you mean `max_batch`?",
        ],
    );
    refuse_alone("cahce", PLAIN, "there is no option `cahce`: did you mean `cache`?");
    refuse_alone("\"dedup\"", PLAIN, &format!("expected an option: {KNOWN}"));
    refuse_alone("dedup show_keys", PLAIN, "expected `,` between options");
}

#[test]
fn values_of_another_kind() {
    refuse_alone("max_batch", PLAIN, "`max_batch` takes a number: `max_batch = 500`");
    refuse_alone("max_batch = \"5\"", PLAIN, "`max_batch` takes a number: `max_batch = 500`");
    refuse_alone("max_batch =", PLAIN, "the value of `max_batch` is missing");
    refuse_alone(
        "max_batch = -1",
        PLAIN,
        "a batch holds at least one request: `max_batch = 1` or more",
    );
    refuse_alone("max_batch(5)", PLAIN, "`max_batch` takes a number: `max_batch = 500`");
    refuse("max_batch = limits::MOST", PLAIN, &[]);
    refuse_alone(
        "max_in_flight = 0",
        PLAIN,
        "at least one batch is on its way at a time: `max_in_flight = 1` or more",
    );
    refuse_alone("dedup = true", PLAIN, "`dedup` takes no value");
    refuse_alone("dedup(true)", PLAIN, "`dedup` takes no value");
    refuse_alone("read = \"schedule\"", PLAIN, "`read` takes no value");
    refuse_alone(
        "group_by",
        PLAIN,
        "`group_by` takes what is equal in a batch: `group_by = |key| key.page_size`",
    );
    refuse_alone(
        "cache = \"forever\"",
        PLAIN,
        "`cache` takes `\"run\"` (the default) or `\"schedule\"`",
    );
    refuse_alone("cache = true", PLAIN, "`cache` takes `\"run\"` (the default) or `\"schedule\"`");
    for faults in ["faults", "faults = \"panic\"", "faults = error"] {
        refuse_alone(
            faults,
            PLAIN,
            "`faults` takes `\"run\"` (trouble with a batch ends the run, the default) or \
             `\"error\"` (its requests get it as their error)",
        );
    }
    refuse("faults = \"run\"", PLAIN, &[]);
}

#[test]
fn durations() {
    const DURATION: &str = "`timeout` takes a duration: `\"250ms\"`, `\"2s\"`, `\"1min\"`";
    let endless = "timeout = \"18446744073709551615s 1000ms\"";
    for wrong in [
        "timeout",
        "timeout = 2",
        "timeout = \"soon\"",
        "timeout = \"\"",
        "timeout = \"2\"",
        "timeout = \"-2s\"",
        "timeout = \"9999999999999y\"",
        endless,
    ] {
        refuse_alone(wrong, SLOTS, DURATION);
    }
    refuse_alone(
        "timeout = \"0s\"",
        SLOTS,
        "`timeout` is longer than nothing: `\"250ms\"`, `\"2s\"`, `\"1min\"`",
    );
    refuse_alone(
        "cache = \"schedule\", by = || (), ttl = \"0s\"",
        PLAIN,
        "`ttl` is longer than nothing: `\"250ms\"`, `\"2s\"`, `\"1min\"`",
    );
}

#[test]
fn rates() {
    const RATE: &str = "`rate` takes batches in a time: `\"10/s\"`, `\"600/min\"`, `\"1/250ms\"`";
    for wrong in ["10", "10/", "/s", "ten/s", "1.5/s", "-1/s", "10/2", "10/s/2", "10 s", "10/soon"]
    {
        refuse_alone(&format!("rate = \"{wrong}\""), PLAIN, RATE);
    }
    refuse_alone("rate", PLAIN, RATE);
    refuse_alone("rate = 10", PLAIN, RATE);
    for nothing in ["0/s", "10/0s"] {
        refuse_alone(
            &format!("rate = \"{nothing}\""),
            PLAIN,
            "`rate` lets something go: `\"10/s\"`, `\"1/250ms\"`",
        );
    }
}

#[test]
fn retries() {
    const BACK_OFF: &str = "`backoff` takes the shortest and the longest wait, `\"10ms..1s\"`, or \
                            one for every time, `\"50ms\"`";
    const LIST: &str = "`retry` takes a list: `retry(attempts = 5, backoff = \"10ms..1s\", \
                        jitter, when = |error: &DbError| error.is_busy())`";
    refuse_alone("retry", SLOTS, LIST);
    refuse_alone("retry = 5", SLOTS, LIST);
    refuse_alone(
        "retry()",
        SLOTS,
        "`retry` says how many attempts there are: `retry(attempts = 5)`",
    );
    for few in ["0", "1", "-1"] {
        refuse_alone(
            &format!("retry(attempts = {few})"),
            SLOTS,
            "the first attempt counts too: `attempts = 2` or more",
        );
    }
    for wrong in ["\"ten\"", "10", "\"10ms..\"", "\"..1s\"", "\"10ms..=1s\"", "\"10ms..1s..2s\""] {
        refuse_alone(&format!("retry(attempts = 5, backoff = {wrong})"), SLOTS, BACK_OFF);
    }
    refuse_alone(
        "retry(attempts = 5, backoff = \"1s..10ms\")",
        SLOTS,
        "`backoff` begins with the shorter wait: `\"10ms..1s\"`",
    );
    refuse_alone(
        "retry(attempts = 5, backoff = \"0s..1s\")",
        SLOTS,
        "`backoff` is longer than nothing: `\"10ms..1s\"`, `\"50ms\"`",
    );
    refuse_alone(
        "retry(attempts = 5, jitter)",
        SLOTS,
        "`jitter` spreads the waits of a back-off: add `backoff = \"10ms..1s\"`",
    );
    refuse_alone(
        "retry(attempts = 5, timeouts)",
        SLOTS,
        "no batch of this dispatcher can time out: add `timeout = \"2s\"`, or remove `timeouts`",
    );
    // A misspelt option is not reported as missing too.
    refuse_alone(
        "retry(attemps = 5)",
        SLOTS,
        "there is no option `attemps`: did you mean `attempts`?",
    );
    refuse(
        "retry(attempts = 5, attempts = 6, wait = 3, jitter = 1), foo",
        SLOTS,
        &[
            "`attempts` is given twice",
            "there is no option `wait`; there are `attempts`, `backoff`, `jitter`, `when`, \
             `timeouts`",
            "`jitter` takes no value",
            &format!("there is no option `foo`; there are {KNOWN}"),
        ],
    );
    refuse_alone(
        "retry(attempts = 5)",
        PLAIN,
        "only the slots of a `corio::Batch<K, R>` can ask for another attempt: say which errors \
         are worth one, `when = |error: &DbError| error.is_busy()`",
    );
}

#[test]
fn twice_by_a_short_form() {
    refuse_alone("read, read", PLAIN, "`read` is given twice");
    refuse_alone(
        "read, cache",
        PLAIN,
        "`cache` is given twice: `read` is short for `dedup, cache`",
    );
    refuse_alone(
        "dedup, read",
        PLAIN,
        "`dedup` is given twice: `read` is short for `dedup, cache`",
    );
    refuse_alone(
        "write, ordered",
        PLAIN,
        "`ordered` is given twice: `write` is short for `ordered`",
    );
}

#[test]
fn options_that_exclude_each_other() {
    let exclude = |later: &str, earlier: &str, why: &str| {
        format!("`{later}` and `{earlier}` exclude each other, since {why}: remove one of them")
    };
    const ASKED: &str = "each write is made, as often as it is asked for";
    const MEMORY: &str = "each write is made, and never answered from memory";
    refuse_alone("ordered, dedup", PLAIN, &exclude("dedup", "ordered", ASKED));
    refuse_alone("dedup, ordered", PLAIN, &exclude("ordered", "dedup", ASKED));
    refuse_alone("cache, write", PLAIN, &exclude("write", "cache", MEMORY));
    refuse_alone("write, read", PLAIN, &exclude("read", "write", ASKED));
    refuse_alone(
        "max_in_flight = 2, ordered",
        PLAIN,
        &exclude("ordered", "max_in_flight", "batches that keep their order go out one at a time"),
    );
    // Several conflicts are all reported.
    refuse(
        "ordered, cache, dedup",
        PLAIN,
        &[&exclude("dedup", "ordered", ASKED), &exclude("cache", "ordered", MEMORY)],
    );
}

#[test]
fn options_of_a_cache_that_outlives_its_run() {
    let lacks = |option: &str| {
        format!(
            "`{option}` is for a cache that outlives its run: write `cache = \"schedule\"`, or \
             remove it"
        )
    };
    const BY: &str = "`by` says for whom a cache is that outlives its run, or who shares batches \
                      in a hub: write `cache = \"schedule\"` or `shared`, or remove it";
    refuse_alone(
        "cache = \"schedule\"",
        PLAIN,
        "a cache that outlives its run must say for whom its answers are: `by = |tenant: &Tenant| \
         tenant.id`, or `by = || ()` if everyone may see the same ones",
    );
    refuse(
        "capacity = 5, cache, by = || (), ttl = \"1s\"",
        PLAIN,
        &[&lacks("ttl"), BY, &lacks("capacity")],
    );
    refuse_alone("read, ttl = \"1s\"", PLAIN, &lacks("ttl"));
    refuse_alone("capacity = 5", PLAIN, &lacks("capacity"));
    refuse_alone("cache_errors", PLAIN, "`cache_errors` is for a cache: add `cache`");
    refuse_alone(
        "cache = \"schedule\", by = || (), capacity = 0",
        PLAIN,
        "a cache holds at least one answer: `capacity = 1` or more",
    );
    // A misspelt option is not reported as missing too.
    refuse_alone(
        "cahce = \"schedule\", by = || (), cache_errors",
        PLAIN,
        "there is no option `cahce`: did you mean `cache`?",
    );
    refuse_alone(
        "cache = \"shedule\", by = || ()",
        PLAIN,
        "`cache` takes `\"run\"` (the default) or `\"schedule\"`",
    );
}

#[test]
fn whose_a_cache_is() {
    const CLOSURE: &str = "`by` takes a closure over pieces: `by = |tenant: &Tenant| tenant.id`, \
                           or `by = || ()` if everyone may see the same answers";
    const TYPE: &str = "the type says which piece of the context this is: `tenant: &Tenant`";
    let by = |by: &str| format!("cache = \"schedule\", {by}");
    refuse_alone(&by("by"), PLAIN, CLOSURE);
    refuse_alone(&by("by = tenant_of"), PLAIN, CLOSURE);
    refuse(&by("by = |a, _: _, b: &_, c: &Tenant| a.id"), PLAIN, &[TYPE, TYPE, TYPE]);
    refuse_alone(
        &by("by = |tenant: Tenant| tenant.id"),
        PLAIN,
        "pieces are shared: take `&Tenant`",
    );
    refuse_alone(
        &by("by = |tenant: &Tenant<'_>| tenant.id"),
        PLAIN,
        "a piece can't name a lifetime: take `&Db`, where `Db` owns what it holds",
    );
    refuse_alone(
        &by("by = async |tenant: &Tenant| tenant.id"),
        PLAIN,
        "`by` says for whom a cache is before anything is asked, and so can't wait: remove `async`",
    );
}

#[test]
fn functions_of_another_kind() {
    const IN_PLACE: &str = "a function that answers in place can't be cut short: make it an \
                            `async fn`, add `blocking`, or let it take a `corio::Batch<K, R>`";
    refuse_alone("timeout = \"2s\"", PLAIN, IN_PLACE);
    for item in [SLOTS, "async fn f(keys: &[K]) -> Vec<R> {}"] {
        refuse("timeout = \"2s\"", item, &[]);
    }
    refuse("timeout = \"2s\", blocking", PLAIN, &[]);
    refuse_alone(
        "blocking",
        "async fn f(keys: &[K]) -> Vec<R> {}",
        "`blocking` gives a function a thread to wait in, and an `async fn` needs none: remove \
         `blocking`, or the `async`",
    );
}

#[test]
fn whatever_stands_there_the_item_is_emitted() {
    for wrong in [
        "= =",
        ", , ,",
        "(",
        "retry(,)",
        "retry(attempts = )",
        "by = |",
        "by = |a: &A, b: &| a",
        "timeout = \"µ\"",
        "timeout = \"..\"",
        "r#type",
        "'a",
        "cache = \"\"",
    ] {
        let Ok(options) = wrong.parse() else { continue };
        let expanded = dispatcher(options, tokens(PLAIN));
        assert!(!messages(expanded.clone()).is_empty(), "{wrong}");
        let file: syn::File = syn::parse2(expanded).expect("the expansion is made of items");
        assert!(
            file.items
                .iter()
                .any(|item| matches!(item, syn::Item::Struct(item) if item.ident == "f")),
            "{wrong}"
        );
    }
}
