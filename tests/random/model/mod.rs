//! Structured concurrency against a model: random programs over all combinators and primitives, in
//! random schedules.
//!
//! A program is data (`program`), made from a seed (`generate`). One recursive task runs it (`run`)
//! and tells a record what happens (`record`). What must always hold is checked on the way: nothing
//! goes on that was dropped, nobody is let in out of turn (`rules`), nobody is forgotten. What
//! comes out is compared with what a sequential model says is possible (`predict`). Then the same
//! is done again in the same schedule, and must happen again, event by event; and nothing may be
//! left on the heap (`check`).
//!
//! The same programs also go through a hub, several at once (`through`): what comes out must be as
//! possible as without, whoever answers whom together.
//!
//! A case that fails is made smaller and printed with its seed. `CORIO_MODEL=seed` tries that one
//! alone, and prints all of it; `CORIO_MODEL=from..to` tries others, and `CORIO_MODEL_HUB` through
//! a hub, where a case takes longer.

mod check;
mod dispatchers;
mod generate;
mod predict;
mod program;
mod random;
mod record;
mod rules;
mod run;
mod shared;
mod shrink;
mod through;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use check::{End, check};
use generate::Case;
use program::Shown;
use support::workers::Workers;

const CASES: u64 = 20_000;
/// How many smaller cases are tried.
const TRIES: usize = 4000;

#[test]
fn programs_do_what_the_model_says() {
    watched(|at| {
        let chosen = chosen_seeds("CORIO_MODEL");
        let seeds = chosen.clone().unwrap_or(0..CASES);
        let alone = seeds.end - seeds.start == 1;
        // What is allocated once for all must not count.
        let workers = Workers::default();
        let _ = check(&generate::case(0), &workers);
        let mut ends = Ends::default();
        for seed in seeds {
            at.store(seed, Ordering::Relaxed);
            let case = generate::case(seed);
            if alone {
                eprintln!("{}", told(&case));
            }
            match check(&case, &workers) {
                Ok((end, events)) => ends.count(&end, events),
                Err(wrong) => fail(case, &wrong, alone, |case| check(case, &workers).map(drop)),
            }
        }
        let moves = workers.polls();
        eprintln!("{ends:?}, went to another thread {moves} times");
        assert!(
            chosen.is_some() || ends.cover(CASES) && moves > 10 * CASES,
            "cases in which nothing happens prove little: {ends:?}, {moves}"
        );
    });
}

/// Those that are to be tried instead of the usual ones.
fn chosen_seeds(variable: &str) -> Option<std::ops::Range<u64>> {
    let text = std::env::var(variable).ok()?;
    let chosen = seeds(&text);
    Some(chosen.unwrap_or_else(|| panic!("{variable} is a seed, or `from..to`")))
}

fn seeds(text: &str) -> Option<std::ops::Range<u64>> {
    let (from, to) = text.split_once("..").unwrap_or((text, ""));
    let from = from.parse().ok()?;
    Some(from..if to.is_empty() { from + 1 } else { to.parse().ok()? })
}

fn fail(case: Case, wrong: &str, alone: bool, check: impl Fn(&Case) -> Result<(), String>) -> ! {
    let kind = |wrong: &str| {
        wrong.chars().filter(|letter| letter.is_alphabetic()).take(40).collect::<String>()
    };
    let first = kind(wrong);
    let small = if alone {
        case.clone()
    } else {
        shrink::shrink(case.clone(), TRIES, |case| {
            check(case).is_err_and(|wrong| kind(&wrong) == first)
        })
    };
    let wrong = check(&small).err().unwrap_or_else(|| wrong.to_owned());
    let seed = case.seed;
    panic!(
        "case {seed} (alone: CORIO_MODEL or _HUB={seed}), made smaller:\n{}\n{wrong}",
        told(&small)
    );
}

fn told(case: &Case) -> String {
    let Case { fate, driver, slowest, shuffle, body, .. } = case;
    format!("{fate:?}, {driver:?}, slowest {slowest} ms, shuffle {shuffle:?}\n{}", Shown(body))
}

/// What there was to be checked.
#[derive(Debug, Default)]
struct Ends {
    given: u64,
    failed: u64,
    deadlocks: u64,
    panics: u64,
    dropped: u64,
    events: usize,
}

impl Ends {
    fn count(&mut self, end: &End, events: usize) {
        self.events += events;
        match end {
            End::Gives(Ok(_)) => self.given += 1,
            End::Gives(Err(_)) => self.failed += 1,
            End::Deadlock => self.deadlocks += 1,
            End::Panics => self.panics += 1,
            End::Dropped => self.dropped += 1,
        }
    }

    fn cover(&self, cases: u64) -> bool {
        [self.given, self.failed, self.deadlocks, self.panics, self.dropped]
            .iter()
            .all(|count| *count > cases / 100)
    }
}

/// Fails a case that hangs, and says which.
fn watched(cases: impl FnOnce(&AtomicU64) + Send + 'static) {
    let at = Arc::new(AtomicU64::new(0));
    let (sender, over) = mpsc::channel();
    let here = at.clone();
    let thread = thread::spawn(move || {
        cases(&here);
        sender.send(())
    });
    let mut last = u64::MAX;
    while let Err(mpsc::RecvTimeoutError::Timeout) = over.recv_timeout(Duration::from_secs(60)) {
        let seed = at.load(Ordering::Relaxed);
        assert_ne!(seed, last, "case {seed} hangs (alone: CORIO_MODEL or _HUB={seed})");
        last = seed;
    }
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}
