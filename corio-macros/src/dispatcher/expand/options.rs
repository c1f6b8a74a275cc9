//! `Request::OPTIONS`: a chain of calls, one for each option.

use super::cfg;
use crate::dispatcher::answer::Answer;
use crate::dispatcher::model::{Dispatcher, Keys, Number, Retry, Scope, Way, With};
use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use std::time::Duration;
use syn::Expr;

/// Desugar from `max_batch = 500, dedup` into `::corio::Options::new().max_batch(500).dedup()`.
/// Closures name their types, as nothing before them does.
pub(super) fn options(dispatcher: &Dispatcher, answer: &Answer) -> TokenStream {
    let mut chain = Chain(match &answer.batch {
        Some(batch) if answer.dedup || !answer.known => {
            quote!(::corio::Options::<Self::Key, Self::Answer>::of::<#batch>())
        }
        _ => quote!(::corio::Options::new()),
    });
    if dispatcher.way() != Way::InPlace || matches!(dispatcher.keys, Keys::Batch(_)) {
        chain.0.extend(quote!(.concurrent()));
    }
    let options = &dispatcher.options;
    chain.number("max_batch", &options.max_batch);
    chain.number("in_flight", &options.in_flight);
    // A cache implies it, and would say the same of keys that can't be told apart.
    chain.flag("dedup", options.dedup.as_ref().filter(|_| options.cache.is_none()));
    chain.flag("show_keys", options.show_keys.as_ref());
    chain.flag("ordered", options.ordered.as_ref());
    chain.duration("timeout", &options.timeout);
    if let Some(With { name, value }) = &options.group_by {
        let at = hidden(name.span());
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
        chain.option("cache", cache.name.span(), kept(options.cache_errors.is_some()));
        if let Scope::Schedule(at) = cache.scope {
            chain.option("cache_between_runs", at, quote!());
        }
    }
    chain.number("capacity", &options.capacity);
    chain.duration("time_to_live", &options.time_to_live);
    chain.flag("faults_as_errors", options.faults.as_ref());
    let Chain(options) = chain;
    match checked(answer, dispatcher) {
        Some(checked) => quote!({ #checked #options }),
        None => options,
    }
}

/// The options and the answering both use the return type of a map, and would both say what is
/// wrong with it.
pub(super) fn checked(answer: &Answer, dispatcher: &Dispatcher) -> Option<TokenStream> {
    let (batch, key) = (answer.batch.as_ref().filter(|_| answer.dedup)?, dispatcher.keys.key());
    Some(quote!(::corio::__private::answers::<#batch, #key>();))
}

struct Chain(TokenStream);

impl Chain {
    /// `{ … }.method(arguments)`, shown where the option is, braces included: it is to blame, not
    /// what is before it.
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

    fn duration(&mut self, method: &str, duration: &Option<With<Duration>>) {
        if let Some(With { name, value }) = duration {
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
        let (least, most) = (duration(back_off.least), duration(back_off.most));
        chain.extend(quote!(.backoff(#least, #most)));
    }
    if retry.jitter {
        chain.extend(quote!(.jitter()));
    }
    if retry.timeouts.is_some() {
        chain.extend(quote!(.timeouts()));
    }
    if let Some(With { name, value }) = &retry.when {
        // `when` is to blame if there is no error to look at.
        let at = hidden(name.span());
        let answer = Ident::new("answer", at);
        let is_transient = if faults {
            quote_spanned!(at=> is_transient_fault)
        } else {
            quote_spanned!(at=> is_transient)
        };
        chain.extend(quote_spanned!(at=> .when(|#answer: &Self::Answer| ::corio::__private::#is_transient(#answer, #value))));
    }
    chain
}

/// Whether an answer is kept: all but errors, unless errors are as well. `Probe` finds out whether
/// it is a `Result`, which its type may not show.
fn kept(errors: bool) -> TokenStream {
    if errors {
        return quote!(|_: &Self::Answer| true);
    }
    let answer = Ident::new("answer", hidden(Span::call_site()));
    quote! {
        |#answer: &Self::Answer| {
            use ::corio::__private::{ProbeAny as _, ProbeResult as _};
            (&::corio::__private::Probe(#answer)).keep()
        }
    }
}

/// A span for names that expressions of the user's beside them can't see, shown at `at`.
fn hidden(at: Span) -> Span {
    Span::mixed_site().located_at(at)
}

/// The checks of numbers that are no literals but constants, where they are written. The runtime's
/// own are only made for what is asked, and far from here.
pub(super) fn checks(dispatcher: &Dispatcher) -> TokenStream {
    // A constant can't name the parameters of a function.
    if !dispatcher.function.signature.generics.params.is_empty() {
        return TokenStream::new();
    }
    let options = &dispatcher.options;
    let attempts = options.retry.as_ref().map(|retry| &retry.attempts);
    let numbers = [
        options.max_batch.as_ref(),
        options.in_flight.as_ref(),
        attempts,
        options.capacity.as_ref(),
    ]
    .into_iter()
    .flatten();
    let cfg = cfg(&dispatcher.function.attributes);
    let checks = numbers.filter(|number| !matches!(number.value, Expr::Lit(_))).map(|Number { value, range, .. }| {
        let (least, otherwise) = (Literal::u64_unsuffixed(range.least), range.otherwise);
        quote_spanned!(syn::spanned::Spanned::span(value)=> #cfg const _: () = ::core::assert!(#value >= #least, #otherwise);)
    });
    checks.collect()
}
