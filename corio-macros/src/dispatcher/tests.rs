//! Tests of the forms of a per-batch function, and of what is refused. The tests of the options are
//! in `tests/`.

mod blocking;
mod faults;
mod options;
mod options_refused;
mod shared;

use super::dispatcher;
use crate::testing::{assert_items, assert_messages, tokens};
use proc_macro2::TokenStream;

#[track_caller]
fn refuse(options: &str, item: &str, expected: &[&str]) {
    assert_messages(dispatcher(tokens(options), tokens(item)), expected);
}

/// The impl of the trait `of` in the expansion.
fn implementation(options: &str, item: &str, of: &str) -> syn::ItemImpl {
    let file: syn::File = syn::parse2(dispatcher(tokens(options), tokens(item)))
        .expect("the expansion is made of items");
    let found = file.items.into_iter().find_map(|item| match item {
        syn::Item::Impl(item)
            if item.trait_.as_ref().is_some_and(|(path, _)| {
                path.segments.last().is_some_and(|last| last.ident == of)
            }) =>
        {
            Some(item)
        }
        _ => None,
    });
    found.expect("a dispatcher has one")
}

/// The body of `dispatch`. A call within `needs_blocking!`, the macro that is an error without the
/// feature, is taken out of the macro.
fn answering(options: &str, item: &str) -> TokenStream {
    let syn::ImplItem::Fn(mut dispatch) = implementation(options, item, "Dispatch").items.remove(0)
    else {
        unreachable!("it begins with the function")
    };
    if let Some(syn::Stmt::Expr(last @ syn::Expr::Macro(_), None)) = dispatch.block.stmts.last_mut()
    {
        let syn::Expr::Macro(behind) = &*last else { unreachable!("it was matched") };
        assert_eq!(behind.mac.path, syn::parse_quote!(::corio::__private::needs_blocking));
        *last = behind.mac.parse_body().expect("it holds a call");
    }
    let block = dispatch.block;
    quote::quote!(fn dispatch() #block)
}

#[track_caller]
fn check_answering_with(options: &str, item: &str, expected: &str) {
    assert_items(answering(options, item), &format!("fn dispatch() {{ {expected} }}"));
}

#[track_caller]
fn check_answering(item: &str, expected: &str) {
    check_answering_with("", item, expected);
}

#[test]
fn the_whole() {
    let expanded = dispatcher(
        tokens("max_batch = 500, dedup, show_keys"),
        tokens(
            "/// Docs.\n #[cfg(x)] #[expect(unused)] pub fn fetch(db: &Db, ids: &[Id]) -> \
             Result<HashMap<Id, Author>, Arc<Error>> { body() }",
        ),
    );
    assert_items(
        expanded,
        r#"
        /// The request that [`fetch`](fn@fetch) makes.
        #[cfg(x)]
        #[allow(non_camel_case_types)]
        #[must_use = "a request does nothing until it is asked: `io!(fetch(..))`"]
        pub struct fetch { key: Id, }

        /// Docs.
        #[cfg(x)]
        pub fn fetch(key: Id) -> fetch { fetch { key } }

        #[cfg(x)]
        impl fetch {
            /// The per-batch function itself, for its own unit tests.
            #[allow(
                clippy::missing_errors_doc,
                clippy::missing_panics_doc,
                clippy::must_use_candidate
            )]
            #[expect(unused)]
            pub fn batch(db: &Db, ids: &[Id]) -> Result<HashMap<Id, Author>, Arc<Error>> { body() }
        }

        #[cfg(x)]
        impl ::corio::Request for fetch {
            type Key = Id;
            type Answer = ::core::result::Result<::core::option::Option<Author>, Arc<Error>>;
            const OPTIONS: ::corio::Options<Self::Key, Self::Answer> =
                {
                    ::corio::__private::answers::<Result<HashMap<Id, Author>, Arc<Error>>, Id>();
                    { { {
                        ::corio::Options::<Self::Key, Self::Answer>::of::<
                            Result<HashMap<Id, Author>, Arc<Error>>
                        >()
                    }.max_batch(500) }.dedup() }.show_keys()
                };
            fn name() -> &'static str { "fetch" }
            fn into_key(self) -> Self::Key { self.key }
            fn dispatcher_id() -> ::core::option::Option<&'static ::corio::DispatcherId> {
                static ID: ::corio::DispatcherId = ::corio::DispatcherId::new();
                ::core::option::Option::Some(&ID)
            }
        }

        #[cfg(x)]
        impl<__S: ::corio::Provide<Db>> ::corio::Dispatch<__S> for fetch {
            fn dispatch<'r>(context: &'r __S, requests: ::corio::Requests<'_, 'r, Self>) {
                ::corio::__private::answers::<Result<HashMap<Id, Author>, Arc<Error>>, Id>();
                requests.answer::<Result<HashMap<Id, Author>, Arc<Error>>>(
                    |keys| Self::batch(::corio::Provide::<Db>::provide(context), keys)
                )
            }
        }
        "#,
    );
}

