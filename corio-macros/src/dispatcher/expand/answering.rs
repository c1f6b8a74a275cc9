//! How the runtime calls the function: by the way that keys come, answers go, and the function
//! runs.

use crate::dispatcher::answer::{Answer, Faults};
use crate::dispatcher::model::{Answers, Dispatcher, Keys, Way};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

/// The statements of `Dispatch::dispatch`.
///
/// `fn fetch(db: &Db, keys: &[K]) -> Vec<R>` is answered by
///
/// ```text
/// requests.answer::<Vec<R>>(|keys| Self::batch(::corio::Provide::<Db>::provide(context), keys))
/// ```
pub(super) fn answering(dispatcher: &Dispatcher, answer: &Answer) -> TokenStream {
    match dispatcher.keys {
        Keys::Batch(_) => slots(dispatcher, answer),
        Keys::Shared(_) | Keys::Owned(_) => answers(dispatcher, answer),
    }
}

/// The function answers slots.
fn slots(dispatcher: &Dispatcher, answer: &Answer) -> TokenStream {
    let pieces = pieces(dispatcher);
    let wrap = answer.faults.map_or_else(|| quote!(::core::convert::identity), wrap);
    match dispatcher.way() {
        Way::InPlace => quote!(requests.batch_with(#wrap, |batch| Self::batch(#pieces batch))),
        Way::Async => {
            quote!(requests.batch_async_with(#wrap, async move |batch| Self::batch(#pieces batch).await))
        }
        Way::Blocking => blocking(
            dispatcher,
            "batch_blocking_with",
            None,
            quote!(#wrap, move |batch| Self::batch(#pieces batch)),
        ),
    }
}

/// How the answer of a slot becomes that of a request if faults become errors.
fn wrap(faults: Faults) -> TokenStream {
    match faults {
        Faults::OfBatch => quote!(::corio::__private::plain_answer),
        Faults::OfEach => quote!(::corio::__private::each_answer),
    }
}

/// The function answers all keys at once.
fn answers(dispatcher: &Dispatcher, answer: &Answer) -> TokenStream {
    let way = dispatcher.way();
    let pieces = pieces(dispatcher);
    let waiting = (way == Way::Async).then(|| quote!(.await));
    let filled = matches!(dispatcher.answers, Answers::Filled(_));
    let shared = matches!(dispatcher.keys, Keys::Shared(_));
    // The one form that needs no vector of its own.
    if filled && shared && way == Way::InPlace && answer.faults.is_none() {
        return quote!(requests.fill(|keys, answers| Self::batch(#pieces keys, answers)));
    }
    let wrapper = answer.faults.map(|faults| faults.wrapper(Span::call_site()));
    let wrapped =
        |answers: TokenStream| if wrapper.is_some() { quote!(#wrapper(#answers)) } else { answers };
    let body = if filled {
        let answers = wrapped(quote!(answers));
        quote!({
            let mut answers = ::std::vec::Vec::new();
            Self::batch(#pieces keys, &mut answers) #waiting;
            #answers
        })
    } else {
        wrapped(quote!(Self::batch(#pieces keys) #waiting))
    };
    // The type is named, so that what is wrong with it is shown on it.
    let batch = answer.batch.as_ref().map(|batch| quote!(::<#batch>));
    let parameter = parameter(&dispatcher.keys, way);
    match (way, shared) {
        (Way::InPlace, true) => quote!(requests.answer #batch(|#parameter| #body)),
        (Way::InPlace, false) => quote!(requests.answer_owned #batch(|#parameter| #body)),
        (Way::Async, true) => quote!(requests.answer_async #batch(async move |#parameter| #body)),
        (Way::Async, false) => {
            quote!(requests.answer_owned_async #batch(async move |#parameter| #body))
        }
        (Way::Blocking, true) => {
            blocking(dispatcher, "answer_blocking", batch, quote!(move |#parameter| #body))
        }
        (Way::Blocking, false) => {
            blocking(dispatcher, "answer_owned_blocking", batch, quote!(move |#parameter| #body))
        }
    }
}

/// The keys, with their type where the closure would not be one for every lifetime without.
fn parameter(keys: &Keys, way: Way) -> TokenStream {
    match (way, keys) {
        (Way::Async | Way::Blocking, Keys::Shared(key)) => quote!(keys: &[#key]),
        (Way::Blocking, Keys::Owned(key)) => quote!(keys: ::std::vec::Vec<#key>),
        _ => quote!(keys),
    }
}

/// The pieces as arguments. Those for another thread are clones of its own.
fn pieces(dispatcher: &Dispatcher) -> TokenStream {
    let pieces = &dispatcher.pieces;
    if dispatcher.way() == Way::Blocking {
        let own = own(dispatcher);
        quote!(#(&#own,)*)
    } else {
        quote!(#(::corio::Provide::<#pieces>::provide(context),)*)
    }
}

fn own(dispatcher: &Dispatcher) -> impl Iterator<Item = Ident> {
    (0..dispatcher.pieces.len()).map(|at| format_ident!("__piece_{at}"))
}

/// `requests.method(arguments)` for another thread, behind a macro that is an error without the
/// feature. It carries the call, so that this is the only error then.
fn blocking(
    dispatcher: &Dispatcher,
    method: &str,
    batch: Option<TokenStream>,
    arguments: TokenStream,
) -> TokenStream {
    let at = dispatcher.options.blocking.as_ref().map_or_else(Span::call_site, Ident::span);
    // Shown at the option, which is to blame for keys and answers that can't leave their thread.
    let here = Span::call_site().located_at(at);
    let method = Ident::new(method, here);
    let pieces = dispatcher
        .pieces
        .iter()
        .zip(own(dispatcher))
        .map(|(piece, own)| quote!(let #own = ::corio::__private::piece::<#piece>(::corio::Provide::<#piece>::provide(context));));
    let mut arguments = Group::new(Delimiter::Parenthesis, arguments);
    arguments.set_span(here);
    let mut call = Group::new(
        Delimiter::Parenthesis,
        quote_spanned!(here=> requests.#method #batch #arguments),
    );
    call.set_span(at);
    let needs_blocking = quote_spanned!(at=> ::corio::__private::needs_blocking!);
    quote!(#(#pieces)* #needs_blocking #call)
}
