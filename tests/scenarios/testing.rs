//! What corio gives to tests: a stand-in that remembers, numbers of batches, and seeds to go
//! through.

use std::cell::Cell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use corio::testing::{Recorded, assert_batches, explore, explore_over};
use corio::{Context, Log, RequestError, Schedule, Task};
use expect_test::{Expect, expect};

#[corio::dispatcher(show_keys)]
fn fetch_book(ids: &[u64]) -> Vec<u64> {
    ids.iter().map(|id| id % 10).collect()
}

#[corio::dispatcher]
fn fetch_author(ids: &[u64]) -> HashMap<u64, String> {
    ids.iter().map(|id| (*id, format!("author {id}"))).collect()
}

/// Asks for one after another.
#[corio::task]
fn one_by_one(books: u64) {
    for book in 1..=books {
        let author = io!(fetch_book(book));
        io!(fetch_author(author));
    }
}

#[corio::task]
fn all_at_once(books: u64) {
    let authors = io_all!((1..=books).map(fetch_book));
    io_all!(authors.into_iter().map(fetch_author));
}

fn log_of(program: impl Task<()>) -> Log {
    let log = Log::new();
    Schedule::new(()).observe(log.observer()).run(program).unwrap();
    log
}

/// What a panic says.
fn message(fails: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(fails)).expect_err("a panic");
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .expect("a message")
}

mod number_of_batches {
    use super::*;

    #[track_caller]
    fn check(fails: impl FnOnce(), expected: Expect) {
        expected.assert_eq(&message(fails));
    }

    #[test]
    fn is_counted_by_dispatcher() {
        let log = log_of(one_by_one(3));
        assert_eq!(
            (log.batches("fetch_book"), log.batches("fetch_author"), log.batches("fetch_shelf")),
            (3, 3, 0)
        );
        let log = log_of(all_at_once(3));
        assert_eq!((log.batches("fetch_book"), log.batches("fetch_author")), (1, 1));
        assert!(!log.take().is_empty());
        assert_eq!(log.batches("fetch_book"), 0);
    }

