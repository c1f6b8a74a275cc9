//! The type that one request gets, as far as the spelling of the types tells.
//!
//! The runtime's `Answers` derives that type for every return type. Where the spelling tells it,
//! the expansion names the type itself: then the request implements `Request` even if the return
//! type has a mistake, and the mistake is reported where the answers are returned, not at each use.
//! With `faults = "error"` the spelling also decides whether the error of an answer that is a
//! `Result` becomes the error of the request.

use super::model::{Answers, Dispatcher};
use super::parse;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;

/// What follows from the types of a dispatcher's keys and answers.
pub(super) struct Answer {
    /// The type that one request gets.
    pub(super) one: TokenStream,
    /// The type of the batch's answers in the runtime: the return type, in a wrapper if faults
    /// become errors. `None` if the function returns nothing.
    pub(super) batch: Option<TokenStream>,
    /// Whether the spelling tells the type. If not, the runtime's traits derive it.
    pub(super) known: bool,
    /// Whether equal keys are asked once, since answers come by key.
    pub(super) dedup: bool,
    /// Where errors of requests come from; `None` if faults end the run.
    pub(super) faults: Option<Faults>,
}

/// Where the error of a request comes from, if not from a fault.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Faults {
    /// From the batch as a whole, if that is a `Result`; otherwise from nowhere.
    OfBatch,
    /// From each answer, which is a `Result`. If the batch as a whole is a `Result` too, the type
    /// of its error is the same.
    OfEach,
}

impl Faults {
    /// The type that wraps the answers of a batch.
    pub(super) fn wrapper(self, at: Span) -> TokenStream {
        match self {
            Faults::OfBatch => quote_spanned!(at=> ::corio::Faulty),
            Faults::OfEach => quote_spanned!(at=> ::corio::FaultyEach),
        }
    }
}

/// Derives the type of one answer, and what follows from it.
pub(super) fn answer(dispatcher: &Dispatcher) -> Answer {
    match &dispatcher.answers {
        Answers::Returned(returned) => of_returned(returned, dispatcher),
        Answers::Filled(one) | Answers::Batch(one) => {
            let (one, faults) = match dispatcher.options.faults {
                Some(_) => {
                    let (one, faults) = faulty_each(one, None);
                    (one, Some(faults))
                }
                None => (one.to_token_stream(), None),
            };
            Answer { one, batch: None, known: true, dedup: false, faults }
        }
    }
}

fn of_returned(returned: &Type, dispatcher: &Dispatcher) -> Answer {
    let (known, to_errors) = (known(returned), dispatcher.options.faults.is_some());
    let (one, faults) = match (&known, to_errors) {
        (Some(known), false) => (Some(known.one.clone()), None),
        (Some(_), true) => {
            let (one, faults) = match result(returned) {
                Some((answers, error)) => faulty(answers, Some(error)),
                None => faulty(returned, None),
            };
            (Some(one), Some(faults))
        }
        (None, to_errors) => (None, to_errors.then_some(Faults::OfBatch)),
    };
    let batch =
        faults.map_or_else(|| returned.to_token_stream(), |faults| wrapped(faults, returned));
    let key = dispatcher.keys.key();
    let one = one.unwrap_or_else(|| quote!(<#batch as ::corio::Answers<#key>>::Answer));
    Answer {
        one,
        batch: Some(batch),
        known: known.is_some(),
        dedup: known.is_some_and(|known| known.dedup),
        faults,
    }
}

/// A return type that is recognised by its spelling.
struct Known {
    one: TokenStream,
    dedup: bool,
}

/// Recognises `Vec`, `HashMap`, `BTreeMap`, and a `Result` of one of these.
fn known(returned: &Type) -> Option<Known> {
    let Type::Path(path) = parse::ungrouped(returned) else { return None };
    let last = path.path.segments.last()?;
    match (last.ident.to_string().as_str(), parse::type_arguments(&last.arguments).as_slice()) {
        ("Vec", [one]) => Some(Known { one: quote!(#one), dedup: false }),
        ("HashMap", [_, one] | [_, one, _]) | ("BTreeMap", [_, one]) => {
            Some(Known { one: quote!(::core::option::Option<#one>), dedup: true })
        }
        ("Result", [answers, error]) => {
            let Known { one, dedup } = known(answers)?;
            Some(Known { one: quote!(::core::result::Result<#one, #error>), dedup })
        }
        _ => None,
    }
}

/// The type that one request gets if faults become errors, where the batch has the known type
/// `answers` and may fail as a whole with `error`.
fn faulty(answers: &Type, error: Option<&Type>) -> (TokenStream, Faults) {
    match parse::arguments(answers, "Vec", 1).as_deref() {
        Some([one]) => faulty_each(one, error),
        _ => {
            let one = known(answers).map_or_else(|| answers.to_token_stream(), |known| known.one);
            (with_faults(one, error), Faults::OfBatch)
        }
    }
}

/// The type that one request gets if faults become errors, where the batch has an answer of the
/// type `one` for each position and may fail as a whole with `error`.
fn faulty_each(one: &Type, error: Option<&Type>) -> (TokenStream, Faults) {
    match result(one) {
        // If the batch fails with another type of error, a request can get only one of the two.
        Some((one, own)) if error.is_none_or(|error| error == own) => {
            (with_faults(one, Some(own)), Faults::OfEach)
        }
        _ => (with_faults(one, error), Faults::OfBatch),
    }
}

/// Returns `Result<one, RequestError<error>>`.
fn with_faults(one: impl ToTokens, error: Option<&Type>) -> TokenStream {
    let error = error.map(|error| quote!(<#error>));
    quote!(::core::result::Result<#one, ::corio::RequestError #error>)
}

/// Puts the type `answers` into its wrapper. The wrapper has the spans of the type, so that errors
/// are shown there.
fn wrapped(faults: Faults, answers: &Type) -> TokenStream {
    let (first, last) = outer_spans(answers);
    let wrapper = faults.wrapper(first);
    let close = quote_spanned!(last=> >);
    quote_spanned!(first=> #wrapper<#answers #close)
}

/// The spans of the first and of the last token; stable Rust has no way to join them.
pub(super) fn outer_spans(tokens: impl ToTokens) -> (Span, Span) {
    let mut spans = tokens.to_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    (first, spans.last().unwrap_or(first))
}

/// The `A` and `E` of `Result<A, E>`.
fn result(ty: &Type) -> Option<(&Type, &Type)> {
    match parse::arguments(ty, "Result", 2)?.as_slice() {
        [one, error] => Some((one, error)),
        _ => None,
    }
}
