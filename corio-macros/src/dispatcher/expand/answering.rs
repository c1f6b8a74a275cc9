//! The body of `Dispatch::dispatch`: the call of the function, for each form of keys and answers
//! and each mode.

use crate::dispatcher::answer::{Answer, Faults};
use crate::dispatcher::model::{Answers, Dispatcher, Keys, Mode};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Index, Type};

/// The statements of `Dispatch::dispatch`.
///
/// For `fn fetch(db: &Db, keys: &[K]) -> Vec<R>` the statements are
///
/// ```text
/// requests.answer::<Vec<R>>(|keys| Self::batch(::corio::Provide::<Db>::provide(context), keys))
/// ```
pub(super) fn answering(dispatcher: &Dispatcher, answer: &Answer, of: Source) -> TokenStream {
    match dispatcher.keys {
        Keys::Batch(_) => slots(dispatcher, answer, of),
        Keys::Shared(_) | Keys::Owned(_) => answers(dispatcher, answer, of),
    }
}

/// Where the pieces come from.
#[derive(Clone, Copy)]
pub(super) enum Source<'d> {
    /// The context of a run: `context`. The request of an `async fn` tells whether its future is
    /// `Send`.
    Run,
    /// The context of a hub: `context`; but this type, or the parts of this tuple, from what the
    /// asker brings along: `part`. Futures are `Send`.
    Hub(&'d Type),
}

