//! Tests of `faults = "error"`: the type that requests get, and how the answers are wrapped.

use super::{check_answering_with, implementation};
use crate::dispatcher::dispatcher;
use crate::testing::{assert_items, tokens};
use quote::ToTokens;

const FAULTS: &str = "faults = \"error\"";

#[track_caller]
fn check_answer(item: &str, expected: &str) {
    let answer =
        implementation(FAULTS, item, "Request").items.into_iter().find_map(|item| match item {
            syn::ImplItem::Type(answer) if answer.ident == "Answer" => {
                Some(answer.ty.into_token_stream())
            }
            _ => None,
        });
    assert_items(quote::quote!(type Answer = #answer;), &format!("type Answer = {expected};"));
}

fn returning(returned: &str) -> String {
    format!("fn f(keys: &[K]) -> {returned} {{}}")
}

#[track_caller]
fn check_returned(returned: &str, answer: &str, wrapper: &str) {
    check_answer(&returning(returned), answer);
    let (wrapped, map) = (format!("::corio::{wrapper}<{returned}>"), returned.contains("Map"));
    let checked =
        if map { format!("::corio::__private::answers::<{wrapped}, K>();") } else { String::new() };
    check_answering_with(
        FAULTS,
        &returning(returned),
        &format!(
            "{checked} requests.answer::<{wrapped}>(|keys| ::corio::{wrapper}(Self::batch(keys)))"
        ),
    );
}

#[test]
fn what_a_request_gets() {
    check_returned("Vec<R>", "::core::result::Result<R, ::corio::RequestError>", "Faulty");
    check_returned(
        "HashMap<K, R>",
        "::core::result::Result<::core::option::Option<R>, ::corio::RequestError>",
        "Faulty",
    );
    check_returned(
        "Vec<Result<R, E>>",
        "::core::result::Result<R, ::corio::RequestError<E>>",
        "FaultyEach",
    );
    check_returned(
        "Result<Vec<R>, E>",
        "::core::result::Result<R, ::corio::RequestError<E>>",
        "Faulty",
    );
    check_returned(
        "Result<BTreeMap<K, R>, E>",
        "::core::result::Result<::core::option::Option<R>, ::corio::RequestError<E>>",
        "Faulty",
    );
    check_returned(
        "Result<Vec<Result<R, E>>, E>",
        "::core::result::Result<R, ::corio::RequestError<E>>",
        "FaultyEach",
    );
    // The batch fails with another type of error than each answer: the request gets the batch's.
    check_returned(
        "Result<Vec<Result<R, E>>, F>",
        "::core::result::Result<Result<R, E>, ::corio::RequestError<F>>",
        "Faulty",
    );
    // `io::Result` hides its error.
    check_returned(
        "Vec<io::Result<R>>",
        "::core::result::Result<io::Result<R>, ::corio::RequestError>",
        "Faulty",
    );
    for unknown in ["Rows", "io::Result<Vec<R>>", "Result<Rows, E>"] {
        check_returned(
            unknown,
            &format!("<::corio::Faulty<{unknown}> as ::corio::Answers<K>>::Answer"),
            "Faulty",
        );
    }
}

#[test]
fn the_options_know_the_wrapper() {
    let of = |returned: &str| {
        let expanded =
            dispatcher(tokens(FAULTS), tokens(&returning(returned))).to_string().replace(' ', "");
        expanded.contains(&format!("of::<::corio::Faulty<{returned}>>()"))
            && expanded.contains(".faults_as_errors()")
    };
    assert!(of("HashMap<K,R>"));
    assert!(of("Rows"));
    assert!(!of("Vec<R>"));
}

#[test]
fn nothing_changes_for_the_default() {
    check_answering_with(
        "faults = \"run\"",
        "fn f(keys: &[K]) -> Vec<R> {}",
        "requests.answer::<Vec<R>>(|keys| Self::batch(keys))",
    );
}

#[test]
fn each_form_is_wrapped() {
    check_answering_with(
        FAULTS,
        "fn f(keys: &[K], answers: &mut Vec<R>) {}",
        "requests.answer(|keys| { let mut answers = ::std::vec::Vec::new(); Self::batch(keys, \
         &mut answers); ::corio::Faulty(answers) })",
    );
    check_answer(
        "fn f(keys: &[K], answers: &mut Vec<Result<R, E>>) {}",
        "::core::result::Result<R, ::corio::RequestError<E>>",
    );
    check_answering_with(
        FAULTS,
        "async fn f(keys: Vec<K>, answers: &mut Vec<Result<R, E>>) {}",
        "let answer = move |keys: ::std::vec::Vec<K>| async move {
            {
                let mut answers = ::std::vec::Vec::new();
                <f>::batch(keys, &mut answers).await;
                ::corio::FaultyEach(answers)
            }
        };
        unsafe { ::corio::__private::answer_owned_async(requests, answer) }",
    );
    check_answering_with(
        FAULTS,
        "async fn f(keys: &[K]) -> Vec<R> {}",
        "let answer = move |keys: ::corio::Keys<Self>| async move {
            let answers = ::corio::Faulty(<f>::batch(&keys).await);
            ::corio::Keys::answer::<::corio::Faulty<Vec<R>>>(keys, answers)
        };
        unsafe { ::corio::__private::answer_async(requests, answer) }",
    );
    check_answering_with(
        "faults = \"error\", blocking",
        "fn f(keys: Vec<K>) -> Vec<Result<R, E>> {}",
        "requests.answer_owned_blocking::<::corio::FaultyEach<Vec<Result<R, E>>>>(
            move |keys: ::std::vec::Vec<K>| ::corio::FaultyEach(Self::batch(keys))
        )",
    );
}

#[test]
fn slots_are_wrapped() {
    check_answer("fn f(batch: Batch<K, R>) {}", "::core::result::Result<R, ::corio::RequestError>");
    check_answer(
        "fn f(batch: Batch<K, Result<R, E>>) {}",
        "::core::result::Result<R, ::corio::RequestError<E>>",
    );
    check_answering_with(
        FAULTS,
        "fn f(batch: Batch<K, R>) {}",
        "let answer = |batch| Self::batch(batch);
        unsafe {
            ::corio::__private::batch_with(requests, ::corio::__private::plain_answer, answer)
        }",
    );
    check_answering_with(
        FAULTS,
        "async fn f(batch: Batch<K, Result<R, E>>) {}",
        "let answer = move |batch| async move { <f>::batch(batch).await };
        unsafe {
            ::corio::__private::batch_async(requests, ::corio::__private::each_answer, answer)
        }",
    );
    check_answering_with(
        "faults = \"error\", blocking",
        "fn f(batch: Batch<K, R>) {}",
        "requests.batch_blocking_with(::corio::__private::plain_answer, move |batch| \
         Self::batch(batch))",
    );
}
