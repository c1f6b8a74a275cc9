//! Single-flight: one task for all that want the same key, errors shared, leaders replaced, and
//! nothing kept.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use corio::Schedule;
use corio::sync::SingleFlight;
use expect_test::expect;
use support::{Counted, Counts, Diary, FOR_EVER, double, message, rounds, run, without_lines};

type Flights = SingleFlight<&'static str, String>;

/// Makes a value that names its maker, in so many rounds.
#[corio::task]
fn makes(diary: &Diary, maker: &str, takes: u64) -> String {
    diary.say(format!("{maker} makes"));
    call!(rounds(takes));
    format!("by {maker}")
}

#[corio::task]
fn wants(flights: &Flights, diary: &Diary, key: &'static str, name: &str) {
    let value = call!(flights.run(key, makes(diary, name, 2)));
    diary.say(format!("{name}: {value}"));
}

#[corio::task]
fn impatient(flights: &Flights, diary: &Diary, name: &str, count: u64) {
    race!(wants(flights, diary, "key", name), rounds(count));
}

#[test]
fn one_task_runs_for_all_that_want_the_key_meanwhile() {
    #[corio::task]
    fn late(flights: &Flights, diary: &Diary, name: &str, after: u64) {
        call!(rounds(after));
        call!(wants(flights, diary, "key", name));
    }

    #[corio::task]
    fn program(flights: &Flights, diary: &Diary) {
        assert!(flights.is_empty());
        join!(
            wants(flights, diary, "key", "a"),
            wants(flights, diary, "other", "b"),
            wants(flights, diary, "key", "c"),
            late(flights, diary, "d", 1),
            late(flights, diary, "e", 3),
            task!({
                io!(double(1));
                diary.say(flights.len().to_string());
            })
        );
        assert!(flights.is_empty());
    }

    let diary = Diary::default();
    run(program(&Flights::new(), &diary));
    expect!["a makes, b makes, 2, a: by a, b: by b, c: by a, d: by a, e makes, e: by e"]
        .assert_eq(&diary.take());
}

#[test]
fn who_comes_when_the_value_is_there_runs_anew_while_others_still_have_to_take_theirs() {
    #[corio::task]
    fn again(flights: &Flights, diary: &Diary, name: &str) {
        call!(wants(flights, diary, "key", name));
        call!(wants(flights, diary, "key", &name.to_uppercase()));
    }

    #[corio::task]
    fn program(flights: &Flights, diary: &Diary) {
        join!(again(flights, diary, "a"), again(flights, diary, "b"), again(flights, diary, "c"));
    }

    let diary = Diary::default();
    run(program(&Flights::new(), &diary));
    expect!["a makes, a: by a, A makes, b: by a, c: by a, A: by A, B: by A, C: by A"]
        .assert_eq(&diary.take());
}

#[test]
fn an_error_is_shared_as_an_error() {
    #[corio::task]
    fn fails(tries: &Cell<u32>) -> Result<u64, Rc<str>> {
        tries.set(tries.get() + 1);
        io!(double(1));
        Err("not there".into())
    }

    #[corio::task]
    fn wants(
        flights: &SingleFlight<u64, Result<u64, Rc<str>>>,
        tries: &Cell<u32>,
    ) -> Result<u64, Rc<str>> {
        Ok(call!(flights.run(7, fails(tries)))? + 1)
    }

    #[corio::task]
    fn program(tries: &Cell<u32>) {
        let flights = SingleFlight::new();
        let got = all!((0..4).map(|_| wants(&flights, tries)));
        assert!(
            got.iter().all(|result| Rc::ptr_eq(
                result.as_ref().unwrap_err(),
                got[0].as_ref().unwrap_err()
            )),
            "one error"
        );
        assert!(call!(wants(&flights, tries)).is_err());
    }

    let tries = Cell::new(0);
    run(program(&tries));
    assert_eq!(tries.get(), 2);
}