#[test]
fn with_type_parameters() {
    assert_items(
        dispatcher(
            tokens(""),
            tokens(
                "fn show<T: Display, const N: usize>(keys: &[T], answers: &mut Vec<[u8; N]>) \
                 where T: Send { body() }",
            ),
        ),
        r#"
        /// The request that [`show`](fn@show) makes.
        #[allow(non_camel_case_types)]
        #[must_use = "a request does nothing until it is asked: `io!(show(..))`"]
        struct show<T: Display, const N: usize> where T: Send {
            key: T,
            marker: ::core::marker::PhantomData<fn() -> (T,)>,
        }

        fn show<T: Display, const N: usize>(key: T) -> show<T, N> where T: Send {
            show { key, marker: ::core::marker::PhantomData }
        }

        impl<T: Display, const N: usize> show<T, N> where T: Send {
            /// The per-batch function itself, for its own unit tests.
            #[allow(
                clippy::missing_errors_doc,
                clippy::missing_panics_doc,
                clippy::must_use_candidate
            )]
            fn batch(keys: &[T], answers: &mut Vec<[u8; N]>) { body() }
        }

        impl<T: Display + 'static, const N: usize> ::corio::Request for show<T, N> where T: Send {
            type Key = T;
            type Answer = [u8; N];
            const OPTIONS: ::corio::Options<Self::Key, Self::Answer> = ::corio::Options::new();
            fn name() -> &'static str { "show" }
            fn into_key(self) -> Self::Key { self.key }
        }

        impl<T: Display + 'static, const N: usize, __S> ::corio::Dispatch<__S> for show<T, N>
        where T: Send {
            fn dispatch<'r>(_context: &'r __S, requests: ::corio::Requests<'_, 'r, Self>) {
                requests.fill(|keys, answers| Self::batch(keys, answers))
            }
        }
        "#,
    );
}

#[test]
fn an_answer_that_is_known_is_named() {
    let answer = |returned: &str| {
        let expanded =
            dispatcher(TokenStream::new(), tokens(&format!("fn f(keys: &[K]) -> {returned} {{}}")))
                .to_string();
        let from = expanded.find("type Answer = ").expect("there is one") + "type Answer = ".len();
        expanded[from..].split(';').next().map(|answer| answer.replace(' ', ""))
    };
    assert_eq!(answer("std::vec::Vec<R>").as_deref(), Some("R"));
    assert_eq!(answer("Vec<Result<R, E>>").as_deref(), Some("Result<R,E>"));
    assert_eq!(answer("HashMap<K, R, H>").as_deref(), Some("::core::option::Option<R>"));
    assert_eq!(answer("BTreeMap<K, R>").as_deref(), Some("::core::option::Option<R>"));
    assert_eq!(answer("Result<Vec<R>, E>").as_deref(), Some("::core::result::Result<R,E>"));
    assert_eq!(answer("Rows").as_deref(), Some("<Rowsas::corio::Answers<K>>::Answer"));
    assert_eq!(
        answer("io::Result<Vec<R>>").as_deref(),
        Some("<io::Result<Vec<R>>as::corio::Answers<K>>::Answer")
    );
}

