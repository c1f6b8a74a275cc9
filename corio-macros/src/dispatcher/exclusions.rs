//! Which options exclude each other, and what one needs: another option, or a function of a certain
//! kind.
//!
//! A mistake is shown on what is to go. Of two options that exclude each other nothing says which
//! one is meant, so it is the later one.

use super::model::{Keys, Options, Scope, Shape};
use super::options::{Name, Word, Words};
use crate::errors::Errors;
use syn::Signature;

pub(super) fn check(
    options: &Options,
    words: &Words<Name>,
    signature: &Signature,
    shape: &Shape,
    errors: &mut Errors,
) {
    pairs(&words.given, errors);
    // A word that seems to be missing may be the one that could not be made out.
    if words.complete {
        caches(options, words, errors);
    }
    functions(options, signature, shape, errors);
}

const EXCLUDED: [(Name, Name, &str); 3] = [
    (Name::Ordered, Name::Dedup, "each write is made, as often as it is asked for"),
    (Name::Ordered, Name::Cache, "each write is made, and never answered from memory"),
    (Name::Ordered, Name::InFlight, "batches that keep their order go out one at a time"),
];

fn pairs(words: &[Word<Name>], errors: &mut Errors) {
    for (position, later) in words.iter().enumerate() {
        let clash =
            words[..position].iter().find_map(|earlier| Some((earlier, excluded(earlier, later)?)));
        if let Some((earlier, why)) = clash {
            let (earlier, written) = (&earlier.written, &later.written);
            errors.on(
                written,
                format!(
                    "`{written}` and `{earlier}` exclude each other, since {why}: remove one of \
                     them"
                ),
            );
        }
    }
}

fn excluded(one: &Word<Name>, other: &Word<Name>) -> Option<&'static str> {
    let says = |word: &Word<Name>, name: &Name| word.says.contains(name);
    let found = EXCLUDED
        .iter()
        .find(|(a, b, _)| says(one, a) && says(other, b) || says(one, b) && says(other, a));
    found.map(|(_, _, why)| *why)
}

fn caches(options: &Options, words: &Words<Name>, errors: &mut Errors) {
    let scope = options.cache.as_ref().map(|cache| &cache.scope);
    match scope {
        Some(Scope::Schedule(at)) if words.find(Name::By).is_none() => errors.at(
            *at,
            "a cache that outlives its run must say for whom its answers are: `by = |tenant: \
             &Tenant| tenant.id`, or `by = || ()` if everyone may see the same ones",
        ),
        Some(Scope::Schedule(_)) => {}
        _ => {
            for word in [Name::Capacity, Name::TimeToLive, Name::By]
                .into_iter()
                .filter_map(|name| words.find(name))
            {
                errors.on(
                    &word.written,
                    format!(
                        "`{}` is for a cache that outlives its run: write `cache = \"schedule\"`, \
                         or remove it",
                        word.written
                    ),
                );
            }
        }
    }
    if let (None, Some(word)) = (scope, words.find(Name::CacheErrors)) {
        errors.on(&word.written, format!("`{}` is for a cache: add `cache`", word.written));
    }
}

fn functions(options: &Options, signature: &Signature, shape: &Shape, errors: &mut Errors) {
    let asynchronous = signature.asyncness.is_some();
    if let (Some(blocking), true) = (&options.blocking, asynchronous) {
        errors.on(
            blocking,
            "`blocking` gives a function a thread to wait in, and an `async fn` needs none: \
             remove `blocking`, or the `async`",
        );
    }
    // What kind of function it is shows in how it takes its keys.
    let Some(keys) = &shape.keys else { return };
    let slots = matches!(keys, Keys::Batch(_));
    if let (Some(timeout), false) =
        (&options.timeout, asynchronous || slots || options.blocking.is_some())
    {
        errors.on(
            &timeout.name,
            "a function that answers in place can't be cut short: make it an `async fn`, add \
             `blocking`, or let it take a `corio::Batch<K, R>`",
        );
    }
    if let Some(retry) = options
        .retry
        .as_ref()
        .filter(|retry| retry.when.is_none() && retry.timeouts.is_none() && !slots)
    {
        errors.on(
            &retry.name,
            "only the slots of a `corio::Batch<K, R>` can ask for another attempt: say which \
             errors are worth one, `when = |error: &DbError| error.is_busy()`",
        );
    }
    if let (Some(timeouts), None) =
        (options.retry.as_ref().and_then(|retry| retry.timeouts.as_ref()), &options.timeout)
    {
        errors.on(
            timeouts,
            "no batch of this dispatcher can time out: add `timeout = \"2s\"`, or remove \
             `timeouts`",
        );
    }
}
