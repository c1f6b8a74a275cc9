//! Reads the attribute: `max_batch = 500, dedup, retry(attempts = 5)`. Which options go together is
//! not decided here but in `exclusions.rs`.

mod cache;
mod durations;
mod list;
mod retry;
mod values;

pub(super) use list::{Word, Words};

use super::model::{Options, Range};
use crate::errors::Errors;
use list::Vocabulary;
use proc_macro2::{Ident, TokenStream};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    MaxBatch,
    InFlight,
    Dedup,
    ShowKeys,
    Blocking,
    Ordered,
    Timeout,
    GroupBy,
    Retry,
    Cache,
    Capacity,
    TimeToLive,
    By,
    CacheErrors,
    Faults,
}

const VOCABULARY: Vocabulary<Name> = Vocabulary {
    words: &[
        ("max_batch", Name::MaxBatch),
        ("in_flight", Name::InFlight),
        ("dedup", Name::Dedup),
        ("show_keys", Name::ShowKeys),
        ("blocking", Name::Blocking),
        ("ordered", Name::Ordered),
        ("timeout", Name::Timeout),
        ("group_by", Name::GroupBy),
        ("retry", Name::Retry),
        ("cache", Name::Cache),
        ("capacity", Name::Capacity),
        ("ttl", Name::TimeToLive),
        ("by", Name::By),
        ("cache_errors", Name::CacheErrors),
        ("faults", Name::Faults),
    ],
    short_forms: &[("read", &[Name::Dedup, Name::Cache]), ("write", &[Name::Ordered])],
};

const MAX_BATCH: Range =
    Range { least: 1, otherwise: "a batch holds at least one request: `max_batch = 1` or more" };
const IN_FLIGHT: Range = Range {
    least: 1,
    otherwise: "at least one batch is on its way at a time: `in_flight = 1` or more",
};
const CAPACITY: Range =
    Range { least: 1, otherwise: "a cache holds at least one answer: `capacity = 1` or more" };

/// What each word says, and the words themselves, for what they exclude.
pub(super) fn parse(attribute: TokenStream, errors: &mut Errors) -> (Options, Words<Name>) {
    let mut words = VOCABULARY.read(attribute, errors);
    let mut options = Options::default();
    for word in &words.given {
        for name in word.says {
            option(*name, word, &mut options, errors);
        }
    }
    // Of a cache that can't be made out nobody knows what it needs.
    words.complete &= words.find(Name::Cache).is_none() || options.cache.is_some();
    (options, words)
}

fn option(name: Name, word: &Word<Name>, options: &mut Options, errors: &mut Errors) {
    match name {
        Name::MaxBatch => {
            options.max_batch =
                values::number(word, "a number: `max_batch = 500`", &MAX_BATCH, errors)
        }
        Name::InFlight => {
            options.in_flight =
                values::number(word, "a number: `in_flight = 4`", &IN_FLIGHT, errors)
        }
        Name::Dedup => options.dedup = values::flag(word, errors),
        Name::ShowKeys => options.show_keys = values::flag(word, errors),
        Name::Blocking => options.blocking = values::flag(word, errors),
        Name::Ordered => options.ordered = values::flag(word, errors),
        Name::Timeout => options.timeout = durations::duration(word, errors),
        Name::GroupBy => {
            options.group_by = values::expression(
                word,
                "what is equal in a batch: `group_by = |key| key.page_size`",
                errors,
            )
        }
        Name::Retry => options.retry = retry::retry(word, errors),
        Name::Cache => options.cache = cache::cache(word, errors),
        Name::Capacity => {
            options.capacity =
                values::number(word, "a number: `capacity = 10_000`", &CAPACITY, errors)
        }
        Name::TimeToLive => options.time_to_live = durations::duration(word, errors),
        Name::By => options.by = cache::partition(word, errors),
        Name::CacheErrors => options.cache_errors = values::flag(word, errors),
        Name::Faults => options.faults = faults(word, errors),
    }
}

/// `faults = "error"`; nothing for `"run"`, as without.
fn faults(word: &Word<Name>, errors: &mut Errors) -> Option<Ident> {
    const TAKES: &str = "`\"run\"` (trouble with a batch ends the run, the default) or \
                         `\"error\"` (its requests get it as their error)";
    let text = values::text(word, TAKES, errors)?;
    match text.value().as_str() {
        "error" => return Some(word.written.clone()),
        "run" => {}
        _ => values::refuse(text, word, TAKES, errors),
    }
    None
}
