//! Per-batch functions: every shape that they may have, the options, and what `io!` then gives.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use corio::{Batch, Context, Error, Log, RequestError, Schedule, Task};
use expect_test::{Expect, expect};

#[derive(Context)]
struct Pieces {
    tens: Tens,
    hundreds: Hundreds,
}

struct Tens(u64);
struct Hundreds(u64);

impl Pieces {
    fn new() -> Self {
        Pieces { tens: Tens(10), hundreds: Hundreds(100) }
    }
}

/// The one error of the dispatchers here; not `Clone`, as errors often are.
#[derive(Debug, PartialEq, Eq)]
struct Refused(u64);

/// Runs a program, and gives its result and the batches that it took.
fn logged<T>(program: impl Task<Pieces, Output = T>) -> (T, String) {
    let log = Log::new();
    let result = Schedule::new(Pieces::new()).observe(log.observer()).run(program).unwrap();
    (result, log.take())
}

#[track_caller]
fn check<T: Debug>(program: impl Task<Pieces, Output = T>, expect: Expect) {
    let (result, batches) = logged(program);
    expect.assert_eq(&format!("{batches}{result:?}"));
}

type Both<T> = (T, T);

/// The type is named at each call: so what `io!` gives is not left to inference.
fn line<T: Debug>(answers: T) -> String {
    format!("{answers:?}\n")
}

/// One dispatcher for each row of the table of shapes. What a request adds up to shows which pieces
/// its dispatcher got: nothing, 10, or 10 and 100.
macro_rules! shapes {
    ($shapes:ident: $answer_4:literal, [$($asyncness:ident)?] [$($piece:ident: &$type:ty),*] [$($keys:tt)*]) => {
        mod $shapes {
            use super::*;

            #[corio::dispatcher(show_keys)]
            $($asyncness)? fn position($($piece: &$type,)* keys: $($keys)*) -> Vec<u64> {
                keys.iter().map(|key| *key $(+ $piece.0)*).collect()
            }

            #[corio::dispatcher(show_keys)]
            $($asyncness)? fn by_hash($($piece: &$type,)* keys: $($keys)*) -> HashMap<u64, u64> {
                keys.iter().filter(|key| **key != 5).map(|key| (*key, *key $(+ $piece.0)*)).collect()
            }

            #[corio::dispatcher(show_keys)]
            $($asyncness)? fn by_order($($piece: &$type,)* keys: $($keys)*) -> BTreeMap<u64, u64> {
                keys.iter().filter(|key| **key != 5).map(|key| (*key, *key $(+ $piece.0)*)).collect()
            }

            #[corio::dispatcher(show_keys)]
            $($asyncness)? fn each_fallible($($piece: &$type,)* keys: $($keys)*) -> Vec<Result<u64, Refused>> {
                keys.iter().map(|key| if *key == 5 { Err(Refused(*key)) } else { Ok(*key $(+ $piece.0)*) }).collect()
            }

            #[corio::dispatcher(show_keys)]
            $($asyncness)? fn fallible_positions($($piece: &$type,)* keys: $($keys)*) -> Result<Vec<u64>, Arc<Refused>> {
                match keys.iter().find(|key| **key == 5) {
                    Some(key) => Err(Arc::new(Refused(*key))),
                    None => Ok(keys.iter().map(|key| *key $(+ $piece.0)*).collect()),
                }
            }

            #[corio::dispatcher(show_keys)]
            $($asyncness)? fn fallible_map($($piece: &$type,)* keys: $($keys)*) -> Result<HashMap<u64, u64>, Arc<Refused>> {
                match keys.iter().find(|key| **key == 5) {
                    Some(key) => Err(Arc::new(Refused(*key))),
                    None => Ok(keys.iter().map(|key| (*key, *key $(+ $piece.0)*)).collect()),
                }
            }

            #[corio::dispatcher(show_keys)]
            $($asyncness)? fn fallible_twice($($piece: &$type,)* keys: $($keys)*) -> Result<Vec<Result<u64, Refused>>, Arc<Refused>> {
                Ok(keys.iter().map(|key| if *key == 5 { Err(Refused(*key)) } else { Ok(*key $(+ $piece.0)*) }).collect())
            }

            #[corio::dispatcher(show_keys)]
            $($asyncness)? fn filled($($piece: &$type,)* keys: $($keys)*, answers: &mut Vec<u64>) {
                answers.extend(keys.iter().map(|key| *key $(+ $piece.0)*));
            }

            #[corio::dispatcher(show_keys)]
            $($asyncness)? fn slots($($piece: &$type,)* batch: Batch<u64, u64>) {
                for slot in batch {
                    slot.answer_with(|key| key $(+ $piece.0)*);
                }
            }

            // Keys 4 and 4 again show doubles, 5 what is missing or refused.
            #[corio::task(Pieces)]
            fn program() -> String {
                let mut lines = String::new();
                lines += &line::<Both<u64>>(io!(position(4), position(4)));
                lines += &line::<(Option<u64>, Option<u64>, Option<u64>)>(io!(by_hash(4), by_hash(4), by_hash(5)));
                lines += &line::<(Option<u64>, Option<u64>, Option<u64>)>(io!(by_order(4), by_order(4), by_order(5)));
                lines += &line::<Both<Result<u64, Refused>>>(io!(each_fallible(4), each_fallible(5)));
                lines += &line::<Both<Result<u64, Arc<Refused>>>>(io!(fallible_positions(4), fallible_positions(4)));
                lines += &line::<Both<Result<u64, Arc<Refused>>>>(io!(fallible_positions(4), fallible_positions(5)));
                lines += &line::<Both<Result<Option<u64>, Arc<Refused>>>>(io!(fallible_map(4), fallible_map(4)));
                lines += &line::<Both<Result<Option<u64>, Arc<Refused>>>>(io!(fallible_map(5), fallible_map(4)));
                lines += &line::<Both<Result<Result<u64, Refused>, Arc<Refused>>>>(io!(fallible_twice(4), fallible_twice(5)));
                lines += &line::<Both<u64>>(io!(filled(4), filled(4)));
                lines += &line::<Both<u64>>(io!(slots(4), slots(4)));
                lines
            }

            #[test]
            fn every_shape_answers() {
                let (result, batches) = logged(program());
                assert_eq!(result, answers($answer_4));
                super::batches().assert_eq(&batches);
            }
        }
    };
}

