//! `assert_batches!`: how many batches each dispatcher may be sent.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::observe::{Log, Sent};
use crate::util::keys_of;

/// Asserts how many batches dispatchers were sent, by a [`Log`]: so that code which begins to ask
/// for one thing at a time fails a test.
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
/// let mut schedule = corio::Schedule::new(());
/// schedule.observe(log.observer());
/// schedule.run(authors())?;
/// assert_batches!(log, "fetch_book" == 1, "fetch_author" <= 2, "count_reviews" == 0);
/// # Ok::<(), corio::Error>(())
/// ```
///
/// A clause is the name of a dispatcher, one of `==`, `!=`, `<`, `<=`, `>` and `>=`, and a number.
/// The message names each clause that does not hold, with the batches that were sent; parts of
/// `max_batch` and further tries are batches too. A dispatcher that was sent none fails every
/// clause but one that allows nothing else (`== 0`, `<= 0`, `< 1`), as its name may be misspelt.
///
/// # Panics
/// If a clause does not hold.
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
        ::core::compile_error!("`assert_batches!` takes a log, and for each dispatcher its name and a number: `assert_batches!(log, \"fetch_author\" <= 2, \"fetch_book\" == 1)`")
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

/// What is asserted of one dispatcher.
#[derive(Debug)]
pub struct Clause {
    /// Its name.
    pub dispatcher: &'static str,
    /// For the message.
    pub operator: &'static str,
    /// As many, or the limit.
    pub batches: usize,
    /// Between what there was and what is asserted.
    pub holds: fn(&usize, &usize) -> bool,
}

/// What the macro expands to.
#[track_caller]
pub fn assert_batches(log: &Log, clauses: &[Clause]) {
    let sent = log.sent();
    let failures: Vec<String> = clauses.iter().filter_map(|clause| clause.failure(&sent)).collect();
    assert!(failures.is_empty(), "assert_batches! failed:\n{}", failures.concat());
}

/// So many are listed; an N+1 may have thousands.
const MOST_LISTED: usize = 10;

/// And so much of the keys of each.
const MOST_SHOWN: usize = 100;

impl Clause {
    /// Why it does not hold.
    fn failure(&self, sent: &[Sent]) -> Option<String> {
        let Clause { dispatcher, operator, batches, holds } = self;
        let of_it: Vec<&Sent> = sent.iter().filter(|sent| sent.dispatcher == *dispatcher).collect();
        if of_it.is_empty() {
            let allows_nothing_else = holds(&0, batches) && !holds(&1, batches);
            return (!allows_nothing_else).then(|| {
                format!(
                    "  `{dispatcher}` was sent no batch, expected {operator} {batches}. {}\n",
                    others(sent)
                )
            });
        }
        if holds(&of_it.len(), batches) {
            return None;
        }
        let count = of_it.len();
        let mut text = format!(
            "  `{dispatcher}` was sent {count} batch{}, expected {operator} {batches}:\n",
            if count == 1 { "" } else { "es" }
        );
        for sent in of_it.iter().take(MOST_LISTED) {
            let keys = sent
                .keys
                .as_deref()
                .map_or_else(String::new, |keys| format!(": {}", beginning(keys)));
            writeln!(text, "    round {}: {}{keys}", sent.round, keys_of(sent.len))
                .expect("writing to a String does not fail");
        }
        if count > MOST_LISTED {
            writeln!(text, "    … and {} more", count - MOST_LISTED)
                .expect("writing to a String does not fail");
        }
        let lone = of_it.iter().filter(|sent| sent.len == 1).count();
        if count > *batches && lone > 1 {
            writeln!(
                text,
                "    {lone} of them have a single key: is one asked for after another? `io_all!`, \
                 or `all!` over tasks, asks for all at once"
            )
            .expect("writing to a String does not fail");
        }
        Some(text)
    }
}

/// Who was sent batches, should the name be misspelt.
fn others(sent: &[Sent]) -> String {
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

fn beginning(keys: &str) -> String {
    match keys.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &keys[..end]),
        None => keys.into(),
    }
}
