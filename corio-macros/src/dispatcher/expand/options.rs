//! `Request::OPTIONS`: a chain of method calls, one for each option.

use super::attributes::cfg;
use crate::dispatcher::answer::Answer;
use crate::dispatcher::model::{Dispatcher, Keys, Mode, Named, Number, Rate, Retry, Scope};
use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use std::time::Duration;
use syn::Expr;

/// Desugar from `max_batch = 500, dedup` into `::corio::Options::new().max_batch(500).dedup()`.
/// Closures are written with their types, since nothing before them determines the types.
pub(super) fn options(dispatcher: &Dispatcher, answer: &Answer) -> TokenStream {
    let mut chain = Chain(match &answer.batch {
        Some(batch) if answer.dedup || !answer.known => {
            quote!(::corio::Options::<Self::Key, Self::Answer>::of::<#batch>())
        }
        _ => quote!(::corio::Options::new()),
    });
    if dispatcher.mode() != Mode::InPlace || matches!(dispatcher.keys, Keys::Batch(_)) {
        chain.0.extend(quote!(.concurrent()));
    }
    let options = &dispatcher.options;
    chain.number("max_batch", &options.max_batch);
    chain.number("max_in_flight", &options.max_in_flight);
    // A cache implies `dedup`, and requires the same traits of keys: one of the two is enough.
    chain.flag("dedup", options.dedup.as_ref().filter(|_| options.cache.is_none()));
    chain.flag("show_keys", options.show_keys.as_ref());
    chain.flag("ordered", options.ordered.as_ref());
    chain.flag("shared", options.shared.as_ref());
    chain.duration("timeout", &options.timeout);
    if let Some(Named { name, value: Rate { batches, period } }) = &options.rate {
        let (batches, period) = (Literal::u32_unsuffixed(*batches), duration(*period));
        chain.option("rate", name.span(), quote!(#batches, #period));
    }
    if let Some(Named { name, value }) = &options.group_by {
        let at = hygienic(name.span());
        chain.option(
            "group_by",
            name.span(),
            quote_spanned!(at=> || ::corio::__private::groups::<Self::Key, _>(#value)),
        );
    }
    if let Some(retry) = &options.retry {
        chain.option("retry", retry.name.span(), self::retry(retry, options.faults.is_some()));
    }
    if let Some(cache) = &options.cache {
        chain.option("cache", cache.name.span(), should_cache(options.cache_errors.is_some()));
        if let Scope::Schedule(at) = cache.scope {
            chain.option("cache_in_schedule", at, quote!());
        }
    }
    chain.number("capacity", &options.capacity);
    chain.duration("ttl", &options.ttl);
    chain.flag("faults_as_errors", options.faults.as_ref());
    let Chain(options) = chain;
    match answers_check(answer, dispatcher) {
        Some(checked) => quote!({ #checked #options }),
        None => options,
    }
}

/// A call that checks the return type, where that is a map. The options and the answering both use
/// the type, and without the call both would report its mistakes.
pub(super) fn answers_check(answer: &Answer, dispatcher: &Dispatcher) -> Option<TokenStream> {
    let (batch, key) = (answer.batch.as_ref().filter(|_| answer.dedup)?, dispatcher.keys.key());
    Some(quote!(::corio::__private::answers::<#batch, #key>();))
}

/// The expression of the options so far.
struct Chain(TokenStream);

impl Chain {
    /// Appends a call: `{ … }.method(arguments)`. All of it has the option's span, braces included,
    /// so that an error is shown on this option and not on those before it.
    fn option(&mut self, method: &str, at: Span, arguments: TokenStream) {
        let method = Ident::new(method, at);
        let mut before = Group::new(Delimiter::Brace, std::mem::take(&mut self.0));
        before.set_span(at);
        self.0 = quote_spanned!(at=> #before.#method(#arguments));
    }

    fn flag(&mut self, method: &str, flag: Option<&Ident>) {
        if let Some(written) = flag {
            self.option(method, written.span(), quote!());
        }
    }

    fn number(&mut self, method: &str, number: &Option<Number>) {
        if let Some(Number { name, value, .. }) = number {
            self.option(method, name.span(), value.to_token_stream());
        }
    }

    fn duration(&mut self, method: &str, duration: &Option<Named<Duration>>) {
        if let Some(Named { name, value }) = duration {
            self.option(method, name.span(), self::duration(*value));
        }
    }
}

fn duration(duration: Duration) -> TokenStream {
    let (seconds, nanoseconds) = (
        Literal::u64_unsuffixed(duration.as_secs()),
        Literal::u32_unsuffixed(duration.subsec_nanos()),
    );
    quote!(::core::time::Duration::new(#seconds, #nanoseconds))
}

/// Desugar from `attempts = 5, backoff = "10ms..1s", jitter, when = is_busy` into
/// `::corio::Retry::attempts(5).backoff(…, …).jitter().when(|answer| …)`.
fn retry(retry: &Retry, faults: bool) -> TokenStream {
    let attempts = &retry.attempts.value;
    let mut chain = quote!(::corio::Retry::attempts(#attempts));
    if let Some(back_off) = &retry.back_off {
        let (min, max) = (duration(back_off.min), duration(back_off.max));
        chain.extend(quote!(.backoff(#min, #max)));
    }
    if retry.jitter {
        chain.extend(quote!(.jitter()));
    }
    if retry.timeouts.is_some() {
        chain.extend(quote!(.timeouts()));
    }
    if let Some(Named { name, value }) = &retry.when {
        // The call has the span of `when`, for the error if the answers are no `Result`.
        let at = hygienic(name.span());
        let answer = Ident::new("answer", at);
        let is_transient = if faults {
            quote_spanned!(at=> is_transient_fault)
        } else {
            quote_spanned!(at=> is_transient)
        };
        chain.extend(quote_spanned! {at=>
            .when(|#answer: &Self::Answer| ::corio::__private::#is_transient(#answer, #value))
        });
    }
    chain
}

/// The closure that decides whether an answer is cached: all answers if `errors`, otherwise all but
/// `Err`. `Probe` finds out whether an answer is a `Result`, which the spelling need not show.
fn should_cache(errors: bool) -> TokenStream {
    if errors {
        return quote!(|_: &Self::Answer| true);
    }
    let answer = Ident::new("answer", hygienic(Span::call_site()));
    quote! {
        |#answer: &Self::Answer| {
            use ::corio::__private::{ProbeAny as _, ProbeResult as _};
            (&::corio::__private::Probe(#answer)).keep()
        }
    }
}

/// A span for names that the user's expressions beside them can't see, shown at `at`.
fn hygienic(at: Span) -> Span {
    Span::mixed_site().located_at(at)
}

/// Assertions for the numbers that are constants rather than literals, shown where the constants
/// are written. The runtime asserts the same, but only for requests that are asked, and not at that
/// place.
pub(super) fn number_assertions(dispatcher: &Dispatcher) -> TokenStream {
    // A constant item can't name the function's type parameters.
    if !dispatcher.function.signature.generics.params.is_empty() {
        return TokenStream::new();
    }
    let options = &dispatcher.options;
    let attempts = options.retry.as_ref().map(|retry| &retry.attempts);
    let numbers = [
        options.max_batch.as_ref(),
        options.max_in_flight.as_ref(),
        attempts,
        options.capacity.as_ref(),
    ]
    .into_iter()
    .flatten();
    let cfg = cfg(&dispatcher.function.attributes);
    let constants = numbers.filter(|number| !matches!(number.value, Expr::Lit(_)));
    let assertions = constants.map(|Number { value, minimum, .. }| {
        let (min, message) = (Literal::u64_unsuffixed(minimum.min), minimum.message);
        quote_spanned! {syn::spanned::Spanned::span(value)=>
            #cfg
            const _: () = ::core::assert!(#value >= #min, #message);
        }
    });
    assertions.collect()
}
