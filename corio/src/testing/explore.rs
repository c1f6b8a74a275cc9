//! Exploration of task orders: a program run under many seeds, one after another.

use std::env;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::context::AsContext;
use crate::schedule::Schedule;

/// Environment variable with the only seed to try.
const SEED_VARIABLE: &str = "CORIO_SEED";

/// Runs a program under each of the seeds 1 to `seeds`, so that its tasks run in many orders.
///
/// A test by `explore` asserts what must not depend on the order of tasks. For each seed the
/// program gets a new schedule, [shuffled](Schedule::shuffle) by the seed, and can tell it more:
/// `schedule.answer_with(…)`.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
///
/// #[corio::dispatcher]
/// fn token(users: &[u64]) -> Vec<u64> {
///     users.iter().map(|user| user * 1000).collect()
/// }
///
/// type Session = Rc<Cell<Option<u64>>>;
///
/// #[corio::task]
/// fn log_in(session: Session) {
///     session.set(Some(io!(token(1))));
/// }
///
/// #[corio::task]
/// fn greet(session: Session) -> u64 {
///     let user = io!(token(7));
///     user + session.get().expect("user 1 has logged in")
/// }
///
/// #[corio::task]
/// fn waits() -> u64 {
///     let session = Session::default();
///     call!(log_in(session.clone()));
///     call!(greet(session))
/// }
///
/// corio::testing::explore(100, |mut schedule| {
///     assert_eq!(schedule.run(waits()).unwrap(), 8000);
/// });
/// ```
///
/// If the program panics, its seed is reported on standard error, `corio: explore: seed 2 of 100
/// failed; to run it alone: CORIO_SEED=2`, and the panic is propagated; later seeds are not tried.
/// With this environment variable only the given seed is tried. A schedule that is shuffled by the
/// seed repeats the failure elsewhere:
///
/// ```
/// # use std::panic::{AssertUnwindSafe, catch_unwind};
/// # use std::{cell::Cell, rc::Rc};
/// # #[corio::dispatcher]
/// # fn token(users: &[u64]) -> Vec<u64> { users.iter().map(|user| user * 1000).collect() }
/// # type Session = Rc<Cell<Option<u64>>>;
/// # #[corio::task]
/// # fn log_in(session: Session) { session.set(Some(io!(token(1)))); }
/// # #[corio::task]
/// # fn greet(session: Session) -> u64 {
/// #     io!(token(7)) + session.get().expect("user 1 has logged in")
/// # }
/// #[corio::task]
/// fn hopes() -> u64 {
///     let session = Session::default();
///     spawn!(log_in(session.clone()));
///     let greeting = spawn!(greet(session)); // spawned later, but may run first
///     call!(greeting)
/// }
///
/// let mut schedule = corio::Schedule::new(());
/// assert_eq!(schedule.run(hopes())?, 8000);
///
/// let explored = catch_unwind(|| {
///     corio::testing::explore(100, |mut schedule| {
///         assert_eq!(schedule.run(hopes()).unwrap(), 8000);
///     });
/// });
/// assert!(explored.is_err());
///
/// let mut schedule = schedule.shuffle(2);
/// assert!(catch_unwind(AssertUnwindSafe(|| schedule.run(hopes()))).is_err());
/// # Ok::<(), corio::Error>(())
/// ```
///
/// # Panics
/// With the payload of a panic of the program. If `seeds` is 0, or `CORIO_SEED` is not a number.
#[track_caller]
pub fn explore(seeds: u64, program: impl FnMut(Schedule<()>)) {
    explore_over(seeds, || (), program);
}

