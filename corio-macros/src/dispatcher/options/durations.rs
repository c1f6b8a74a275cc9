//! Durations, written as people write them: `"250ms"`, `"2s"`, `"1min"`.
//!
//! What must hold: none is zero, so that no other place has to say what a limit or a wait of
//! nothing means.

use super::list::Word;
use super::values;
use crate::dispatcher::model::{BackOff, With};
use crate::errors::Errors;
use std::time::Duration;

const DURATION: &str = "a duration: `\"250ms\"`, `\"2s\"`, `\"1min\"`";
const BACK_OFF: &str =
    "the shortest and the longest wait, `\"10ms..1s\"`, or one for every time, `\"50ms\"`";

/// `timeout = "2s"`
pub(super) fn duration<N>(word: &Word<N>, errors: &mut Errors) -> Option<With<Duration>> {
    let text = values::text(word, DURATION, errors)?;
    match parse(&text.value()) {
        Some(Duration::ZERO) => errors.on(
            &text,
            format!("`{}` is longer than nothing: `\"250ms\"`, `\"2s\"`, `\"1min\"`", word.written),
        ),
        Some(value) => return Some(With { name: word.written.clone(), value }),
        None => values::refuse(&text, word, DURATION, errors),
    }
    None
}

/// `backoff = "10ms..1s"`, `backoff = "50ms"`
pub(super) fn back_off<N>(word: &Word<N>, errors: &mut Errors) -> Option<BackOff> {
    let text = values::text(word, BACK_OFF, errors)?;
    let value = text.value();
    let (least, most) = value.split_once("..").unwrap_or((&value, &value));
    match (parse(least), parse(most)) {
        (Some(Duration::ZERO), Some(_)) => errors.on(
            &text,
            format!("`{}` is longer than nothing: `\"10ms..1s\"`, `\"50ms\"`", word.written),
        ),
        (Some(least), Some(most)) if least > most => errors
            .on(&text, format!("`{}` begins with the shorter wait: `\"10ms..1s\"`", word.written)),
        (Some(least), Some(most)) => return Some(BackOff { least, most }),
        _ => values::refuse(&text, word, BACK_OFF, errors),
    }
    None
}

/// A sum at the very end of the range makes `humantime` panic, and takes more letters than a
/// duration that anyone means.
const LONGEST: usize = 20;

fn parse(text: &str) -> Option<Duration> {
    if text.len() > LONGEST {
        return None;
    }
    humantime::parse_duration(text).ok()
}