#[test]
fn each_form_is_answered() {
    let piece = "::corio::Provide::<Db>::provide(context)";
    check_answering(
        "fn f(keys: &[K]) -> Vec<R> {}",
        "requests.answer::<Vec<R>>(|keys| Self::batch(keys))",
    );
    check_answering(
        "fn f(_: &Db, mut keys: Vec<K>) -> Vec<R> {}",
        &format!("requests.answer_owned::<Vec<R>>(|keys| Self::batch({piece}, keys))"),
    );
    check_answering(
        "fn f(keys: &[K], answers: &mut Vec<R>) {}",
        "requests.fill(|keys, answers| Self::batch(keys, answers))",
    );
    check_answering(
        "fn f(keys: Vec<K>, answers: &mut Vec<R>) {}",
        "requests.answer_owned(|keys| { let mut answers = ::std::vec::Vec::new(); \
         Self::batch(keys, &mut answers); answers })",
    );
    check_answering(
        "fn f(a: &Db, batch: corio::Batch<K, R>) {}",
        &format!("requests.batch(|batch| Self::batch({piece}, batch))"),
    );
    check_answering(
        "async fn f(keys: &[K]) -> Vec<R> {}",
        "let answer = move |keys: ::corio::Keys<Self>| async move {
            let answers = <f>::batch(&keys).await;
            ::corio::Keys::answer::<Vec<R>>(keys, answers)
        };
        unsafe { ::corio::__private::answer_async(requests, answer) }",
    );
    check_answering(
        "async fn f(db: &Db, keys: Vec<K>) -> Vec<R> {}",
        &format!(
            "let __piece_0: &'r Db = {piece};
            let answer = move |keys: ::std::vec::Vec<K>| async move {{
                <f>::batch(__piece_0, keys).await
            }};
            unsafe {{ ::corio::__private::answer_owned_async(requests, answer) }}"
        ),
    );
    check_answering(
        "async fn f(keys: &[K], answers: &mut Vec<R>) {}",
        "let answer = move |keys: ::corio::Keys<Self>| async move {
            let answers = {
                let mut answers = ::std::vec::Vec::new();
                <f>::batch(&keys, &mut answers).await;
                answers
            };
            ::corio::Keys::answer(keys, answers)
        };
        unsafe { ::corio::__private::answer_async(requests, answer) }",
    );
    check_answering(
        "async fn f(keys: Vec<K>, answers: &mut Vec<R>) {}",
        "let answer = move |keys: ::std::vec::Vec<K>| async move {
            {
                let mut answers = ::std::vec::Vec::new();
                <f>::batch(keys, &mut answers).await;
                answers
            }
        };
        unsafe { ::corio::__private::answer_owned_async(requests, answer) }",
    );
    check_answering(
        "async fn f(batch: Batch<K, R>) -> () {}",
        "let answer = move |batch| async move { <f>::batch(batch).await };
        unsafe { ::corio::__private::batch_async(requests, ::core::convert::identity, answer) }",
    );
}

#[test]
fn what_answers_later_says_so() {
    let later =
        |item| dispatcher(TokenStream::new(), tokens(item)).to_string().contains("concurrent");
    assert!(later("async fn f(keys: &[K]) -> Vec<R> {}"));
    assert!(later("fn f(batch: Batch<K, R>) {}"));
    assert!(!later("fn f(keys: &[K]) -> Vec<R> {}"));
}

#[test]
fn keys() {
    const KEYS: &str =
        "the last parameter takes the keys: `&[K]`, `Vec<K>` or `corio::Batch<K, R>`";
    const NONE: &str = "no parameter takes the keys: add one, `keys: &[K]`, `keys: Vec<K>` or \
                        `batch: corio::Batch<K, R>`";
    refuse("", "fn f(keys: K) -> Vec<R> {}", &[KEYS]);
    refuse("", "fn f(keys: &[K], db: &Db) -> Vec<R> {}", &[KEYS]);
    refuse("", "fn f() -> Vec<R> {}", &[NONE]);
    refuse("", "fn f(answers: &mut Vec<R>) {}", &[NONE]);
}

#[test]
fn pieces() {
    refuse(
        "",
        "fn f(a: Db, b: &mut Db, c: &Db<'_>, keys: &[K]) -> Vec<R> {}",
        &[
            "pieces are shared: take `&Db`, and put what changes into a `Cell` or a `Mutex`",
            "a piece can't name a lifetime: take `&Db`, where `Db` owns what it holds",
            "pieces are shared: take `&Db`",
        ],
    );
}

