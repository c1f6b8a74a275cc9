//! Code of the user's that runs around a dispatcher and not in it: `group_by`, `when`, and `Hash`,
//! `Eq` and `Clone` of keys and answers. With `faults = "error"` its panics are errors of the
//! requests that it was run for, as those of the dispatcher are; without, they end the run.

use std::cell::Cell;
use std::fmt::Write;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

use corio::{RequestError, Schedule};
use expect_test::expect;
use support::healthy;

/// Where a panic is injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Nowhere,
    GroupBy,
    When,
    Hash,
    Eq,
    CloneOfKey,
    CloneOfAnswer,
}

const PLACES: [At; 7] =
    [At::Nowhere, At::GroupBy, At::When, At::Hash, At::Eq, At::CloneOfKey, At::CloneOfAnswer];

thread_local! {
    static AT: Cell<At> = const { Cell::new(At::Nowhere) };
    /// It panics from this call on, of those for key 2 …
    static FROM: Cell<u32> = const { Cell::new(0) };
    /// … so often.
    static TIMES: Cell<u32> = const { Cell::new(0) };
}

fn reached(at: At, number: u64) {
    if AT.get() != at || number != 2 {
        return;
    }
    match FROM.get() {
        0 if TIMES.get() > 0 => {
            TIMES.set(TIMES.get() - 1);
            std::panic::resume_unwind(Box::new(format!("{at:?}")));
        }
        from => FROM.set(from.saturating_sub(1)),
    }
}

#[derive(Debug)]
struct Key(u64);

impl Clone for Key {
    fn clone(&self) -> Self {
        reached(At::CloneOfKey, self.0);
        Key(self.0)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        reached(At::Eq, self.0.max(other.0));
        self.0 == other.0
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        reached(At::Hash, self.0);
        self.0.hash(hasher);
    }
}

#[derive(Debug, PartialEq)]
struct Answer(u64);

impl Clone for Answer {
    fn clone(&self) -> Self {
        reached(At::CloneOfAnswer, self.0 / 10);
        Answer(self.0)
    }
}

fn group(key: &Key) -> u64 {
    reached(At::GroupBy, key.0);
    key.0 % 2
}

fn is_worth_another(_: &String) -> bool {
    reached(At::When, 2);
    false
}

/// Key 3 fails, and nobody knows whether for good but `when`.
fn answer(keys: &[Key]) -> Vec<Result<Answer, String>> {
    keys.iter()
        .map(|key| if key.0 == 3 { Err(String::from("no")) } else { Ok(Answer(key.0 * 10)) })
        .collect()
}

type Answered = Result<Answer, RequestError<String>>;

/// What each way of answering gives to five requests, two for key 2.
macro_rules! ways {
    ($($way:ident: [$($option:tt)*] { $($function:tt)* })*) => {$(
        mod $way {
            use super::*;

            #[corio::dispatcher(dedup, group_by = group, retry(attempts = 3, when = is_worth_another), faults = "error" $($option)*)]
            $($function)*

            #[corio::task]
            pub(super) fn errors() -> Vec<Answered> {
                io_all!([1, 2, 3, 2, 4].map(|number| ask(Key(number))))
            }
        }
    )*};
}

ways! {
    in_place: [] { fn ask(keys: &[Key]) -> Vec<Result<Answer, String>> { answer(keys) } }
    by_value: [] { fn ask(keys: Vec<Key>) -> Vec<Result<Answer, String>> { answer(&keys) } }
    cached: [, cache] { fn ask(keys: &[Key]) -> Vec<Result<Answer, String>> { answer(keys) } }
    by_a_future: [, timeout = "1s"] { async fn ask(keys: &[Key]) -> Vec<Result<Answer, String>> { answer(keys) } }
    by_a_future_and_value: [] { async fn ask(keys: Vec<Key>) -> Vec<Result<Answer, String>> { answer(&keys) } }
    on_a_pool: [, blocking] { fn ask(keys: Vec<Key>) -> Vec<Result<Answer, String>> { answer(&keys) } }
}

#[corio::dispatcher(dedup, group_by = group, retry(attempts = 3, when = is_worth_another))]
fn ends_the_run(keys: &[Key]) -> Vec<Result<Answer, String>> {
    answer(keys)
}

#[corio::task]
fn ended() -> Vec<Result<Answer, String>> {
    io_all!([1, 2, 3, 2, 4].map(|number| ends_the_run(Key(number))))
}

