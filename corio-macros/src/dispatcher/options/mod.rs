//! The parse stage for the options: `max_batch = 500, dedup, retry(attempts = 5)`. Which options go
//! together is decided in `conflicts.rs`.
//!
//! - `list.rs`: the syntax of a list of options;
//! - `values.rs`: the values of options: none, an expression, a number, a text;
//! - `durations.rs`: durations, back-offs and rates;
//! - `cache.rs`, `retry.rs`: the options with a syntax of their own.
//!
//! Terms: an *option* is an [`OptionName`]; an *argument* is one entry of the list as written,
//! which sets one option or, as a shorthand, several.

mod cache;
mod durations;
mod list;
mod retry;
mod values;

pub(super) use list::{Arg, Args};

use super::model::{Minimum, Options};
use crate::errors::Errors;
use list::KnownOptions;
use proc_macro2::{Ident, TokenStream};

/// The options of a dispatcher.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OptionName {
    MaxBatch,
    InFlight,
    Dedup,
    ShowKeys,
    Blocking,
    Ordered,
    Timeout,
    Rate,
    GroupBy,
    Retry,
    Cache,
    Capacity,
    TimeToLive,
    By,
    CacheErrors,
    Faults,
    Shared,
}

const KNOWN: KnownOptions<OptionName> = KnownOptions {
    names: &[
        ("max_batch", OptionName::MaxBatch),
        ("max_in_flight", OptionName::InFlight),
        ("dedup", OptionName::Dedup),
        ("show_keys", OptionName::ShowKeys),
        ("blocking", OptionName::Blocking),
        ("ordered", OptionName::Ordered),
        ("timeout", OptionName::Timeout),
        ("rate", OptionName::Rate),
        ("group_by", OptionName::GroupBy),
        ("retry", OptionName::Retry),
        ("cache", OptionName::Cache),
        ("capacity", OptionName::Capacity),
        ("ttl", OptionName::TimeToLive),
        ("by", OptionName::By),
        ("cache_errors", OptionName::CacheErrors),
        ("faults", OptionName::Faults),
        ("shared", OptionName::Shared),
    ],
    shorthands: &[
        ("read", &[OptionName::Dedup, OptionName::Cache]),
        ("write", &[OptionName::Ordered]),
    ],
};

const MAX_BATCH: Minimum =
    Minimum { min: 1, message: "a batch holds at least one request: `max_batch = 1` or more" };
const IN_FLIGHT: Minimum = Minimum {
    min: 1,
    message: "at least one batch is on its way at a time: `max_in_flight = 1` or more",
};
const CAPACITY: Minimum =
    Minimum { min: 1, message: "a cache holds at least one answer: `capacity = 1` or more" };

/// Reads the attribute into options. Returns the arguments beside them, for `conflicts.rs`.
pub(super) fn parse(attribute: TokenStream, errors: &mut Errors) -> (Options, Args<OptionName>) {
    let mut args = KNOWN.read(attribute, errors);
    let mut options = Options::default();
    for arg in &args.parsed {
        for name in arg.sets {
            option(*name, arg, &mut options, errors);
        }
    }
    // What a cache needs depends on its scope, which is unknown if the cache could not be read.
    args.complete &= args.find(OptionName::Cache).is_none() || options.cache.is_some();
    (options, args)
}

/// Reads the value of one option.
fn option(name: OptionName, arg: &Arg<OptionName>, options: &mut Options, errors: &mut Errors) {
    match name {
        OptionName::MaxBatch => {
            options.max_batch =
                values::number(arg, "a number: `max_batch = 500`", &MAX_BATCH, errors)
        }
        OptionName::InFlight => {
            options.max_in_flight =
                values::number(arg, "a number: `max_in_flight = 4`", &IN_FLIGHT, errors)
        }
        OptionName::Dedup => options.dedup = values::flag(arg, errors),
        OptionName::ShowKeys => options.show_keys = values::flag(arg, errors),
        OptionName::Blocking => options.blocking = values::flag(arg, errors),
        OptionName::Ordered => options.ordered = values::flag(arg, errors),
        OptionName::Timeout => options.timeout = durations::duration(arg, errors),
        OptionName::Rate => options.rate = durations::rate(arg, errors),
        OptionName::GroupBy => {
            options.group_by = values::expression(
                arg,
                "what is equal in a batch: `group_by = |key| key.page_size`",
                errors,
            )
        }
        OptionName::Retry => options.retry = retry::retry(arg, errors),
        OptionName::Cache => options.cache = cache::cache(arg, errors),
        OptionName::Capacity => {
            options.capacity =
                values::number(arg, "a number: `capacity = 10_000`", &CAPACITY, errors)
        }
        OptionName::TimeToLive => options.ttl = durations::duration(arg, errors),
        OptionName::By => options.by = cache::partition(arg, errors),
        OptionName::CacheErrors => options.cache_errors = values::flag(arg, errors),
        OptionName::Faults => options.faults = faults(arg, errors),
        OptionName::Shared => options.shared = values::flag(arg, errors),
    }
}

/// Reads `faults`: the name for `faults = "error"`, and `None` for `"run"`, the default.
fn faults(arg: &Arg<OptionName>, errors: &mut Errors) -> Option<Ident> {
    const TAKES: &str = "`\"run\"` (trouble with a batch ends the run, the default) or \
                         `\"error\"` (its requests get it as their error)";
    let text = values::text(arg, TAKES, errors)?;
    match text.value().as_str() {
        "error" => return Some(arg.name.clone()),
        "run" => {}
        _ => values::refuse(text, arg, TAKES, errors),
    }
    None
}
