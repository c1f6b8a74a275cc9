//! Reads `retry(attempts = 5, backoff = "10ms..1s", jitter, when = |error| …, timeouts)`.

use super::list::{Arg, Args, KnownOptions, Value};
use super::{durations, values};
use crate::dispatcher::model::{Minimum, Retry};
use crate::errors::Errors;

/// The options within `retry(…)`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RetryOption {
    Attempts,
    BackOff,
    Jitter,
    When,
    Timeouts,
}

const KNOWN: KnownOptions<RetryOption> = KnownOptions {
    names: &[
        ("attempts", RetryOption::Attempts),
        ("backoff", RetryOption::BackOff),
        ("jitter", RetryOption::Jitter),
        ("when", RetryOption::When),
        ("timeouts", RetryOption::Timeouts),
    ],
    shorthands: &[],
};

const ATTEMPTS: Minimum =
    Minimum { min: 2, message: "the first attempt counts too: `attempts = 2` or more" };

/// Reads `retry(…)`; `None` if there is a mistake in the list.
pub(super) fn retry<N>(arg: &Arg<N>, errors: &mut Errors) -> Option<Retry> {
    const TAKES: &str = "a list: `retry(attempts = 5, backoff = \"10ms..1s\", jitter, when = \
                         |error: &DbError| error.is_busy())`";
    let list = match &arg.value {
        Value::List(list) => list.stream(),
        Value::None => {
            values::refuse(&arg.name, arg, TAKES, errors);
            return None;
        }
        Value::Is(_, value) => {
            values::refuse(value, arg, TAKES, errors);
            return None;
        }
    };
    let before = errors.count();
    let args = KNOWN.read(list, errors);
    let (mut attempts, mut back_off, mut jitter, mut when, mut timeouts) =
        (None, None, None, None, None);
    for arg in &args.parsed {
        for name in arg.sets {
            match name {
                RetryOption::Attempts => {
                    attempts = values::number(arg, "a number: `attempts = 5`", &ATTEMPTS, errors)
                }
                RetryOption::BackOff => back_off = durations::back_off(arg, errors),
                RetryOption::Jitter => jitter = values::flag(arg, errors),
                RetryOption::Timeouts => timeouts = values::flag(arg, errors),
                RetryOption::When => {
                    when = values::expression(
                        arg,
                        "a predicate of the error: `when = |error: &DbError| error.is_busy()`",
                        errors,
                    )
                }
            }
        }
    }
    needed(arg, &args, errors);
    let attempts = attempts.filter(|_| errors.count() == before)?;
    Some(Retry {
        name: arg.name.clone(),
        attempts,
        back_off,
        jitter: jitter.is_some(),
        when,
        timeouts,
    })
}

/// Reports what is missing from a list that could be read.
fn needed<N>(retry: &Arg<N>, args: &Args<RetryOption>, errors: &mut Errors) {
    if !args.complete {
        return;
    }
    if args.find(RetryOption::Attempts).is_none() {
        errors.on(&retry.name, "`retry` says how many attempts there are: `retry(attempts = 5)`");
    }
    if let (Some(jitter), None) = (args.find(RetryOption::Jitter), args.find(RetryOption::BackOff))
    {
        errors.on(
            &jitter.name,
            "`jitter` spreads the waits of a back-off: add `backoff = \"10ms..1s\"`",
        );
    }
}