fn shown(answers: &[Answered]) -> String {
    let cell = |answer: &Answered| match answer {
        Ok(Answer(answer)) => answer.to_string(),
        Err(RequestError::Failed(error)) => error.to_string(),
        Err(RequestError::Panicked { message, .. }) => message.clone(),
        Err(other) => other.to_string(),
    };
    answers.iter().map(cell).collect::<Vec<_>>().join(", ")
}

fn inject(at: At, from: u32, times: u32) {
    AT.set(at);
    FROM.set(from);
    TIMES.set(times);
}

#[test]
fn it_is_an_error_of_the_requests_that_it_was_run_for_or_ends_the_run() {
    let mut table = String::new();
    for at in PLACES {
        inject(at, 0, u32::MAX);
        let mut of_error = Schedule::new(());
        let errors = of_error.run(in_place::errors()).unwrap();
        let ended = catch_unwind(AssertUnwindSafe(|| Schedule::new(()).run(ended())));
        writeln!(
            table,
            "{at:?}: {} | {}",
            shown(&errors),
            if ended.is_ok() { "answers" } else { "panic" }
        )
        .unwrap();
        inject(At::Nowhere, 0, 0);
        assert_eq!(of_error.run(healthy()), Ok(10));
        assert_eq!(
            shown(&of_error.run(in_place::errors()).unwrap()),
            "10, 20, no, 20, 40",
            "after a panic at {at:?}"
        );
    }
    expect![[r#"
        Nowhere: 10, 20, no, 20, 40 | answers
        GroupBy: 10, GroupBy, no, GroupBy, 40 | panic
        When: 10, 20, When, 20, 40 | panic
        Hash: 10, Hash, no, Hash, 40 | panic
        Eq: 10, 20, no, Eq, 40 | panic
        CloneOfKey: 10, CloneOfKey, no, CloneOfKey, 40 | panic
        CloneOfAnswer: 10, 20, no, CloneOfAnswer, 40 | panic
    "#]]
    .assert_eq(&table);
}

/// A panic at each call alone: whoever asks gets an answer or hears of it, and everything goes on.
#[test]
fn wherever_it_panics_once_nobody_waits_for_ever_and_what_comes_next_is_answered() {
    fn check<T: corio::Task<(), Output = Vec<Answered>>>(way: &str, errors: fn() -> T) {
        for at in PLACES {
            for from in 0..40 {
                inject(at, from, 1);
                let mut schedule = Schedule::new(());
                let answers = schedule
                    .run(errors())
                    .unwrap_or_else(|error| panic!("{way}, call {from} of {at:?}: {error}"));
                let injected = TIMES.get() == 0;
                inject(At::Nowhere, 0, 0);
                let is_fine = |(answer, expected): (&Answered, &str)| match answer {
                    Err(RequestError::Panicked { .. }) => injected,
                    answer => shown(std::slice::from_ref(answer)) == expected,
                };
                let all_fine =
                    std::iter::zip(&answers, ["10", "20", "no", "20", "40"]).all(is_fine);
                assert!(all_fine, "{way}, call {from} of {at:?}: {answers:?}");
                assert_eq!(
                    shown(&schedule.run(errors()).unwrap()),
                    "10, 20, no, 20, 40",
                    "{way}, after call {from} of {at:?}"
                );
            }
        }
    }
    check("in place", in_place::errors);
    check("by value", by_value::errors);
    check("cached", cached::errors);
    check("by a future", by_a_future::errors);
    check("by a future, by value", by_a_future_and_value::errors);
    check("on a pool", on_a_pool::errors);
}

#[test]
fn in_order_the_others_go_on() {
    #[corio::dispatcher(ordered, group_by = group, faults = "error", show_keys)]
    fn write(keys: &[Key]) -> Vec<u64> {
        keys.iter().map(|key| key.0).collect()
    }

    #[corio::task]
    fn program() -> Vec<Result<u64, RequestError>> {
        io_all!([1, 3, 2, 5, 2, 4].map(|number| write(Key(number))))
    }

    inject(At::GroupBy, 0, u32::MAX);
    let answers = Schedule::new(()).run(program()).unwrap();
    inject(At::Nowhere, 0, 0);
    let cells: Vec<String> = answers
        .iter()
        .map(|answer| answer.as_ref().map_or_else(|error| error.to_string(), u64::to_string))
        .collect();
    expect![[r#"
        1
        3
        dispatcher `write` panicked: GroupBy
        5
        dispatcher `write` panicked: GroupBy
        4"#]]
    .assert_eq(&cells.join("\n"));
}