    #[test]
    fn is_counted_in_a_log_of_everything_too() {
        let log = Log::new();
        Schedule::new(()).observe(log.verbose_observer()).run(one_by_one(2)).unwrap();
        assert_eq!(log.batches("fetch_book"), 2);
        check(
            || assert_batches!(log, "fetch_book" == 1),
            expect![[r#"
                assert_batches! failed:
                  `fetch_book` was sent 2 batches, expected == 1:
                    round 1: 1 key: [1]
                    round 3: 1 key: [2]
                    2 of them have a single key: is one asked for after another? `io_all!`, or `all!` over tasks, asks for all at once
            "#]],
        );
    }

    #[test]
    fn that_holds_by_every_comparison() {
        let log = log_of(all_at_once(10));
        assert_batches!(log, "fetch_book" == 1);
        let limit = 2;
        assert_batches!(
            &log,
            "fetch_book" != 2,
            "fetch_book" < 2,
            "fetch_book" <= 1,
            "fetch_author" > 0,
            "fetch_author" >= 1,
            "fetch_book" <= limit - 1,
        );
    }

    #[test]
    fn that_does_not_hold_is_shown_with_the_batches() {
        let log = log_of(one_by_one(3));
        check(
            || assert_batches!(log, "fetch_book" <= 1, "fetch_author" == 3, "fetch_author" > 3),
            expect![[r#"
                assert_batches! failed:
                  `fetch_book` was sent 3 batches, expected <= 1:
                    round 1: 1 key: [1]
                    round 3: 1 key: [2]
                    round 5: 1 key: [3]
                    3 of them have a single key: is one asked for after another? `io_all!`, or `all!` over tasks, asks for all at once
                  `fetch_author` was sent 3 batches, expected > 3:
                    round 2: 1 key
                    round 4: 1 key
                    round 6: 1 key
            "#]],
        );
    }

    #[test]
    fn that_is_large_is_shown_by_its_beginning() {
        let log = log_of(one_by_one(40));
        let wide = log_of(all_at_once(40));
        check(
            || assert_batches!(log, "fetch_book" < 40),
            expect![[r#"
                assert_batches! failed:
                  `fetch_book` was sent 40 batches, expected < 40:
                    round 1: 1 key: [1]
                    round 3: 1 key: [2]
                    round 5: 1 key: [3]
                    round 7: 1 key: [4]
                    round 9: 1 key: [5]
                    round 11: 1 key: [6]
                    round 13: 1 key: [7]
                    round 15: 1 key: [8]
                    round 17: 1 key: [9]
                    round 19: 1 key: [10]
                    … and 30 more
            "#]],
        );
        check(
            || assert_batches!(wide, "fetch_book" != 1),
            expect![[r#"
            assert_batches! failed:
              `fetch_book` was sent 1 batch, expected != 1:
                round 1: 40 keys: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, …
        "#]],
        );
    }

    #[test]
    fn of_a_name_that_was_sent_none() {
        let log = log_of(all_at_once(3));
        // As it should be, if it is said so.
        assert_batches!(log, "fetch_shelf" == 0, "fetch_shelf" <= 0, "fetch_shelf" < 1);
        let limit = 0;
        assert_batches!(log, "fetch_shelf" <= limit);
        // Misspelt, perhaps, whatever the numbers say.
        check(
            || assert_batches!(log, "fetch_auhtor" <= 2, "fetch_auhtor" != 7, "fetch_auhtor" >= 0),
            expect![[r#"
                assert_batches! failed:
                  `fetch_auhtor` was sent no batch, expected <= 2. Those that were sent some: `fetch_author` (1), `fetch_book` (1). If it is to be sent none, say `== 0`
                  `fetch_auhtor` was sent no batch, expected != 7. Those that were sent some: `fetch_author` (1), `fetch_book` (1). If it is to be sent none, say `== 0`
                  `fetch_auhtor` was sent no batch, expected >= 0. Those that were sent some: `fetch_author` (1), `fetch_book` (1). If it is to be sent none, say `== 0`
            "#]],
        );
        check(
            || assert_batches!(Log::new(), "fetch_author" == 1),
            expect![[r#"
                assert_batches! failed:
                  `fetch_author` was sent no batch, expected == 1. No dispatcher was sent any: does the schedule have the log as its observer? `schedule.observe(log.observer())`
            "#]],
        );
    }

    #[test]
    fn is_asserted_where_the_test_says_so() {
        thread_local! {
            static LINE: Cell<u32> = const { Cell::new(0) };
        }
        let log = log_of(all_at_once(3));
        // Stays for the rest of the process: it notes the line for its thread alone, and passes all
        // on.
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            LINE.set(info.location().map_or(0, |location| location.line()));
            before(info);
        }));
        let line = line!() + 1;
        message(|| assert_batches!(log, "fetch_book" == 2));
        assert_eq!(LINE.get(), line);
    }
}

mod a_stand_in {
    use super::*;

    #[test]
    fn answers_by_a_function_and_remembers_each_batch() {
        let books = Recorded::new(|ids: &[u64]| ids.iter().map(|id| id + 100).collect::<Vec<_>>());
        // The dispatcher gives a map, and this a place for each.
        let authors = Recorded::new(|ids: &[u64]| {
            ids.iter().map(|id| id.is_multiple_of(2).then(|| id.to_string())).collect::<Vec<_>>()
        });
        let mut schedule = Schedule::new(())
            .answer_with(fetch_book, books.answer())
            .answer_with(fetch_author, authors.answer());
        schedule.run(one_by_one(2)).unwrap();
        schedule.run(all_at_once(3)).unwrap();
        assert_eq!(books.batches(), [vec![1], vec![2], vec![1, 2, 3]]);
        assert_eq!(authors.batches(), [vec![101], vec![102], vec![101, 102, 103]]);
        assert_eq!(schedule.run(fetch_author(4)).unwrap().as_deref(), Some("4"));
        assert_eq!(format!("{books:?}"), "Recorded { batches: [[1], [2], [1, 2, 3]], .. }");
    }

    #[test]
    fn may_have_a_state_and_stand_in_several_schedules() {
        let mut calls = 0;
        let books = Recorded::new(move |ids: &[u64]| {
            calls += 1;
            vec![calls; ids.len()]
        });
        for call in 1..=3 {
            assert_eq!(
                Schedule::new(())
                    .answer_with(fetch_book, books.answer())
                    .run(fetch_book(call))
                    .unwrap(),
                call
            );
        }
        assert_eq!(books.batches(), [[1], [2], [3]]);
    }

    #[test]
    fn answers_from_what_is_canned() {
        let authors = Recorded::canned([(1, Some("one".to_owned())), (2, None)]);
        let mut schedule = Schedule::new(()).answer_with(fetch_author, authors.answer());
        assert_eq!(schedule.run(fetch_author(1)).unwrap().as_deref(), Some("one"));
        assert_eq!(schedule.run(fetch_author(2)).unwrap(), None);
        expect![
            "corio: no answer is canned for the key 3, of `fetch_author`: add `(3, …)` to `Recorded::canned`, or answer by a function, with `Recorded::new`"
        ]
        .assert_eq(&message(|| _ = schedule.run(fetch_author(3))));
        assert_eq!(authors.batches(), [[1], [2], [3]]);
    }

    #[test]
    fn without_an_answer_is_trouble_of_the_batch_where_that_is_an_error() {
        #[corio::dispatcher(faults = "error")]
        fn fetch_row(ids: &[u64]) -> Vec<u64> {
            ids.to_vec()
        }

        let rows = Recorded::canned([(1, Ok(10))]);
        let mut schedule = Schedule::new(()).answer_with(fetch_row, rows.answer());
        assert_eq!(schedule.run(fetch_row(1)).unwrap(), Ok(10));
        let Err(RequestError::Panicked { message, .. }) = schedule.run(fetch_row(2)).unwrap()
        else {
            panic!("not answered")
        };
        expect!["corio: no answer is canned for the key 2, of `fetch_row`: add `(2, …)` to `Recorded::canned`, or answer by a function, with `Recorded::new`"]
            .assert_eq(&message);
    }
}

mod exploring {
    use super::*;

    #[corio::task]
    fn set(place: Rc<Cell<u64>>, value: u64) {
        place.set(io!(fetch_book(value)));
    }

    /// Gives 2 if the tasks run in the order in which they were spawned.
    #[corio::task]
    fn last_one_wins() -> u64 {
        let place = Rc::new(Cell::new(0));
        spawn!(set(place.clone(), 1));
        spawn!(set(place.clone(), 2));
        wait!();
        place.get()
    }

    #[test]
    fn gives_each_seed_a_schedule_of_its_own() {
        let mut results = Vec::new();
        explore(50, |mut schedule| results.push(schedule.run(last_one_wins()).unwrap()));
        let by_hand: Vec<u64> = (1..=50)
            .map(|seed| Schedule::new(()).shuffle(seed).run(last_one_wins()).unwrap())
            .collect();
        assert_eq!(results, by_hand);
        assert!(results.contains(&1) && results.contains(&2));
    }

    #[test]
    fn ends_with_the_first_seed_that_fails_and_its_panic() {
        let mut tried = 0;
        let panic = catch_unwind(AssertUnwindSafe(|| {
            explore(1000, |mut schedule| {
                tried += 1;
                if schedule.run(last_one_wins()).unwrap() != 2 {
                    std::panic::panic_any(tried);
                }
            });
        }));
        let failing = *panic.unwrap_err().downcast::<u64>().expect("the payload of the program");
        assert_eq!(failing, tried);
        assert_eq!(Schedule::new(()).shuffle(failing).run(last_one_wins()).unwrap(), 1);
        assert!(
            (1..failing)
                .all(|seed| Schedule::new(()).shuffle(seed).run(last_one_wins()).unwrap() == 2)
        );
    }

    #[test]
    fn over_a_context_makes_one_for_each_seed() {
        #[derive(Context)]
        struct Counter {
            count: Cell<u64>,
        }

        #[corio::dispatcher]
        fn next(count: &Cell<u64>, keys: &[u64]) -> Vec<u64> {
            keys.iter().map(|_| count.replace(count.get() + 1)).collect()
        }

        #[corio::task(Counter)]
        fn program() -> u64 {
            all!((0..3).map(next)).iter().sum::<u64>() + context!().count.get()
        }

        let mut made = 0;
        explore_over(
            20,
            || {
                made += 1;
                Counter { count: Cell::new(0) }
            },
            |mut schedule| assert_eq!(schedule.run(program()).unwrap(), 1 + 2 + 3),
        );
        assert_eq!(made, 20);
    }
}
