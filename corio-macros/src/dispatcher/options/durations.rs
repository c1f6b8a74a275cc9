//! Reads durations: `"250ms"`, `"2s"`, `"1min"`; and rates, `"10/s"`.
//!
//! Invariant: no duration is zero, so that no other code has to give a limit or a wait of zero a
//! meaning.

use super::list::Arg;
use super::values;
use crate::dispatcher::model::{BackOff, Named, Rate};
use crate::errors::Errors;
use std::time::Duration;

const DURATION: &str = "a duration: `\"250ms\"`, `\"2s\"`, `\"1min\"`";
const BACK_OFF: &str =
    "the shortest and the longest wait, `\"10ms..1s\"`, or one for every time, `\"50ms\"`";

const RATE: &str = "batches in a time: `\"10/s\"`, `\"600/min\"`, `\"1/250ms\"`";

/// Reads a duration: `timeout = "2s"`.
pub(super) fn duration<N>(arg: &Arg<N>, errors: &mut Errors) -> Option<Named<Duration>> {
    let text = values::text(arg, DURATION, errors)?;
    match parse(&text.value()) {
        Some(Duration::ZERO) => errors.on(
            &text,
            format!("`{}` is longer than nothing: `\"250ms\"`, `\"2s\"`, `\"1min\"`", arg.name),
        ),
        Some(value) => return Some(Named { name: arg.name.clone(), value }),
        None => values::refuse(&text, arg, DURATION, errors),
    }
    None
}

/// Reads a back-off: `backoff = "10ms..1s"`, `backoff = "50ms"`.
pub(super) fn back_off<N>(arg: &Arg<N>, errors: &mut Errors) -> Option<BackOff> {
    let text = values::text(arg, BACK_OFF, errors)?;
    let value = text.value();
    let (min, max) = value.split_once("..").unwrap_or((&value, &value));
    match (parse(min), parse(max)) {
        (Some(Duration::ZERO), Some(_)) => errors.on(
            &text,
            format!("`{}` is longer than nothing: `\"10ms..1s\"`, `\"50ms\"`", arg.name),
        ),
        (Some(min), Some(max)) if min > max => {
            errors.on(&text, format!("`{}` begins with the shorter wait: `\"10ms..1s\"`", arg.name))
        }
        (Some(min), Some(max)) => return Some(BackOff { min, max }),
        _ => values::refuse(&text, arg, BACK_OFF, errors),
    }
    None
}

/// Reads a rate: `rate = "10/s"`.
pub(super) fn rate<N>(arg: &Arg<N>, errors: &mut Errors) -> Option<Named<Rate>> {
    let text = values::text(arg, RATE, errors)?;
    let value = text.value();
    let (batches, period) = value.split_once('/').unwrap_or((&value, ""));
    let one_unit = period.trim_start().starts_with(char::is_alphabetic);
    let period = if one_unit { parse(&format!("1{}", period.trim_start())) } else { parse(period) };
    match (batches.trim().parse::<u32>(), period) {
        (Ok(0), Some(_)) | (Ok(_), Some(Duration::ZERO)) => {
            errors.on(&text, format!("`{}` lets something go: `\"10/s\"`, `\"1/250ms\"`", arg.name))
        }
        (Ok(batches), Some(period)) => {
            return Some(Named { name: arg.name.clone(), value: Rate { batches, period } });
        }
        _ => values::refuse(&text, arg, RATE, errors),
    }
    None
}

/// The length of the longest text that is parsed. `humantime` panics on a sum at the very end of
/// its range; such a text is longer than any duration that is meant.
const MAX_LENGTH: usize = 20;

fn parse(text: &str) -> Option<Duration> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    humantime::parse_duration(text).ok()
}