#[test]
fn answers() {
    const NO_BATCH: &str = "a dispatcher returns a batch of answers: `Vec<R>` (position by \
                            position), `HashMap<K, R>` or `BTreeMap<K, R>` (by key), or a \
                            `Result` of one of these";
    refuse(
        "",
        "fn f(keys: &[K]) {}",
        &["the answers are missing: return them, `-> Vec<R>`, or fill a last parameter `answers: \
           &mut Vec<R>`"],
    );
    refuse(
        "",
        "fn f(keys: &[K], answers: &mut Vec<R>) -> Vec<R> {}",
        &["the answers are either returned or filled into the `&mut Vec`, not both: remove one"],
    );
    refuse(
        "",
        "fn f(batch: Batch<K, R>) -> Vec<R> {}",
        &["a function that takes a `Batch` answers through it, and returns nothing"],
    );
    refuse(
        "",
        "fn f(batch: Batch<K, R>, answers: &mut Vec<R>) {}",
        &["a function that takes a `Batch` answers through it, and fills nothing"],
    );
    refuse("", "fn f(keys: &[K]) -> usize {}", &[NO_BATCH]);
    refuse("", "fn f(keys: &[K]) -> Result<Option<R>, E> {}", &[NO_BATCH]);
    refuse("", "fn f(keys: &[K]) -> Alias {}", &[]);
}

#[test]
fn borrowed_data() {
    const OWNED: &str = "keys and answers own their data: take `&[String]`, not `&[&str]`";
    refuse("", "fn f(keys: &[&str]) -> Vec<Cow<'_, str>> {}", &[OWNED, OWNED]);
    refuse("", "fn f(keys: &[&'static str]) -> Vec<Box<dyn Fn(&str) -> &str>> {}", &[]);
    refuse(
        "",
        "fn f<'a>(keys: &[&'a str]) -> Vec<u8> {}",
        &["a dispatcher has no lifetime parameters; keys and answers own their data: take \
           `&[String]`, not `&[&str]`, and pieces by `&Db`"],
    );
}

#[test]
fn qualifiers() {
    refuse(
        "",
        r#"const unsafe extern "C" fn f(a: &impl Clone, keys: &[K]) -> Vec<R> {}"#,
        &[
            "a dispatcher can't be an `unsafe fn`, since corio calls it: remove `unsafe`, and put \
             an `unsafe` block into it",
            "a dispatcher can't be an `extern fn`: remove `extern`",
            "a dispatcher's types have names, since its request is a type of its own: name the \
             type, or a type parameter `<T: Trait>`",
            "a dispatcher can't be a `const fn`: remove `const`",
        ],
    );
    refuse(
        "",
        "fn f(&self, keys: &[K]) -> Vec<R> {}",
        &["a dispatcher is a free function: take what it needs of `self` as a piece, `&Db`"],
    );
    refuse("", "struct S;", &["`#[corio::dispatcher]` goes on a function that answers a batch"]);
}

#[test]
fn the_request_of_an_async_function_knows_its_future() {
    let expanded = dispatcher(
        TokenStream::new(),
        tokens("async fn fetch<T: Row>(db: &Db, ids: &[Id<T>]) -> Vec<T> { body() }"),
    );
    let parts = [
        "struct fetch<T: Row, __F = ()> { key: Id<T>, marker: (::core::marker::PhantomData<fn() -> \
         (T,)>, ::corio::__private::Flow<fetch<T>, __F>), }",
        "fn fetch<T: Row>(key: Id<T>) -> fetch<T, impl ::core::marker::Sized + 'static> where T: \
         'static { fetch { key, marker: (::core::marker::PhantomData, ::corio::__private::flow(|| \
         <fetch<T> >::batch(::corio::__private::returns::<&'static Db>(), \
         ::corio::__private::returns::<&'static [Id<T>]>(),))) } }",
        "impl<T: Row + 'static, __F: 'static> ::corio::Request for fetch<T, __F>",
        "impl<T: Row + 'static, __F: 'static, __S: ::corio::Provide<Db> > ::corio::Dispatch<__S> \
         for fetch<T, __F>",
    ];
    let expanded = expanded.to_string();
    let without_spaces = |text: &str| text.replace(char::is_whitespace, "");
    for part in parts {
        let part = tokens(part).to_string();
        assert!(
            without_spaces(&expanded).contains(&without_spaces(&part)),
            "{part}\n is not in\n{expanded}"
        );
    }
}
