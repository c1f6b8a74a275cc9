//! The validate stage for the options: which of them exclude each other, and which need another
//! option or a function of a certain kind.
//!
//! A mistake is shown on the option to remove. Of two options that exclude each other, that is the
//! later one, since either may be the one that is meant.

use super::model::{Keys, Options, Scope, Shape};
use super::options::{Arg, Args, OptionName};
use crate::errors::Errors;
use syn::Signature;

/// Reports the options that conflict with each other or with the function.
pub(super) fn check(
    options: &Options,
    args: &Args<OptionName>,
    signature: &Signature,
    shape: &Shape,
    errors: &mut Errors,
) {
    pairs(&args.parsed, errors);
    // An option that seems to be missing may be one that could not be read.
    if args.complete {
        caches(options, args, errors);
    }
    functions(options, signature, shape, errors);
}

/// The pairs of options that exclude each other, and why.
const EXCLUDED: [(OptionName, OptionName, &str); 3] = [
    (OptionName::Ordered, OptionName::Dedup, "each write is made, as often as it is asked for"),
    (OptionName::Ordered, OptionName::Cache, "each write is made, and never answered from memory"),
    (
        OptionName::Ordered,
        OptionName::InFlight,
        "batches that keep their order go out one at a time",
    ),
];

/// Reports options that exclude an earlier one.
fn pairs(args: &[Arg<OptionName>], errors: &mut Errors) {
    for (position, later) in args.iter().enumerate() {
        let clash =
            args[..position].iter().find_map(|earlier| Some((earlier, excluded(earlier, later)?)));
        if let Some((earlier, why)) = clash {
            let (earlier, written) = (&earlier.name, &later.name);
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

/// Why two arguments exclude each other; `None` if they do not.
fn excluded(one: &Arg<OptionName>, other: &Arg<OptionName>) -> Option<&'static str> {
    let sets = |arg: &Arg<OptionName>, name: &OptionName| arg.sets.contains(name);
    let found = EXCLUDED
        .iter()
        .find(|(a, b, _)| sets(one, a) && sets(other, b) || sets(one, b) && sets(other, a));
    found.map(|(_, _, why)| *why)
}

/// Reports options that need a cache, or a cache of another scope, and a cache without `by`.
fn caches(options: &Options, args: &Args<OptionName>, errors: &mut Errors) {
    let scope = options.cache.as_ref().map(|cache| &cache.scope);
    match scope {
        Some(Scope::Schedule(at)) if args.find(OptionName::By).is_none() => errors.at(
            *at,
            "a cache that outlives its run must say for whom its answers are: `by = |tenant: \
             &Tenant| tenant.id`, or `by = || ()` if everyone may see the same ones",
        ),
        Some(Scope::Schedule(_)) => {}
        _ => {
            let by = OptionName::By;
            for arg in [OptionName::Capacity, OptionName::TimeToLive, by]
                .into_iter()
                .filter(|name| *name != by || options.shared.is_none())
                .filter_map(|name| args.find(name))
            {
                let message = if arg.sets.contains(&by) {
                    "`by` says for whom a cache is that outlives its run, or who shares batches in \
                     a hub: write `cache = \"schedule\"` or `shared`, or remove it"
                        .to_owned()
                } else {
                    format!(
                        "`{}` is for a cache that outlives its run: write `cache = \"schedule\"`, \
                         or remove it",
                        arg.name
                    )
                };
                errors.on(&arg.name, message);
            }
        }
    }
    if let (None, Some(arg)) = (scope, args.find(OptionName::CacheErrors)) {
        errors.on(&arg.name, format!("`{}` is for a cache: add `cache`", arg.name));
    }
}

/// Reports options that the function, by its kind, has no use for.
fn functions(options: &Options, signature: &Signature, shape: &Shape, errors: &mut Errors) {
    let asynchronous = signature.asyncness.is_some();
    if let (Some(blocking), true) = (&options.blocking, asynchronous) {
        errors.on(
            blocking,
            "`blocking` gives a function a thread to wait in, and an `async fn` needs none: \
             remove `blocking`, or the `async`",
        );
    }
    // The rest depends on the kind of function, which the form of its keys tells.
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
