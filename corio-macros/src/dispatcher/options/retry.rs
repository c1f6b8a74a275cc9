//! Reads `retry(attempts = 5, backoff = "10ms..1s", jitter, when = |error| …, timeouts)`.

use super::list::{Value, Vocabulary, Word, Words};
use super::{durations, values};
use crate::dispatcher::model::{Range, Retry};
use crate::errors::Errors;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Attempts,
    BackOff,
    Jitter,
    When,
    Timeouts,
}

const VOCABULARY: Vocabulary<Name> = Vocabulary {
    words: &[
        ("attempts", Name::Attempts),
        ("backoff", Name::BackOff),
        ("jitter", Name::Jitter),
        ("when", Name::When),
        ("timeouts", Name::Timeouts),
    ],
    short_forms: &[],
};

const ATTEMPTS: Range =
    Range { least: 2, otherwise: "the first attempt counts too: `attempts = 2` or more" };

/// `None` if there is a mistake in it.
pub(super) fn retry<N>(word: &Word<N>, errors: &mut Errors) -> Option<Retry> {
    const TAKES: &str = "a list: `retry(attempts = 5, backoff = \"10ms..1s\", jitter, when = \
                         |error: &DbError| error.is_busy())`";
    let list = match &word.value {
        Value::List(list) => list.stream(),
        Value::None => {
            values::refuse(&word.written, word, TAKES, errors);
            return None;
        }
        Value::Is(_, value) => {
            values::refuse(value, word, TAKES, errors);
            return None;
        }
    };
    let before = errors.number();
    let words = VOCABULARY.read(list, errors);
    let (mut attempts, mut back_off, mut jitter, mut when, mut timeouts) =
        (None, None, None, None, None);
    for word in &words.given {
        for name in word.says {
            match name {
                Name::Attempts => {
                    attempts = values::number(word, "a number: `attempts = 5`", &ATTEMPTS, errors)
                }
                Name::BackOff => back_off = durations::back_off(word, errors),
                Name::Jitter => jitter = values::flag(word, errors),
                Name::Timeouts => timeouts = values::flag(word, errors),
                Name::When => {
                    when = values::expression(
                        word,
                        "a predicate of the error: `when = |error: &DbError| error.is_busy()`",
                        errors,
                    )
                }
            }
        }
    }
    needed(word, &words, errors);
    let attempts = attempts.filter(|_| errors.number() == before)?;
    Some(Retry {
        name: word.written.clone(),
        attempts,
        back_off,
        jitter: jitter.is_some(),
        when,
        timeouts,
    })
}

fn needed<N>(retry: &Word<N>, words: &Words<Name>, errors: &mut Errors) {
    if !words.complete {
        return;
    }
    if words.find(Name::Attempts).is_none() {
        errors
            .on(&retry.written, "`retry` says how many attempts there are: `retry(attempts = 5)`");
    }
    if let (Some(jitter), None) = (words.find(Name::Jitter), words.find(Name::BackOff)) {
        errors.on(
            &jitter.written,
            "`jitter` spreads the waits of a back-off: add `backoff = \"10ms..1s\"`",
        );
    }
}