#[test]
fn the_follower_that_waits_longest_leads_when_the_leader_is_dropped() {
    #[corio::task]
    fn program(flights: &Flights, diary: &Diary) {
        // a is dropped half-way, and b in the same round, just called; c in the next, having led
        // for a round; e while it follows.
        join!(
            impatient(flights, diary, "a", 1),
            impatient(flights, diary, "b", 1),
            impatient(flights, diary, "c", 2),
            impatient(flights, diary, "d", FOR_EVER),
            impatient(flights, diary, "e", 3),
            impatient(flights, diary, "f", FOR_EVER),
        );
        assert!(flights.is_empty());
    }

    let diary = Diary::default();
    run(program(&Flights::new(), &diary));
    expect!["a makes, c makes, d makes, d: by d, f: by d"].assert_eq(&diary.take());
}

#[test]
fn a_leader_that_is_dropped_alone_leaves_nothing_behind() {
    #[corio::task]
    fn program(flights: &Flights, diary: &Diary) {
        join!(impatient(flights, diary, "a", 1), impatient(flights, diary, "b", 1));
        assert!(flights.is_empty());
        call!(wants(flights, diary, "key", "c"));
    }

    let diary = Diary::default();
    run(program(&Flights::new(), &diary));
    expect!["a makes, c makes, c: by c"].assert_eq(&diary.take());
}

#[test]
fn single_flight_never_turns_a_panic_into_success() {
    #[corio::task]
    fn panics(counts: &Counts) -> u64 {
        let _one = counts.one();
        io!(double(1));
        panic!("no value")
    }

    #[corio::task]
    fn wants(flights: &SingleFlight<u64, u64>, counts: &Counts, got: &Cell<u32>) {
        call!(flights.run(1, panics(counts)));
        got.set(got.get() + 1);
    }

    #[corio::task]
    fn program(flights: &SingleFlight<u64, u64>, counts: &Counts, got: &Cell<u32>) {
        all!((0..10).map(|_| wants(flights, counts, got)));
    }

    let (flights, counts, got) = (SingleFlight::new(), Counts::default(), Cell::new(0));
    let mut schedule = Schedule::new(());
    for _ in 0..2 {
        assert_eq!(message(|| schedule.run(program(&flights, &counts, &got)).is_ok()), "no value");
    }
    counts.check_built(2);
    assert_eq!((got.get(), flights.len()), (0, 0));
    assert_eq!(schedule.run(flights.run(1, double(2))), Ok(4));
}

