//! `assert_batches!`: assertions on the number of batches that each dispatcher was sent.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::observe::{Log, Sent};
use crate::util::keys_of;

/// Asserts how many batches dispatchers were sent, according to a [`Log`].
///
/// So a test fails when code begins to ask for one thing at a time.
///
/// ```
/// use corio::testing::assert_batches;
///
/// # #[corio::dispatcher(show_keys)]
/// # fn fetch_book(ids: &[u64]) -> Vec<u64> { ids.iter().map(|id| id % 2).collect() }
/// # #[corio::dispatcher]
/// # fn fetch_author(ids: &[u64]) -> Vec<String> { ids.iter().map(u64::to_string).collect() }
/// # #[corio::dispatcher]
/// # fn count_reviews(ids: &[u64]) -> Vec<usize> { vec![0; ids.len()] }
/// #[corio::task]
/// fn author_of(book: u64) -> String {
///     let author = io!(fetch_book(book));
///     io!(fetch_author(author))
/// }
///
/// #[corio::task]
/// fn authors() -> Vec<String> {
///     all!((1..=100).map(author_of))
/// }
///
/// let log = corio::Log::new();
/// let mut schedule = corio::Schedule::new(()).observe(log.observer());
/// schedule.run(authors())?;
/// assert_batches!(log, "fetch_book" == 1, "fetch_author" <= 2, "count_reviews" == 0);
/// # Ok::<(), corio::Error>(())
/// ```
///
/// A clause is the name of a dispatcher, one of `==`, `!=`, `<`, `<=`, `>` and `>=`, and a number
/// of batches. Each part of a batch that was split by `max_batch` counts as a batch, and so does
/// each retry. A dispatcher that was sent no batch fails every clause except those that allow
/// nothing else (`== 0`, `<= 0`, `< 1`), because the name may be misspelt.
///
/// # Panics
/// If a clause does not hold. The message names each such clause, with the batches that the
/// dispatcher was sent.
#[doc(hidden)]
#[macro_export]
macro_rules! __assert_batches {
    ($log:expr, $($dispatcher:literal $operator:tt $batches:expr),+ $(,)?) => {
        $crate::__private::assert_batches(
            &$log,
            &[$($crate::__private::Clause {
                dispatcher: $dispatcher,
                operator: ::core::stringify!($operator),
                batches: $batches,
                holds: $crate::__batches_hold!($operator),
            }),+],
        )
    };
    ($($other:tt)*) => {
        ::core::compile_error!(
            "`assert_batches!` takes a log, and for each dispatcher its name and a number: \
             `assert_batches!(log, \"fetch_author\" <= 2, \"fetch_book\" == 1)`"
        )
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __batches_hold {
    (==) => {
        ::core::cmp::PartialEq::eq
    };
    (!=) => {
        ::core::cmp::PartialEq::ne
    };
    (<) => {
        ::core::cmp::PartialOrd::lt
    };
    (<=) => {
        ::core::cmp::PartialOrd::le
    };
    (>) => {
        ::core::cmp::PartialOrd::gt
    };
    (>=) => {
        ::core::cmp::PartialOrd::ge
    };
    ($other:tt) => {
        ::core::compile_error!("`assert_batches!` compares by `==`, `!=`, `<`, `<=`, `>` or `>=`")
    };
}

/// The assertion on one dispatcher.
#[derive(Debug)]
pub struct Clause {
    /// Name of the dispatcher.
    pub dispatcher: &'static str,
    /// The comparison as written, for the message.
    pub operator: &'static str,
    /// The number of batches to compare with.
    pub batches: usize,
    /// The comparison, from the number of batches that were sent to `batches`.
    pub holds: fn(&usize, &usize) -> bool,
}

/// Checks all clauses. Called by the expansion of `assert_batches!`.
///
/// # Panics
/// If a clause does not hold.
#[track_caller]
pub fn assert_batches(log: &Log, clauses: &[Clause]) {
    let sent = log.all_sent();
    let failures: Vec<String> = clauses.iter().filter_map(|clause| clause.failure(&sent)).collect();
    assert!(failures.is_empty(), "assert_batches! failed:\n{}", failures.concat());
}

/// Maximum number of batches that a message lists: an N+1 problem may send thousands.
const MAX_LISTED: usize = 10;

/// Maximum number of characters of the keys of one batch in a message.
const MAX_KEY_CHARS: usize = 100;

impl Clause {
    /// Returns why the clause does not hold; `None` if it does.
    fn failure(&self, sent: &[Sent]) -> Option<String> {
        let Clause { dispatcher, operator, batches, holds } = self;
        let matching: Vec<&Sent> =
            sent.iter().filter(|sent| sent.dispatcher == *dispatcher).collect();
        if matching.is_empty() {
            let allows_nothing_else = holds(&0, batches) && !holds(&1, batches);
            return (!allows_nothing_else).then(|| {
                format!(
                    "  `{dispatcher}` was sent no batch, expected {operator} {batches}. {}\n",
                    dispatchers_hint(sent)
                )
            });
        }
        if holds(&matching.len(), batches) {
            return None;
        }
        let count = matching.len();
        let mut text = format!(
            "  `{dispatcher}` was sent {count} batch{}, expected {operator} {batches}:\n",
            if count == 1 { "" } else { "es" }
        );
        for sent in matching.iter().take(MAX_LISTED) {
            let keys = sent
                .keys
                .as_deref()
                .map_or_else(String::new, |keys| format!(": {}", truncated(keys)));
            writeln!(text, "    round {}: {}{keys}", sent.round, keys_of(sent.len))
                .expect("writing to a String does not fail");
        }
        if count > MAX_LISTED {
            writeln!(text, "    … and {} more", count - MAX_LISTED)
                .expect("writing to a String does not fail");
        }
        let single_key = matching.iter().filter(|sent| sent.len == 1).count();
        if count > *batches && single_key > 1 {
            writeln!(
                text,
                "    {single_key} of them have a single key: is one asked for after another? \
                 `io_all!`, or `all!` over tasks, asks for all at once"
            )
            .expect("writing to a String does not fail");
        }
        Some(text)
    }
}

/// Returns a sentence on the dispatchers that were sent batches, in case the name is misspelt.
fn dispatchers_hint(sent: &[Sent]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for sent in sent {
        *counts.entry(sent.dispatcher).or_default() += 1;
    }
    if counts.is_empty() {
        return "No dispatcher was sent any: does the schedule have the log as its observer? \
                `schedule.observe(log.observer())`"
            .into();
    }
    let counts: Vec<String> =
        counts.iter().map(|(dispatcher, count)| format!("`{dispatcher}` ({count})")).collect();
    format!(
        "Those that were sent some: {}. If it is to be sent none, say `== 0`",
        counts.join(", ")
    )
}

fn truncated(keys: &str) -> String {
    match keys.char_indices().nth(MAX_KEY_CHARS) {
        Some((end, _)) => format!("{}…", &keys[..end]),
        None => keys.into(),
    }
}
