//! What one request gets, as far as the types say it by how they are spelled.
//!
//! The runtime's `Answers` says it for every type. What is known here is said here, so that the
//! request is one even if its answers have a mistake: that is to be reported where
//! they are returned, and not at each use. And with `faults = "error"` the spelling decides whether
//! an answer that is a `Result` brings the error of the request.

use super::model::{Answers, Dispatcher};
use super::parse;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;

/// What follows from the types of a dispatcher's keys and answers.
pub(super) struct Answer {
    /// What one request gets.
    pub(super) one: TokenStream,
    /// What the runtime takes for a batch: the return type, wrapped if faults become errors.
    /// `None` if nothing is returned.
    pub(super) batch: Option<TokenStream>,
    /// Whether the spelling says it all. If not, the runtime's traits do.
    pub(super) known: bool,
    /// Whether equal keys are asked once.
    pub(super) dedup: bool,
    /// There if faults become errors.
    pub(super) faults: Option<Faults>,
}

/// Where the error of a request comes from, beside the faults.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Faults {
    /// The batch: an `Err` of all of it, or nothing.
    OfBatch,
    /// Each answer is a `Result` with an error of its own; that of the batch is of the same type.
    OfEach,
}

impl Faults {
    /// What the answers of a batch are put into.
    pub(super) fn wrapper(self, at: Span) -> TokenStream {
        match self {
            Faults::OfBatch => quote_spanned!(at=> ::corio::Faulty),
            Faults::OfEach => quote_spanned!(at=> ::corio::FaultyEach),
        }
    }
}

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

struct Known {
    one: TokenStream,
    dedup: bool,
}

fn known(returned: &Type) -> Option<Known> {
    let Type::Path(path) = parse::plain(returned) else { return None };
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

/// What one request gets if faults become errors: of a batch of the type `answers` that is known,
/// and that may fail as a whole with `error`.
fn faulty(answers: &Type, error: Option<&Type>) -> (TokenStream, Faults) {
    match parse::arguments(answers, "Vec", 1).as_deref() {
        Some([one]) => faulty_each(one, error),
        _ => {
            let one = known(answers).map_or_else(|| answers.to_token_stream(), |known| known.one);
            (with_faults(one, error), Faults::OfBatch)
        }
    }
}

/// The same of a batch that has an answer of the type `one` for each position.
fn faulty_each(one: &Type, error: Option<&Type>) -> (TokenStream, Faults) {
    match result(one) {
        // With another error for the batch, an answer would have two.
        Some((one, own)) if error.is_none_or(|error| error == own) => {
            (with_faults(one, Some(own)), Faults::OfEach)
        }
        _ => (with_faults(one, error), Faults::OfBatch),
    }
}

fn with_faults(one: impl ToTokens, error: Option<&Type>) -> TokenStream {
    let error = error.map(|error| quote!(<#error>));
    quote!(::core::result::Result<#one, ::corio::RequestError #error>)
}

/// The type `answers` inside of a wrapper, which shows where the type stands.
fn wrapped(faults: Faults, answers: &Type) -> TokenStream {
    let (first, last) = ends(answers);
    let wrapper = faults.wrapper(first);
    let close = quote_spanned!(last=> >);
    quote_spanned!(first=> #wrapper<#answers #close)
}

/// The first and the last token, as nothing joins them.
pub(super) fn ends(tokens: impl ToTokens) -> (Span, Span) {
    let mut spans = tokens.to_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    (first, spans.last().unwrap_or(first))
}

/// `A` and `E` of `Result<A, E>`
fn result(written: &Type) -> Option<(&Type, &Type)> {
    match parse::arguments(written, "Result", 2)?.as_slice() {
        [one, error] => Some((one, error)),
        _ => None,
    }
}