#[test]
fn a_value_whose_clone_panics_ends_the_run_and_leaves_nothing_behind() {
    struct Fragile(#[expect(dead_code, reason = "counted")] Counted);

    impl Clone for Fragile {
        fn clone(&self) -> Self {
            panic!("cannot be cloned")
        }
    }

    #[corio::task]
    fn makes(counts: Counts) -> Fragile {
        io!(double(1));
        Fragile(counts.one())
    }

    #[corio::task]
    fn program(flights: &SingleFlight<u64, Fragile>, counts: &Counts) {
        let wants = || {
            task!({
                call!(flights.run(1, makes(counts.clone())));
            })
        };
        call!(wants());
        join!(wants(), wants());
    }

    let (flights, counts) = (SingleFlight::new(), Counts::default());
    assert_eq!(
        message(|| Schedule::new(()).run(program(&flights, &counts)).is_ok()),
        "cannot be cloned"
    );
    counts.check_built(2);
    assert!(flights.is_empty());
}

#[test]
fn the_same_key_from_within_its_own_task_is_a_deadlock_that_says_so() {
    #[corio::task]
    fn circular(flights: &SingleFlight<u64, u64>) -> u64 {
        call!(flights.run(7, task!(-> u64 { call!(flights.run(7, double(1))) })))
    }

    #[corio::task]
    fn program(flights: &SingleFlight<u64, u64>) {
        // Also through a child.
        let child = task!(-> u64 {
            let (value,) = join!(task!(-> u64 { call!(flights.run(8, double(1))) }));
            value
        });
        join!(circular(flights), flights.run(8, child));
    }

    let error = Schedule::new(()).run(program(&SingleFlight::new())).unwrap_err();
    expect![[r#"
        deadlock: no task can run, nothing is queued and nothing in flight, but 3 tasks wait
          cycle: #1 → #2 → #1
          cycle: #3 → #3
          #1 `program > program` waits at LINE for its children: #2
          #2 `program > program > program` waits at LINE for the single-flight of a key, which is on the way: #1
          #3 `program > circular` waits at LINE for the single-flight of a key, which it leads itself: #3
            in `circular`, called at LINE"#]]
    .assert_eq(&without_lines(&error.to_string()));
}

#[test]
fn keys_need_not_be_cloned_and_tasks_may_be_spawned() {
    #[derive(PartialEq, Eq, Hash)]
    struct Key(String);

    #[corio::task]
    fn wants(flights: Rc<SingleFlight<Key, u64>>, key: u64) -> u64 {
        call!(flights.run(Key(key.to_string()), double(key)))
    }

    #[corio::task]
    fn program() -> u64 {
        let flights = Rc::default();
        let handles = (
            spawn!(wants(Rc::clone(&flights), 1)),
            spawn!(wants(Rc::clone(&flights), 2)),
            spawn!(wants(flights, 1)),
        );
        call!(handles.0) + call!(handles.1) + call!(handles.2)
    }

    let log = corio::Log::new();
    assert_eq!(Schedule::new(()).observe(log.observer()).run(program()), Ok(8));
    assert_eq!(log.to_string(), "round 1: double[1, 2]\n");
}

#[test]
fn works_over_a_context() {
    #[corio::dispatcher]
    fn scaled(factor: &u64, keys: &[u64]) -> Vec<u64> {
        keys.iter().map(|key| key * factor).collect()
    }

    #[corio::task(u64)]
    fn program() -> (Vec<u64>, u64) {
        let flights = SingleFlight::new();
        (all!([1, 1, 2].map(|key| flights.run(key, scaled(key)))), call!(flights.run(3, scaled(3))))
    }

    assert_eq!(Schedule::new(&10).run(program()), Ok((vec![10, 10, 20], 30)));
}

#[test]
fn in_use_in_another_run_says_so() {
    #[corio::task]
    fn inner(flights: &Flights, diary: &Diary, said: &RefCell<String>) {
        io!(double(1));
        said.replace(message(|| {
            Schedule::new(()).run(wants(flights, diary, "other", "inner")).is_ok()
        }));
    }

    #[corio::task]
    fn program(flights: &Flights, diary: &Diary, said: &RefCell<String>) {
        join!(wants(flights, diary, "key", "a"), inner(flights, diary, said));
        Schedule::new(()).run(wants(flights, diary, "key", "b")).unwrap();
        call!(wants(flights, diary, "key", "c"));
    }

    let (diary, said) = (Diary::default(), RefCell::default());
    run(program(&Flights::new(), &diary, &said));
    assert_eq!(
        said.take(),
        "corio: this single-flight is in use in another run; a single-flight belongs to one run at a time"
    );
    expect!["a makes, a: by a, b makes, b: by b, c makes, c: by c"].assert_eq(&diary.take());
}

#[test]
fn shows_the_keys_on_the_way() {
    #[corio::task]
    fn program(flights: &Flights, diary: &Diary) -> String {
        let looks = task!({
            io!(double(1));
            format!("{flights:?}")
        });
        join!(wants(flights, diary, "key", "a"), looks).1
    }

    assert_eq!(run(program(&Flights::new(), &Diary::default())), r#"{"key"}"#);
}

#[test]
fn a_hundred_thousand_follow_and_a_hundred_thousand_leaders_are_dropped() {
    #[corio::task]
    fn wants_one(flights: &SingleFlight<u64, u64>, sum: &Cell<u64>) {
        let value = call!(flights.run(1, task!(-> u64 { io!(double(1)) })));
        sum.set(sum.get() + value);
    }

    #[corio::task]
    fn program(flights: &SingleFlight<u64, u64>, sum: &Cell<u64>) {
        race!(
            task!({
                all!((0..100_000).map(|_| wants_one(flights, sum)));
            }),
            task!({})
        );
        assert!(flights.is_empty());
        all!((0..100_000).map(|_| wants_one(flights, sum)));
    }

    let (log, sum) = (corio::Log::new(), Cell::new(0));
    Schedule::new(()).observe(log.observer()).run(program(&SingleFlight::new(), &sum)).unwrap();
    assert_eq!((log.to_string().as_str(), sum.get()), ("round 1: double[1]\n", 200_000));
}
