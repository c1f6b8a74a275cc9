//! Tests of `blocking`: the function runs on another thread, in each of its forms.

use super::check_answering_with;
use crate::dispatcher::dispatcher;
use crate::testing::tokens;

const PIECE: &str =
    "let __piece_0 = ::corio::__private::piece::<Db>(::corio::Provide::<Db>::provide(context));";

#[track_caller]
fn check(item: &str, pieces: &str, call: &str) {
    check_answering_with("blocking", item, &format!("{pieces} {call}"));
}

#[test]
fn each_form_is_answered_from_another_thread() {
    check(
        "fn f(keys: &[K]) -> Vec<R> {}",
        "",
        "requests.answer_blocking::<Vec<R>>(move |keys: &[K]| Self::batch(keys))",
    );
    check(
        "fn f(db: &Db, keys: &[K]) -> Vec<R> {}",
        PIECE,
        "requests.answer_blocking::<Vec<R>>(move |keys: &[K]| Self::batch(&__piece_0, keys))",
    );
    check(
        "fn f(db: &Db, keys: Vec<K>) -> Rows {}",
        PIECE,
        "requests.answer_owned_blocking::<Rows>(move |keys: ::std::vec::Vec<K>| \
         Self::batch(&__piece_0, keys))",
    );
    check(
        "fn f(db: &Db, keys: &[K], answers: &mut Vec<R>) {}",
        PIECE,
        "requests.answer_blocking(move |keys: &[K]| {
            let mut answers = ::std::vec::Vec::new();
            Self::batch(&__piece_0, keys, &mut answers);
            answers
        })",
    );
    check(
        "fn f(keys: Vec<K>, answers: &mut Vec<R>) {}",
        "",
        "requests.answer_owned_blocking(move |keys: ::std::vec::Vec<K>| {
            let mut answers = ::std::vec::Vec::new();
            Self::batch(keys, &mut answers);
            answers
        })",
    );
    check(
        "fn f(db: &Db, batch: Batch<K, R>) {}",
        PIECE,
        "requests.batch_blocking_with(::core::convert::identity, move |batch| \
         Self::batch(&__piece_0, batch))",
    );
}

#[test]
fn without_the_feature_there_is_one_error() {
    let expanded = dispatcher(tokens("blocking"), tokens("fn f(keys: &[K]) -> Vec<R> {}"))
        .to_string()
        .replace(' ', "");
    assert!(expanded.contains("::corio::__private::needs_blocking!(requests.answer_blocking"));
}

#[test]
fn it_answers_later() {
    assert!(
        dispatcher(tokens("blocking"), tokens("fn f(keys: &[K]) -> Vec<R> {}"))
            .to_string()
            .contains("concurrent")
    );
}
