//! The body of `Dispatch::dispatch`: the call of the function, for each form of keys and answers
//! and each mode.

use crate::dispatcher::answer::{Answer, Faults};
use crate::dispatcher::model::{Answers, Dispatcher, Keys, Mode};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

/// The statements of `Dispatch::dispatch`.
///
/// For `fn fetch(db: &Db, keys: &[K]) -> Vec<R>` the statements are
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

/// The call of a function that takes a `Batch`.
fn slots(dispatcher: &Dispatcher, answer: &Answer) -> TokenStream {
    let pieces = pieces(dispatcher);
    let wrap = answer.faults.map_or_else(|| quote!(::core::convert::identity), wrap);
    match dispatcher.mode() {
        Mode::InPlace => quote!(requests.batch_with(#wrap, |batch| Self::batch(#pieces batch))),
        Mode::Async => {
            quote! {
                requests
                    .batch_async_with(#wrap, async move |batch| Self::batch(#pieces batch).await)
            }
        }
        Mode::Blocking => blocking(
            dispatcher,
            "batch_blocking_with",
            None,
            quote!(#wrap, move |batch| Self::batch(#pieces batch)),
        ),
    }
}

/// The function that turns the answer of a slot into that of its request, if faults become errors.
fn wrap(faults: Faults) -> TokenStream {
    match faults {
        Faults::OfBatch => quote!(::corio::__private::plain_answer),
        Faults::OfEach => quote!(::corio::__private::each_answer),
    }
}

/// The call of a function that takes all keys at once.
fn answers(dispatcher: &Dispatcher, answer: &Answer) -> TokenStream {
    let mode = dispatcher.mode();
    let pieces = pieces(dispatcher);
    let await_ = (mode == Mode::Async).then(|| quote!(.await));
    let filled = matches!(dispatcher.answers, Answers::Filled(_));
    let shared = matches!(dispatcher.keys, Keys::Shared(_));
    // The runtime passes its own vector: this is the only form without a new one for each batch.
    if filled && shared && mode == Mode::InPlace && answer.faults.is_none() {
        return quote!(requests.fill(|keys, answers| Self::batch(#pieces keys, answers)));
    }
    let wrapper = answer.faults.map(|faults| faults.wrapper(Span::call_site()));
    let wrapped =
        |answers: TokenStream| if wrapper.is_some() { quote!(#wrapper(#answers)) } else { answers };
    let body = if filled {
        let answers = wrapped(quote!(answers));
        quote!({
            let mut answers = ::std::vec::Vec::new();
            Self::batch(#pieces keys, &mut answers) #await_;
            #answers
        })
    } else {
        wrapped(quote!(Self::batch(#pieces keys) #await_))
    };
    // The type is named, so that its mistakes are shown on it.
    let batch = answer.batch.as_ref().map(|batch| quote!(::<#batch>));
    let parameter = parameter(&dispatcher.keys, mode);
    match (mode, shared) {
        (Mode::InPlace, true) => quote!(requests.answer #batch(|#parameter| #body)),
        (Mode::InPlace, false) => quote!(requests.answer_owned #batch(|#parameter| #body)),
        (Mode::Async, true) => quote!(requests.answer_async #batch(async move |#parameter| #body)),
        (Mode::Async, false) => {
            quote!(requests.answer_owned_async #batch(async move |#parameter| #body))
        }
        (Mode::Blocking, true) => {
            blocking(dispatcher, "answer_blocking", batch, quote!(move |#parameter| #body))
        }
        (Mode::Blocking, false) => {
            blocking(dispatcher, "answer_owned_blocking", batch, quote!(move |#parameter| #body))
        }
    }
}

/// The closure's parameter for the keys. Its type is written where the closure would otherwise not
/// be generic over the lifetime of the keys.
fn parameter(keys: &Keys, mode: Mode) -> TokenStream {
    match (mode, keys) {
        (Mode::Async | Mode::Blocking, Keys::Shared(key)) => quote!(keys: &[#key]),
        (Mode::Blocking, Keys::Owned(key)) => quote!(keys: ::std::vec::Vec<#key>),
        _ => quote!(keys),
    }
}

/// The pieces as arguments. A function on another thread gets references to clones.
fn pieces(dispatcher: &Dispatcher) -> TokenStream {
    let pieces = &dispatcher.pieces;
    if dispatcher.mode() == Mode::Blocking {
        let local = piece_locals(dispatcher);
        quote!(#(&#local,)*)
    } else {
        quote!(#(::corio::Provide::<#pieces>::provide(context),)*)
    }
}

/// The names of the locals that hold the clones.
fn piece_locals(dispatcher: &Dispatcher) -> impl Iterator<Item = Ident> {
    (0..dispatcher.pieces.len()).map(|at| format_ident!("__piece_{at}"))
}

/// Returns `requests.method(arguments)` for a function on another thread, within a macro of the
/// runtime that is an error without the feature `blocking`. The macro holds the whole call, so that
/// there is no other error then.
fn blocking(
    dispatcher: &Dispatcher,
    method: &str,
    batch: Option<TokenStream>,
    arguments: TokenStream,
) -> TokenStream {
    let at = dispatcher.options.blocking.as_ref().map_or_else(Span::call_site, Ident::span);
    // The call is shown at the option `blocking`, since only this option requires keys and answers
    // that are `Send`.
    let here = Span::call_site().located_at(at);
    let method = Ident::new(method, here);
    let pieces = dispatcher.pieces.iter().zip(piece_locals(dispatcher)).map(|(piece, local)| {
        quote! {
            let #local = ::corio::__private::piece::<#piece>(
                ::corio::Provide::<#piece>::provide(context)
            );
        }
    });
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