/// Runs a program under each of the seeds 1 to `seeds`, over a new context for each of them.
///
/// For programs that need no context there is [`explore`], which also describes what happens when
/// the program fails.
///
/// ```
/// # use std::cell::Cell;
/// #[derive(corio::Context)]
/// struct Bank {
///     balance: Cell<u64>,
/// }
///
/// // One transaction for all deposits.
/// #[corio::dispatcher]
/// fn deposit(balance: &Cell<u64>, amounts: &[u64]) -> Vec<u64> {
///     amounts.iter().map(|amount| balance.replace(balance.get() + amount)).collect()
/// }
///
/// #[corio::task(Bank)]
/// fn program() -> u64 {
///     all!([10, 20, 30].map(deposit));
///     context!().balance.get()
/// }
///
/// corio::testing::explore_over(100, || Bank { balance: Cell::new(0) }, |mut schedule| {
///     assert_eq!(schedule.run(program()).unwrap(), 60);
/// });
/// ```
///
/// # Panics
/// With the payload of a panic of the program or of `context`. If `seeds` is 0, or `CORIO_SEED` is
/// not a number.
#[track_caller]
pub fn explore_over<C: AsContext>(
    seeds: u64,
    mut context: impl FnMut() -> C,
    mut program: impl FnMut(Schedule<C>),
) {
    let only = env::var_os(SEED_VARIABLE);
    let seeds = seeds_to_try(seeds, only.as_ref().map(|seed| seed.to_string_lossy()).as_deref());
    run_each(seeds, |seed| program(Schedule::new(context()).shuffle(seed)));
}

/// Returns the seeds 1 to `count`, or the one in `only`, the value of the environment variable. An
/// empty value counts as absent.
#[track_caller]
fn seeds_to_try(count: u64, only: Option<&str>) -> RangeInclusive<u64> {
    match only.filter(|seed| !seed.is_empty()) {
        None => {
            assert!(
                count > 0,
                "corio: explore: without a seed to try there is nothing that could fail"
            );
            1..=count
        }
        Some(seed) => match seed.parse() {
            Ok(seed) => seed..=seed,
            Err(_) => panic!(
                "corio: explore: {SEED_VARIABLE} is the seed to be tried, a number as in \
                 {SEED_VARIABLE}=17; it is `{seed}`"
            ),
        },
    }
}

/// Calls `run` with each seed. Reports the first seed under which `run` panics, and propagates the
/// panic.
fn run_each(seeds: RangeInclusive<u64>, mut run: impl FnMut(u64)) {
    for seed in seeds.clone() {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(seed))) {
            eprintln!("{}", report(seed, &seeds));
            resume_unwind(panic);
        }
    }
}

fn report(seed: u64, seeds: &RangeInclusive<u64>) -> String {
    if seeds.start() == seeds.end() {
        return format!("corio: explore: seed {seed} failed");
    }
    format!(
        "corio: explore: seed {seed} of {} failed; to run it alone: {SEED_VARIABLE}={seed}",
        seeds.end()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(count: u64, only: Option<&str>) -> Vec<u64> {
        seeds_to_try(count, only).collect()
    }

    #[test]
    fn every_seed_is_tried_unless_one_is_named() {
        assert_eq!(tried(3, None), [1, 2, 3]);
        assert_eq!(tried(3, Some("")), [1, 2, 3]);
        assert_eq!(tried(3, Some("17")), [17]);
        assert_eq!(tried(0, Some("18446744073709551615")), [u64::MAX]);
    }

    #[test]
    #[should_panic(expected = "corio: explore: CORIO_SEED is the seed to be tried, a number as \
                               in CORIO_SEED=17; it is `first`")]
    fn a_seed_is_a_number() {
        tried(3, Some("first"));
    }

    #[test]
    #[should_panic(expected = "nothing that could fail")]
    fn there_are_seeds() {
        tried(0, None);
    }

    #[test]
    fn the_first_that_fails_is_the_last_that_runs_and_its_panic_goes_on() {
        let mut ran = Vec::new();
        let panic = catch_unwind(AssertUnwindSafe(|| {
            run_each(1..=1000, |seed| {
                ran.push(seed);
                if seed == 17 {
                    resume_unwind(Box::new("of the program"));
                }
            });
        }));
        assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"of the program"));
        assert_eq!(ran, (1..=17).collect::<Vec<_>>());
    }

    #[test]
    fn the_report_says_how_to_see_it_again() {
        assert_eq!(
            report(17, &(1..=1000)),
            "corio: explore: seed 17 of 1000 failed; to run it alone: CORIO_SEED=17"
        );
        assert_eq!(report(17, &(17..=17)), "corio: explore: seed 17 failed");
    }
}