/// What every set of shapes answers, where `four` is the answer to 4.
fn answers(four: u64) -> String {
    format!(
        "({four}, {four})
(Some({four}), Some({four}), None)
(Some({four}), Some({four}), None)
(Ok({four}), Err(Refused(5)))
(Ok({four}), Ok({four}))
(Err(Refused(5)), Err(Refused(5)))
(Ok(Some({four})), Ok(Some({four})))
(Err(Refused(5)), Err(Refused(5)))
(Ok(Ok({four})), Ok(Err(Refused(5))))
({four}, {four})
({four}, {four})
"
    )
}

/// What leaves for it, whatever the shape: maps get each key once.
fn batches() -> Expect {
    expect![[r#"
        round 1: position[4, 4]
        round 2: by_hash[4, 5]
        round 3: by_order[4, 5]
        round 4: each_fallible[4, 5]
        round 5: fallible_positions[4, 4]
        round 6: fallible_positions[4, 5]
        round 7: fallible_map[4]
        round 8: fallible_map[5, 4]
        round 9: fallible_twice[4, 5]
        round 10: filled[4, 4]
        round 11: slots[4, 4]
    "#]]
}

shapes!(no_piece_by_slice: 4, [] [] [&[u64]]);
shapes!(no_piece_owned: 4, [] [] [Vec<u64>]);
shapes!(no_piece_async_by_slice: 4, [async] [] [&[u64]]);
shapes!(no_piece_async_owned: 4, [async] [] [Vec<u64>]);
shapes!(one_piece_by_slice: 14, [] [tens: &Tens] [&[u64]]);
shapes!(one_piece_owned: 14, [] [tens: &Tens] [Vec<u64>]);
shapes!(one_piece_async_by_slice: 14, [async] [tens: &Tens] [&[u64]]);
shapes!(one_piece_async_owned: 14, [async] [tens: &Tens] [Vec<u64>]);
shapes!(two_pieces_by_slice: 114, [] [tens: &Tens, hundreds: &Hundreds] [&[u64]]);
shapes!(two_pieces_owned: 114, [] [hundreds: &Hundreds, tens: &Tens] [Vec<u64>]);
shapes!(two_pieces_async_by_slice: 114, [async] [hundreds: &Hundreds, tens: &Tens] [&[u64]]);
shapes!(two_pieces_async_owned: 114, [async] [tens: &Tens, hundreds: &Hundreds] [Vec<u64>]);

#[test]
fn one_parameter_may_be_a_pattern_or_mutable() {
    #[corio::dispatcher]
    fn reversed_in_place(mut keys: Vec<u64>) -> Vec<u64> {
        keys.reverse();
        keys
    }

    #[corio::dispatcher]
    fn ignores(_: &Tens, _: &[u64]) -> HashMap<u64, u64> {
        HashMap::new()
    }

    #[corio::task(Pieces)]
    fn program() -> (Vec<u64>, Option<u64>) {
        (io_all!((1..=3).map(reversed_in_place)), io!(ignores(1)))
    }

    assert_eq!(logged(program()).0, (vec![3, 2, 1], None));
}

#[test]
fn max_batch_parts_leave_in_the_same_round() {
    const LIMIT: usize = 2;

    #[corio::dispatcher(show_keys, max_batch = 3)]
    fn by_literal(keys: &[u64]) -> Vec<u64> {
        keys.to_vec()
    }

    #[corio::dispatcher(max_batch = LIMIT, show_keys)]
    fn by_constant(keys: Vec<u64>) -> Vec<u64> {
        keys
    }

    #[corio::dispatcher(max_batch = 1, show_keys)]
    async fn alone(keys: &[u64]) -> Vec<u64> {
        keys.to_vec()
    }

    #[corio::task]
    fn program() -> Vec<Vec<u64>> {
        vec![
            io_all!((0..7).map(by_literal)),
            io_all!((0..3).map(by_literal)), // exactly full: no empty part
            io_all!((0..5).map(by_constant)),
            io_all!((0..2).map(alone)),
        ]
    }

    check(
        program(),
        expect![[r#"
            round 1: by_literal[0, 1, 2]
            round 1: by_literal[3, 4, 5]
            round 1: by_literal[6]
            round 2: by_literal[0, 1, 2]
            round 3: by_constant[0, 1]
            round 3: by_constant[2, 3]
            round 3: by_constant[4]
            round 4: alone[0]
            round 4: alone[1]
            [[0, 1, 2, 3, 4, 5, 6], [0, 1, 2], [0, 1, 2, 3, 4], [0, 1]]"#]],
    );
}

#[test]
fn dedup_sends_each_key_once_and_everyone_gets_the_answer() {
    #[corio::dispatcher(dedup, show_keys)]
    fn by_position(keys: &[u64]) -> Vec<String> {
        keys.iter().map(|key| format!("answer {key}")).collect()
    }

    #[corio::dispatcher(dedup, show_keys)]
    fn fallible(keys: &[u64]) -> Vec<Result<u64, Arc<Refused>>> {
        keys.iter()
            .map(|key| if *key == 5 { Err(Arc::new(Refused(5))) } else { Ok(*key) })
            .collect()
    }

    #[corio::dispatcher(dedup, show_keys, max_batch = 2)]
    async fn in_parts(keys: Vec<u64>) -> Vec<u64> {
        keys
    }

    #[corio::dispatcher(dedup, show_keys)]
    fn slots(batch: Batch<u64, u64>) {
        for slot in batch {
            slot.answer_with(|key| key);
        }
    }

    #[corio::dispatcher(dedup, show_keys)]
    fn filled(keys: &[u64], answers: &mut Vec<u64>) {
        answers.extend(keys);
    }

    #[corio::task]
    fn program() {
        let keys = [3, 1, 3, 2, 1, 3];
        assert_eq!(io_all!(keys.map(by_position)), keys.map(|key| format!("answer {key}")));
        assert_eq!(
            io!(fallible(5), fallible(1), fallible(5)),
            (Err(Arc::new(Refused(5))), Ok(1), Err(Arc::new(Refused(5))))
        );
        assert_eq!(io_all!(keys.map(in_parts)), keys);
        assert_eq!(io_all!(keys.map(slots)), keys);
        assert_eq!(io_all!(keys.map(filled)), keys);
        // Only within a batch: the same key later is asked for again.
        assert_eq!(io!(filled(3)), 3);
    }

    check(
        program(),
        expect![[r#"
            round 1: by_position[3, 1, 2]
            round 2: fallible[5, 1]
            round 3: in_parts[3, 1]
            round 3: in_parts[2]
            round 4: slots[3, 1, 2]
            round 5: filled[3, 1, 2]
            round 6: filled[3]
            ()"#]],
    );
}

#[test]
fn dedup_is_across_tasks() {
    #[corio::dispatcher(dedup, show_keys)]
    fn shared(keys: &[u64]) -> Vec<Rc<u64>> {
        keys.iter().copied().map(Rc::new).collect()
    }

    #[corio::task]
    fn one(key: u64) -> Rc<u64> {
        io!(shared(key))
    }

    #[corio::task]
    fn program() -> (bool, bool) {
        let (a, b, c) = join!(one(1), one(2), one(1));
        (Rc::ptr_eq(&a, &c), Rc::ptr_eq(&a, &b))
    }

    check(
        program(),
        expect![[r#"
        round 1: shared[1, 2]
        (true, false)"#]],
    );
}

#[test]
fn maps_may_hold_more_than_was_asked_for() {
    #[corio::dispatcher]
    fn everything(_: &[u64]) -> BTreeMap<u64, &'static str> {
        BTreeMap::from([(1, "one"), (2, "two"), (3, "three")])
    }

    #[corio::task]
    fn program() -> (Option<&'static str>, Option<&'static str>) {
        io!(everything(2), everything(9))
    }

    assert_eq!(logged(program()).0, (Some("two"), None));
}

#[test]
fn an_error_of_the_whole_batch_goes_to_every_request_of_it_and_to_no_other() {
    #[corio::dispatcher(max_batch = 2, show_keys)]
    fn fallible(keys: &[u64]) -> Result<HashMap<u64, u64>, Arc<Refused>> {
        if keys.contains(&3) {
            return Err(Arc::new(Refused(3)));
        }
        Ok(keys.iter().map(|key| (*key, key * 10)).collect())
    }

    #[corio::task]
    fn program() -> Vec<Result<Option<u64>, Arc<Refused>>> {
        io_all!([1, 2, 3, 4, 3, 5].map(fallible))
    }

    check(
        program(),
        expect![[r#"
        round 1: fallible[1, 2]
        round 1: fallible[3, 4]
        round 1: fallible[5]
        [Ok(Some(10)), Ok(Some(20)), Err(Refused(3)), Err(Refused(3)), Err(Refused(3)), Ok(Some(50))]"#]],
    );
}

#[test]
fn a_filled_vector_is_empty_at_the_start_of_every_batch() {
    #[corio::dispatcher]
    fn filled(keys: &[u64], answers: &mut Vec<u64>) {
        assert!(answers.is_empty());
        answers.extend(keys);
    }

    #[corio::dispatcher]
    async fn filled_later(keys: &[u64], answers: &mut Vec<u64>) {
        assert!(answers.is_empty());
        answers.extend(keys);
    }

    #[corio::task]
    fn program() {
        for size in [3, 1, 5] {
            assert_eq!(io_all!((0..size).map(filled)), (0..size).collect::<Vec<_>>());
            assert_eq!(io_all!((0..size).map(filled_later)), (0..size).collect::<Vec<_>>());
        }
    }

    logged(program());
}

#[test]
fn too_few_answers_are_an_error_that_names_dispatcher_and_position() {
    #[corio::dispatcher(show_keys)]
    fn one_short(keys: &[&'static str]) -> Vec<&'static str> {
        keys[1..].to_vec()
    }

    #[corio::dispatcher]
    fn one_short_filled(keys: &[&'static str], answers: &mut Vec<&'static str>) {
        answers.extend(&keys[1..]);
    }

    #[corio::dispatcher]
    async fn one_too_many(keys: Vec<&'static str>) -> Vec<&'static str> {
        keys.into_iter().chain(["more"]).collect()
    }

    let mut schedule = Schedule::new(());
    #[corio::task]
    fn two_short() {
        io!(one_short("a"), one_short("b"));
    }
    #[corio::task]
    fn two_short_filled() {
        io!(one_short_filled("a"), one_short_filled("b"));
    }
    let errors = [
        schedule.run(two_short()).unwrap_err(),
        schedule.run(two_short_filled()).unwrap_err(),
        schedule.run(one_too_many("a")).unwrap_err(),
        // It goes on being usable, and says the same again.
        schedule.run(two_short()).unwrap_err(),
    ];
    expect![[r#"
        dispatcher `one_short` gave 1 answer to a batch of 2 requests: there must be one for each, in order (the first without one: position 1, key "b")
        dispatcher `one_short_filled` gave 1 answer to a batch of 2 requests: there must be one for each, in order
        dispatcher `one_too_many` gave 2 answers to a batch of 1 request: there must be one for each, in order
        dispatcher `one_short` gave 1 answer to a batch of 2 requests: there must be one for each, in order (the first without one: position 1, key "b")"#]]
    .assert_eq(&errors.map(|error| error.to_string()).join("\n"));
}

mod batches {
    use super::*;

    #[corio::dispatcher(show_keys)]
    fn backwards(batch: Batch<u64, String>) {
        let total = batch.len();
        for slot in batch.into_iter().collect::<Vec<_>>().into_iter().rev() {
            let position = slot.position();
            slot.answer_with(|key| format!("{key} at {position} of {total}"));
        }
    }

    #[test]
    fn can_be_answered_out_of_order() {
        #[corio::task]
        fn program() -> Vec<String> {
            io_all!([30, 10, 20].map(backwards))
        }

        check(
            program(),
            expect![[r#"
                round 1: backwards[30, 10, 20]
                ["30 at 0 of 3", "10 at 1 of 3", "20 at 2 of 3"]"#]],
        );
    }

    #[test]
    fn can_be_split() {
        #[corio::dispatcher]
        fn split(mut batch: Batch<u64, String>) {
            let back = batch.split_off(2);
            assert_eq!((batch.len(), back.len(), back.is_empty()), (2, 3, false));
            assert_eq!(back.keys().copied().collect::<Vec<_>>(), [12, 13, 14]);
            back.answer_all(["back 0", "back 1", "back 2"].map(String::from));
            let (even, odd): (Vec<_>, Vec<_>) =
                batch.into_iter().partition(|slot| slot.key() % 2 == 0);
            // A batch can be put together again from any slots.
            let (even, odd): (Batch<_, _>, Batch<_, _>) =
                (even.into_iter().collect(), odd.into_iter().collect());
            for (name, part) in [("odd", odd), ("even", even)] {
                for slot in part {
                    slot.answer(name.into());
                }
            }
        }

        #[corio::task]
        fn program() -> Vec<String> {
            io_all!((10..15).map(split))
        }

        assert_eq!(logged(program()).0, ["even", "odd", "back 0", "back 1", "back 2"]);
    }

    #[test]
    fn can_be_answered_from_another_thread() {
        #[corio::dispatcher]
        fn threads(batch: Batch<u64, u64>) {
            for slot in batch {
                thread::spawn(move || slot.answer_with(|key| key * 2));
            }
        }

        #[corio::task]
        fn program() -> u64 {
            let mut sum = 0;
            for round in 0..20 {
                sum += io_all!((0..10).map(|key| threads(round * 10 + key))).iter().sum::<u64>();
            }
            sum
        }

        assert_eq!(logged(program()).0, (0..200).map(|key| key * 2).sum::<u64>());
    }

    #[test]
    fn can_be_sent_to_a_worker_that_outlives_the_run() {
        struct Worker(mpsc::Sender<Batch<u64, u64>>);

        #[corio::dispatcher]
        fn sent(worker: &Worker, batch: Batch<u64, u64>) {
            worker.0.send(batch).unwrap();
        }

        #[corio::task(Worker)]
        fn program() -> (u64, u64) {
            (io!(sent(1)), io!(sent(2)))
        }

        let (sender, receiver) = mpsc::channel::<Batch<u64, u64>>();
        let worker = thread::spawn(move || {
            for batch in receiver {
                for slot in batch {
                    slot.answer_with(|key| key + 1);
                }
            }
        });
        {
            let context = Worker(sender);
            assert_eq!(Schedule::new(&context).run(program()).unwrap(), (2, 3));
            assert_eq!(Schedule::new(&context).run(program()).unwrap(), (2, 3));
        }
        worker.join().unwrap();
    }

    #[test]
    fn can_be_answered_when_another_dispatcher_is_called() {
        /// Slots that were kept for later.
        #[derive(Default)]
        struct Kept(RefCell<Vec<corio::Slot<u64, u64>>>);

        #[corio::dispatcher(show_keys)]
        fn keep(kept: &Kept, batch: Batch<u64, u64>) {
            kept.0.borrow_mut().extend(batch);
        }

        #[corio::dispatcher(show_keys)]
        fn release(kept: &Kept, counts: &[usize]) -> Vec<usize> {
            for count in counts {
                for slot in kept.0.borrow_mut().drain(..count) {
                    slot.answer_with(|key| key * 100);
                }
            }
            counts.to_vec()
        }

        #[corio::task(Kept)]
        fn kept_one(key: u64) -> u64 {
            io!(keep(key))
        }

        #[corio::task(Kept)]
        fn program() -> Vec<u64> {
            let (one, two, three) = (spawn!(kept_one(1)), spawn!(kept_one(2)), spawn!(kept_one(3)));
            io!(release(0)); // the slots are there from this round on
            io!(release(2));
            let (one, two) = (call!(one), call!(two));
            io!(release(1));
            vec![one, two, call!(three)]
        }

        let log = Log::new();
        let mut schedule = Schedule::new(Rc::new(Kept::default())).observe(log.observer());
        let result = schedule.run(program()).unwrap();
        expect![[r#"
            round 1: keep[1, 2, 3]
            round 1: release[0]
            round 2: release[2]
            round 3: release[1]
            [100, 200, 300]"#]]
        .assert_eq(&format!("{log}{result:?}"));
    }

    #[test]
    fn slots_can_fail() {
        #[corio::dispatcher]
        fn fallible(batch: Batch<u64, Result<u64, Refused>>) {
            for slot in batch {
                match *slot.key() {
                    5 => slot.fail(Refused(5)),
                    key => slot.answer(Ok(key)),
                }
            }
        }

        #[corio::task]
        fn program() -> (Result<u64, Refused>, Result<u64, Refused>) {
            io!(fallible(4), fallible(5))
        }

        assert_eq!(logged(program()).0, (Ok(4), Err(Refused(5))));
    }

    #[test]
    fn a_slot_that_is_dropped_is_an_error_that_names_it() {
        #[corio::dispatcher(show_keys)]
        fn drops_the_second(batch: Batch<u64, u64>) {
            for slot in batch {
                if slot.position() != 1 {
                    slot.answer(0);
                }
            }
        }

        #[corio::task]
        fn program() {
            io_all!([7, 8, 9].map(drops_the_second));
        }

        let mut schedule = Schedule::new(());
        let error = schedule.run(program()).unwrap_err();
        assert!(
            matches!(&error, Error::Batch(RequestError::Unanswered { dispatcher: "drops_the_second", position: 1, requests: 3, key: Some(key), .. }) if key == "8"),
            "{error:?}"
        );
        // The schedule goes on being usable.
        assert_eq!(schedule.run(drops_the_second(1)).unwrap(), 0);
    }

    #[test]
    fn answers_that_come_after_the_run_are_thrown_away() {
        #[derive(Default)]
        struct Kept(RefCell<Vec<corio::Slot<u64, Rc<()>>>>);

        #[corio::dispatcher]
        fn keep(kept: &Kept, batch: Batch<u64, Rc<()>>) {
            kept.0.borrow_mut().extend(batch);
        }

        #[corio::dispatcher]
        fn at_once(keys: &[u64]) -> Vec<u64> {
            keys.to_vec()
        }

        #[corio::task(Kept)]
        fn slow() -> u64 {
            io!(keep(1));
            unreachable!("the other one wins");
        }

        #[corio::task(Kept)]
        fn program() -> u64 {
            race!(slow(), at_once(2))
        }

        let kept = Kept::default();
        let mut schedule = Schedule::new(&kept);
        assert_eq!(schedule.run(program()).unwrap(), 2);
        let answer = Rc::new(());
        for slot in kept.0.take() {
            slot.answer(answer.clone());
        }
        assert_eq!(schedule.run(program()).unwrap(), 2);
        drop(schedule);
        drop(kept);
        assert_eq!(Rc::strong_count(&answer), 1, "the late answer is kept somewhere");
    }

    #[corio::dispatcher]
    async fn async_slots(tens: &Tens, batch: Batch<u64, u64>) {
        for slot in batch {
            slot.answer_with(|key| key + tens.0);
        }
    }

    #[test]
    fn may_go_to_an_async_function() {
        #[corio::task(Pieces)]
        fn program() -> Vec<u64> {
            io_all!((0..3).map(async_slots))
        }

        assert_eq!(logged(program()).0, [10, 11, 12]);
    }
}

#[test]
fn the_per_batch_function_can_be_called_for_its_own_unit_test() {
    #[corio::dispatcher(dedup)]
    fn tens(tens: &Tens, keys: &[u64]) -> Vec<u64> {
        keys.iter().map(|key| key * tens.0).collect()
    }

    #[corio::dispatcher]
    fn filled(keys: Vec<u64>, answers: &mut Vec<u64>) {
        answers.extend(keys);
    }

    #[corio::dispatcher]
    async fn later(keys: &[u64]) -> Result<HashMap<u64, u64>, Arc<Refused>> {
        Ok(keys.iter().map(|key| (*key, *key)).collect())
    }

    assert_eq!(tens::batch(&Tens(10), &[1, 2, 1]), [10, 20, 10]);
    let mut answers = Vec::new();
    filled::batch(vec![1, 2], &mut answers);
    assert_eq!(answers, [1, 2]);
    assert_eq!(smol::block_on(later::batch(&[1])), Ok(HashMap::from([(1, 1)])));
}

mod generic {
    use super::*;

    trait Row: Clone + Debug {
        fn read(db: &Db, id: u64) -> Self;
    }

    #[derive(Debug)]
    struct Id<T>(u64, PhantomData<fn() -> T>);

    struct Db(u64);

    #[derive(Clone, Debug, PartialEq)]
    struct Author(u64);

    #[derive(Clone, Debug, PartialEq)]
    struct Book(String);

    impl Row for Author {
        fn read(db: &Db, id: u64) -> Self {
            Author(db.0 + id)
        }
    }

    impl Row for Book {
        fn read(db: &Db, id: u64) -> Self {
            Book(format!("book {}", db.0 + id))
        }
    }

    #[corio::dispatcher(show_keys, max_batch = 3)]
    fn fetch<T: Row>(db: &Db, ids: &[Id<T>]) -> Vec<T> {
        ids.iter().map(|id| T::read(db, id.0)).collect()
    }

    #[corio::dispatcher]
    async fn fetch_where<T>(db: &Db, ids: Vec<Id<T>>) -> Result<Vec<T>, Arc<Refused>>
    where
        T: Row,
    {
        Ok(ids.iter().map(|id| T::read(db, id.0)).collect())
    }

    fn id<T>(id: u64) -> Id<T> {
        Id(id, PhantomData)
    }

    #[test]
    fn each_type_has_batches_of_its_own() {
        #[corio::task(Db)]
        fn program() -> (Vec<Author>, Book, Author, Result<Book, Arc<Refused>>) {
            let authors = io_all!((0..2).map(|n| fetch::<Author>(id(n))));
            let (book, author) = io!(fetch(id::<Book>(5)), fetch(id::<Author>(6)));
            (authors, book, author, io!(fetch_where::<Book>(id(7))))
        }

        let db = Db(100);
        let log = Log::new();
        let result = Schedule::new(&db).observe(log.observer()).run(program()).unwrap();
        expect![[r#"
            round 1: fetch[Id(0, PhantomData<fn() -> scenarios::dispatch::shapes::generic::Author>), Id(1, PhantomData<fn() -> scenarios::dispatch::shapes::generic::Author>)]
            round 2: fetch[Id(5, PhantomData<fn() -> scenarios::dispatch::shapes::generic::Book>)]
            round 2: fetch[Id(6, PhantomData<fn() -> scenarios::dispatch::shapes::generic::Author>)]
            round 3: fetch_where[1 key]
            ([Author(100), Author(101)], Book("book 105"), Author(106), Ok(Book("book 107")))"#]]
        .assert_eq(&format!("{log}{result:?}"));
    }

    #[corio::task(S)]
    fn both<S: corio::Provide<Db>, T: Row + 'static>(n: u64) -> (T, T) {
        io!(fetch(id(n)), fetch(id(n + 1)))
    }

    #[test]
    fn a_generic_task_asks_for_the_type_it_is_for() {
        #[corio::task(Db)]
        fn program() -> ((Author, Author), (Book, Book)) {
            join!(both(1), both(2))
        }

        let db = Db(0);
        let (authors, books) = Schedule::new(&db).run(program()).unwrap();
        assert_eq!(authors, (Author(1), Author(2)));
        assert_eq!(books, (Book("book 2".into()), Book("book 3".into())));
    }
}

mod places {
    use super::*;

    #[allow(unreachable_pub, reason = "shows that each function keeps the visibility that it has")]
    pub mod outer {
        #[corio::dispatcher]
        pub fn public(keys: &[u64]) -> Vec<u64> {
            keys.iter().map(|key| key + private_offset()).collect()
        }

        #[corio::dispatcher]
        pub(crate) fn for_the_crate(keys: &[u64]) -> Vec<u64> {
            keys.to_vec()
        }

        pub mod inner {
            #[corio::dispatcher]
            pub(super) fn for_its_parent(keys: &[u64]) -> Vec<u64> {
                // `super` is the module around the function, as everywhere.
                keys.iter().map(|key| key + super::private_offset()).collect()
            }

            #[corio::dispatcher]
            pub(in super::super) fn for_its_grandparent(keys: &[super::Key]) -> Vec<u64> {
                keys.iter().map(|key| key.0).collect()
            }
        }

        fn private_offset() -> u64 {
            1000
        }

        pub struct Key(pub u64);

        #[corio::task]
        pub fn asks_its_child() -> u64 {
            io!(inner::for_its_parent(1))
        }
    }

    #[test]
    fn visibility_and_paths_are_those_of_the_function() {
        use outer::public;

        #[corio::task]
        fn program() -> [u64; 5] {
            [
                io!(public(1)),
                io!(outer::for_the_crate(2)),
                call!(outer::asks_its_child()),
                io!(outer::inner::for_its_grandparent(outer::Key(3))),
                io!(super::places::outer::public(4)),
            ]
        }

        assert_eq!(logged(program()).0, [1001, 2, 1001, 3, 1004]);
    }

    fn ask_a_local_one() -> u64 {
        struct Local(u64);

        #[corio::dispatcher]
        fn local(keys: &[Local]) -> Vec<u64> {
            keys.iter().map(|key| key.0 + 1).collect()
        }

        Schedule::new(()).run(local(Local(1))).unwrap()
    }

    fn ask_another_local_one() -> u64 {
        #[corio::dispatcher]
        fn local(keys: &[u64]) -> Vec<u64> {
            keys.iter().map(|key| key + 2).collect()
        }

        #[corio::task]
        fn program() -> u64 {
            // A local variable of the name of a request is no trouble, but hides it.
            let local = io!(local(1));
            assert_eq!(local, 3);
            local
        }

        Schedule::new(()).run(program()).unwrap()
    }

    #[test]
    fn dispatchers_in_functions_see_local_types_and_do_not_meet() {
        assert_eq!((ask_a_local_one(), ask_another_local_one()), (2, 3));
    }
}

mod attributes {
    use super::*;

    /// Documented.
    ///
    /// At length.
    #[corio::dispatcher]
    #[expect(unused_variables, reason = "not fulfilled, if it were not on the per-batch function")]
    fn expecting(keys: &[u64]) -> HashMap<u64, u64> {
        let unused = 0;
        HashMap::new()
    }

    #[cfg(not(test))]
    #[corio::dispatcher]
    fn one_of_two(keys: &[u64]) -> Vec<&'static str> {
        compile_error!("is not there")
    }

    #[cfg(test)]
    #[corio::dispatcher]
    fn one_of_two(keys: &[u64]) -> Vec<&'static str> {
        vec!["the one that is there"; keys.len()]
    }

    #[corio::dispatcher]
    #[cfg(not(test))]
    fn never(keys: &[u64]) -> Vec<u64> {
        compile_error!("is not there")
    }

    #[corio::dispatcher]
    #[allow(non_snake_case)]
    #[inline(never)]
    fn fetchAuthor(keys: &[u64]) -> Vec<u64> {
        keys.to_vec()
    }

    #[test]
    fn are_kept() {
        #[corio::task]
        fn program() -> (Option<u64>, &'static str, u64) {
            io!(expecting(1), one_of_two(2), fetchAuthor(3))
        }

        assert_eq!(logged(program()).0, (None, "the one that is there", 3));
    }
}

mod many {
    use super::*;

    macro_rules! multiply_by {
        ($($name:ident: $factor:literal)*) => {
            $(
                #[corio::dispatcher]
                fn $name(keys: &[u64]) -> Vec<u64> {
                    keys.iter().map(|key| key * $factor).collect()
                }
            )*
        };
    }

    multiply_by! { one: 1 two: 2 three: 3 four: 4 five: 5 }

    #[corio::dispatcher]
    async fn six_later(keys: &[u64]) -> Vec<u64> {
        keys.iter().map(|key| key * 6).collect()
    }

    #[corio::dispatcher(max_batch = 7)]
    fn seven_on_threads(batch: Batch<u64, u64>) {
        thread::spawn(move || {
            for slot in batch {
                slot.answer_with(|key| key * 7);
            }
        });
    }

    /// Asks in an order that looks like chance.
    #[corio::task]
    fn wander(mut seed: u64) {
        for _ in 0..20 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let key = seed >> 40;
            match (seed >> 33) % 8 {
                0 => assert_eq!(io!(one(key)), key),
                1 => assert_eq!(io!(two(key)), key * 2),
                2 => assert_eq!(
                    io!(three(key), two(key), three(key + 1)),
                    (key * 3, key * 2, key * 3 + 3)
                ),
                3 => assert_eq!(
                    io_all!((0..3).map(|n| four(key + n))),
                    [key * 4, key * 4 + 4, key * 4 + 8]
                ),
                4 => assert_eq!(
                    join!(five(key), task! { io!(one(key)) + io!(two(key)) }),
                    (key * 5, key * 3)
                ),
                5 => assert_eq!(io!(six_later(key)), key * 6),
                6 => assert_eq!(io!(seven_on_threads(key), one(key)), (key * 7, key)),
                _ => {
                    let handle = spawn!(task!(move { io!(two(key)) }));
                    assert_eq!(io!(three(key)), key * 3);
                    assert_eq!(call!(handle), key * 2);
                }
            }
        }
    }

    #[test]
    fn dispatchers_with_keys_of_the_same_type_never_mix_their_answers() {
        #[corio::task]
        fn program() {
            for seed in 0..300 {
                spawn!(wander(seed));
            }
        }

        logged(program());
    }
}

mod types {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    #[repr(align(128))]
    struct Aligned(u8);

    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Nothing;

    /// Not `Clone`, not `Debug`, not `Send`.
    struct Work(Box<dyn Fn(u64) -> u64>, Rc<Cell<u32>>);

    #[corio::dispatcher]
    fn big(keys: &[[u8; 4096]]) -> Vec<[u8; 4096]> {
        keys.iter().map(|key| key.map(|byte| byte + 1)).collect()
    }

    #[corio::dispatcher]
    fn unit(keys: &[()]) -> Vec<()> {
        keys.to_vec()
    }

    #[corio::dispatcher]
    fn nothing(keys: Vec<Nothing>, answers: &mut Vec<Nothing>) {
        answers.extend(keys);
    }

    #[corio::dispatcher(show_keys, dedup)]
    fn no_data(keys: &[()]) -> Vec<()> {
        keys.to_vec()
    }

    #[corio::dispatcher]
    fn aligned(batch: Batch<Aligned, Aligned>) {
        for slot in batch {
            assert!(std::ptr::from_ref(slot.key()).is_aligned());
            slot.answer_with(|key| key);
        }
    }

    #[corio::dispatcher]
    fn work(keys: Vec<Work>) -> Vec<Box<dyn Fn() -> u64>> {
        keys.into_iter()
            .map(|Work(work, ran)| {
                Box::new(move || {
                    ran.set(ran.get() + 1);
                    work(1)
                }) as Box<dyn Fn() -> u64>
            })
            .collect()
    }

    type Wide = (u128, String, Option<Box<[u16]>>);

    #[corio::dispatcher]
    fn wide(keys: &[Wide]) -> Vec<u128> {
        keys.iter()
            .map(|(number, text, list)| {
                number + text.len() as u128 + list.as_ref().map_or(0, |list| list.len() as u128)
            })
            .collect()
    }

    #[corio::dispatcher]
    fn pointer(keys: &[fn(u64) -> u64]) -> Vec<u64> {
        keys.iter().map(|key| key(20)).collect()
    }

    #[test]
    fn keys_and_answers_may_be_big_or_odd() {
        #[corio::task]
        fn program() {
            assert_eq!(io!(big([7; 4096])), [8; 4096]);
            let (first, second) = io!(big([1; 4096]), big([2; 4096]));
            assert_eq!((first, second), ([2; 4096], [3; 4096]));
            assert_eq!(io_all!((0..3).map(|_| unit(()))), [(), (), ()]);
            assert_eq!(io!(nothing(Nothing), nothing(Nothing)), (Nothing, Nothing));
            assert_eq!(io!(no_data(()), no_data(())), ((), ()));
            let answers = io_all!((0..3).map(|n| aligned(Aligned(n))));
            assert_eq!(answers, [Aligned(0), Aligned(1), Aligned(2)]);
            assert!(answers.iter().all(|answer| std::ptr::from_ref(answer).is_aligned()));
            let ran = Rc::new(Cell::new(0));
            let (double, square) = io!(
                work(Work(Box::new(|n| n + 1), ran.clone())),
                work(Work(Box::new(|n| n + 2), ran.clone()))
            );
            assert_eq!((double(), square(), ran.get()), (2, 3, 2));
            assert_eq!(
                io!(wide((1 << 100, "four".into(), Some(Box::new([1, 2]))))),
                (1 << 100) + 6
            );
            assert_eq!(io!(pointer(|n| n + 1), pointer(u64::isqrt)), (21, 4));
        }

        logged(program());
    }

    #[test]
    fn every_key_and_answer_is_dropped_exactly_once() {
        /// Counts those that are there.
        struct Counted(Rc<Cell<i32>>);

        impl Counted {
            fn new(count: &Rc<Cell<i32>>) -> Self {
                count.set(count.get() + 1);
                Counted(count.clone())
            }
        }

        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.set(self.0.get() - 1);
            }
        }

        #[corio::dispatcher(max_batch = 2)]
        fn by_slice(keys: &[Counted]) -> Vec<Counted> {
            keys.iter().map(|key| Counted::new(&key.0)).collect()
        }

        #[corio::dispatcher]
        async fn owned(keys: Vec<Counted>) -> Vec<Counted> {
            keys
        }

        #[corio::dispatcher]
        fn slots(batch: Batch<Counted, Counted>) {
            for slot in batch {
                slot.answer_with(|key| key);
            }
        }

        #[corio::task]
        fn program(count: Rc<Cell<i32>>) {
            for _ in 0..2 {
                let answers = io_all!((0..3).map(|_| by_slice(Counted::new(&count))));
                assert_eq!(
                    (answers.len(), count.get()),
                    (3, 3),
                    "the keys are gone, the answers are not"
                );
                io_all!(answers.into_iter().map(owned));
                assert_eq!(count.get(), 0);
                let _kept = io!(slots(Counted::new(&count)), slots(Counted::new(&count)));
                assert_eq!(count.get(), 2);
                // A request that nobody asks is dropped as any value.
                drop(slots(Counted::new(&count)));
            }
        }

        let count = Rc::new(Cell::new(0));
        Schedule::new(()).run(program(count.clone())).unwrap();
        assert_eq!(count.get(), 0);
    }
}