impl Source<'_> {
    /// The expression of a piece.
    fn piece(self, piece: &Type) -> TokenStream {
        if let Source::Hub(part) = self {
            if part == piece {
                return quote!(part);
            }
            if let Type::Tuple(parts) = part {
                if let Some(at) = parts.elems.iter().position(|part| part == piece) {
                    let at = Index::from(at);
                    return quote!(&part.#at);
                }
            }
        }
        quote!(::corio::Provide::<#piece>::provide(context))
    }

    /// Whether the context of a hub provides a piece: the part does not.
    pub(super) fn is_of_context(self, piece: &Type) -> bool {
        match self {
            Source::Run => true,
            Source::Hub(part) => {
                part != piece
                    && !matches!(part, Type::Tuple(parts)
                        if parts.elems.iter().any(|part| part == piece))
            }
        }
    }
}

/// The call of a function that takes a `Batch`.
fn slots(dispatcher: &Dispatcher, answer: &Answer, of: Source) -> TokenStream {
    let pieces = pieces(dispatcher, of);
    let wrap = answer.faults.map_or_else(|| quote!(::core::convert::identity), wrap);
    match dispatcher.mode() {
        Mode::InPlace => {
            let batch = quote!(|batch| Self::batch(#pieces batch));
            if answer.faults.is_none() {
                return quote!(requests.batch(#batch));
            }
            let call = generated("batch_with", Span::call_site(), Some(&wrap), Source::Run);
            quote!(let answer = #batch; #call)
        }
        Mode::Async => {
            later(dispatcher, "batch_async", Some(&wrap), &quote!(batch), of, |call| call)
        }
        Mode::Blocking => blocking(
            dispatcher,
            of,
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
fn answers(dispatcher: &Dispatcher, answer: &Answer, of: Source) -> TokenStream {
    let mode = dispatcher.mode();
    let (pieces, function) = (pieces(dispatcher, of), function(dispatcher));
    let filled = matches!(dispatcher.answers, Answers::Filled(_));
    let shared = matches!(dispatcher.keys, Keys::Shared(_));
    // The runtime passes its own vector: this is the only form without a new one for each batch.
    if filled && shared && mode == Mode::InPlace && answer.faults.is_none() {
        return quote!(requests.fill(|keys, answers| Self::batch(#pieces keys, answers)));
    }
    let wrapper = answer.faults.map(|faults| faults.wrapper(Span::call_site()));
    let wrapped =
        |answers: TokenStream| if wrapper.is_some() { quote!(#wrapper(#answers)) } else { answers };
    // The answers, from a call of the function.
    let answers = |call: TokenStream| {
        if !filled {
            return wrapped(call);
        }
        let answers = wrapped(quote!(answers));
        quote!({
            let mut answers = ::std::vec::Vec::new();
            #call;
            #answers
        })
    };
    let fill = filled.then(|| quote!(, &mut answers));
    let body = answers(quote!(#function(#pieces keys #fill)));
    // The type is named, so that its mistakes are shown on it.
    let batch = answer.batch.as_ref().map(|batch| quote!(::<#batch>));
    let parameter = parameter(&dispatcher.keys, mode);
    match (mode, shared) {
        (Mode::InPlace, true) => quote!(requests.answer #batch(|#parameter| #body)),
        (Mode::InPlace, false) => quote!(requests.answer_owned #batch(|#parameter| #body)),
        (Mode::Async, true) => {
            let keys = quote!(&keys #fill);
            later(dispatcher, "answer_async", None, &keys, of, |call| {
                let answers = answers(call);
                quote! {
                    let answers = #answers;
                    ::corio::Keys::answer #batch(keys, answers)
                }
            })
        }
        (Mode::Async, false) => {
            later(dispatcher, "answer_owned_async", None, &quote!(keys #fill), of, answers)
        }
        (Mode::Blocking, true) => {
            blocking(dispatcher, of, "answer_blocking", batch, quote!(move |#parameter| #body))
        }
        (Mode::Blocking, false) => blocking(
            dispatcher,
            of,
            "answer_owned_blocking",
            batch,
            quote!(move |#parameter| #body),
        ),
    }
}

/// The closure's parameter for the keys. Its type is written where the closure would otherwise not
/// be generic over the lifetime of the keys.
fn parameter(keys: &Keys, mode: Mode) -> TokenStream {
    match (mode, keys) {
        (Mode::Blocking, Keys::Shared(key)) => quote!(keys: &[#key]),
        (Mode::Blocking, Keys::Owned(key)) => quote!(keys: ::std::vec::Vec<#key>),
        _ => quote!(keys),
    }
}

/// The pieces as arguments. A function on another thread gets references to clones.
fn pieces(dispatcher: &Dispatcher, of: Source) -> TokenStream {
    if dispatcher.mode() == Mode::Blocking {
        let local = piece_locals(dispatcher);
        quote!(#(&#local,)*)
    } else {
        let pieces = dispatcher.pieces.iter().map(|piece| of.piece(piece));
        quote!(#(#pieces,)*)
    }
}

/// The answer by the future of an `async fn`, called with `arguments` after the pieces. `answers`
/// makes the answers from the awaited call.
///
/// ```text
/// let __piece_0: &'r Db = ::corio::Provide::<Db>::provide(context);
/// let answer = move |keys: ::corio::Keys<Self>| async move { … };
/// unsafe { ::corio::__private::answer_async(requests, answer) }
/// ```
///
/// The pieces are taken out of the context before there is a future, so that the future holds
/// nothing else of the context. No user code stands within the `unsafe` block.
fn later(
    dispatcher: &Dispatcher,
    method: &str,
    wrap: Option<&TokenStream>,
    arguments: &TokenStream,
    of: Source,
    answers: impl FnOnce(TokenStream) -> TokenStream,
) -> TokenStream {
    let at = dispatcher.function.signature.asyncness.map_or_else(Span::call_site, |word| word.span);
    let (pieces, function) = (&dispatcher.pieces, function(dispatcher));
    let local: Vec<Ident> = piece_locals(dispatcher).collect();
    let answers = answers(quote!(#function(#(#local,)* #arguments).await));
    let parameter = match &dispatcher.keys {
        Keys::Shared(_) => quote!(keys: ::corio::Keys<Self>),
        Keys::Owned(key) => quote!(keys: ::std::vec::Vec<#key>),
        Keys::Batch(_) => quote!(batch),
    };
    let call = generated(method, at, wrap, of);
    let provided = pieces.iter().map(|piece| of.piece(piece));
    quote! {
        #(let #local: &'r #pieces = #provided;)*
        let answer = move |#parameter| async move { #answers };
        #call
    }
}

/// The call of a function of the runtime that only generated code may call, with the closure
/// `answer`; in a hub that of one which asks that the future is `Send`.
fn generated(function: &str, at: Span, wrap: Option<&TokenStream>, of: Source) -> TokenStream {
    let here = Span::call_site().located_at(at);
    let wrap = wrap.map(|wrap| quote!(#wrap,));
    if let Source::Hub(_) = of {
        let method = Ident::new(function, here);
        if wrap.is_none() {
            return quote!(requests.#method(answer));
        }
        let function = format_ident!("{function}_send", span = here);
        return quote!(unsafe { ::corio::__private::#function(requests, #wrap answer) });
    }
    let function = Ident::new(function, here);
    quote!(unsafe { ::corio::__private::#function(requests, #wrap answer) })
}

/// The function as written. It belongs to the type of the request, without the parameter that the
/// request of an `async fn` has for a future.
pub(super) fn function(dispatcher: &Dispatcher) -> TokenStream {
    if dispatcher.mode() != Mode::Async {
        return quote!(Self::batch);
    }
    let signature = &dispatcher.function.signature;
    let (_, arguments, _) = signature.generics.split_for_impl();
    let name = &signature.ident;
    quote!(<#name #arguments>::batch)
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
    of: Source,
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
        let provided = of.piece(piece);
        quote!(let #local = ::corio::__private::piece::<#piece>(#provided);)
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
