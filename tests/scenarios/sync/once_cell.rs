//! Cells that are filled once: who makes the value, who waits, and what becomes of a maker that
//! fails or is dropped.

use std::cell::Cell;

use corio::Schedule;
use corio::sync::OnceCell;
use expect_test::expect;
use support::{Counts, Diary, FOR_EVER, double, message, rounds, run, without_lines};

/// Makes a value in so many rounds.
#[corio::task]
fn makes(diary: &Diary, value: u64, takes: u64) -> u64 {
    diary.say(format!("make {value}"));
    call!(rounds(takes));
    value
}

#[corio::task]
fn makes_or_fails(diary: &Diary, value: Result<u64, &'static str>) -> Result<u64, &'static str> {
    diary.say(format!("try {value:?}"));
    call!(rounds(1));
    value
}

#[corio::task]
fn needs(cell: &OnceCell<u64>, diary: &Diary, own: u64) -> u64 {
    *call!(cell.get_or_init(makes(diary, own, 2)))
}

#[test]
fn the_first_makes_it_and_the_others_wait() {
    #[corio::task]
    fn program(cell: &OnceCell<u64>, diary: &Diary) -> Vec<u64> {
        assert_eq!(cell.get(), None);
        let got = all!((0..5).map(|own| needs(cell, diary, own)));
        call!(needs(cell, diary, 9));
        got
    }

    let (cell, diary, log) = (OnceCell::new(), Diary::default(), corio::Log::new());
    assert_eq!(
        Schedule::new(()).observe(log.observer()).run(program(&cell, &diary)),
        Ok(vec![0; 5])
    );
    assert_eq!((diary.take().as_str(), cell.get(), cell.set(7)), ("make 0", Some(&0), Err(7)));
    expect![[r#"
        round 1: double[0]
        round 2: double[1]
    "#]]
    .assert_eq(&log.to_string());
    assert_eq!(cell.into_inner(), Some(0));
}

#[test]
fn a_maker_that_fails_keeps_its_error_and_the_next_in_line_makes_its_own() {
    #[corio::task]
    fn tries(
        cell: &OnceCell<u64>,
        diary: &Diary,
        own: Result<u64, &'static str>,
    ) -> Result<u64, &'static str> {
        call!(cell.get_or_try_init(makes_or_fails(diary, own))).copied()
    }

    #[corio::task]
    fn program(cell: &OnceCell<u64>, diary: &Diary) -> Vec<Result<u64, &'static str>> {
        all!([Err("one"), Err("two"), Ok(3), Ok(4)].into_iter().map(|own| tries(cell, diary, own)))
    }

    let diary = Diary::default();
    assert_eq!(run(program(&OnceCell::new(), &diary)), [Err("one"), Err("two"), Ok(3), Ok(3)]);
    expect![[r#"try Err("one"), try Err("two"), try Ok(3)"#]].assert_eq(&diary.take());
}

#[test]
fn a_maker_that_is_dropped_leaves_it_to_the_next_in_line_that_is_there() {
    #[corio::task]
    fn impatient(cell: &OnceCell<u64>, diary: &Diary, own: u64, count: u64) -> Option<u64> {
        let needs = task!({ Some(call!(needs(cell, diary, own))) });
        let gives_up = task!({
            call!(rounds(count));
            None
        });
        race!(needs, gives_up)
    }

    // 0 is dropped half-way, 1 when it was just called to make it, 3 while it waits.
    #[corio::task]
    fn program(cell: &OnceCell<u64>, diary: &Diary) -> Vec<Option<u64>> {
        all!(
            [(0, 1), (1, 1), (2, FOR_EVER), (3, 2), (4, FOR_EVER)]
                .into_iter()
                .map(|(own, count)| impatient(cell, diary, own, count))
        )
    }

    let diary = Diary::default();
    assert_eq!(run(program(&OnceCell::new(), &diary)), [None, None, Some(2), None, Some(2)]);
    expect!["make 0, make 2"].assert_eq(&diary.take());
}

#[test]
fn a_value_that_is_set_meanwhile_lets_everybody_go_on_and_stays() {
    #[corio::task]
    fn program(cell: &OnceCell<u64>, diary: &Diary) -> (u64, u64) {
        let sets = task!({
            io!(double(1));
            assert_eq!(cell.set(7), Ok(()));
        });
        let waits = task!({
            let got = call!(needs(cell, diary, 1));
            diary.say("goes on");
            got
        });
        let made = task!({
            let got = call!(needs(cell, diary, 0));
            diary.say("made in vain");
            got
        });
        let (made, waited, ()) = join!(made, waits, sets);
        (made, waited)
    }

    let diary = Diary::default();
    assert_eq!(run(program(&OnceCell::new(), &diary)), (7, 7));
    expect!["make 0, goes on, made in vain"].assert_eq(&diary.take());
}

#[test]
fn a_maker_that_needs_the_value_is_a_deadlock_that_says_so() {
    #[corio::task]
    fn circular(cell: &OnceCell<u64>) {
        call!(cell.get_or_init(task!(-> u64 { *call!(cell.get_or_init(task!{ 1 })) })));
    }

    let error = Schedule::new(()).run(circular(&OnceCell::new())).unwrap_err();
    expect![[r#"
        deadlock: no task can run, nothing is queued and nothing in flight, but 1 task waits
          cycle: #1 → #1
          #1 `circular` waits at LINE for the value of a once-cell, held by #1
            in `circular`, called at LINE"#]]
    .assert_eq(&without_lines(&error.to_string()));
}

#[test]
fn requests_and_children_can_make_it_too() {
    #[corio::task]
    fn program(cell: &OnceCell<u64>) -> u64 {
        let handle = spawn!(double(4));
        let one = call!(cell.get_or_init(double(2)));
        let same = call!(cell.get_or_init(handle));
        one + same
    }

    assert_eq!(run(program(&OnceCell::new())), 8);
}

#[test]
fn a_maker_has_a_scope_of_its_own() {
    #[corio::task]
    fn spawns(diary: &'static str, counts: Counts) -> &'static str {
        #[corio::task]
        fn child(counts: Counts) {
            let _one = counts.one();
            io!(double(1));
        }
        spawn!(child(counts.clone()));
        diary
    }

    #[corio::task]
    fn program(cell: &OnceCell<&'static str>, counts: &Counts) {
        assert_eq!(*call!(cell.get_or_init(spawns("made", counts.clone()))), "made");
        counts.check_built(1);
    }

    run(program(&OnceCell::new(), &Counts::default()));
}

#[test]
fn being_made_in_another_run_says_so_and_a_value_can_be_read_in_any() {
    #[corio::task]
    fn inner(cell: &OnceCell<u64>, diary: &Diary) -> String {
        io!(double(1));
        message(|| Schedule::new(()).run(needs(cell, diary, 1)).is_ok())
    }

    #[corio::task]
    fn program(cell: &OnceCell<u64>, diary: &Diary) -> String {
        let (_, said) = join!(needs(cell, diary, 0), inner(cell, diary));
        assert_eq!(Schedule::new(()).run(needs(cell, diary, 1)), Ok(0));
        said
    }

    let said = run(program(&OnceCell::new(), &Diary::default()));
    assert_eq!(
        said,
        "corio: the value of this once-cell is being made in another run; a once-cell without a value belongs to one run at a time"
    );
}

#[test]
fn a_run_that_failed_half_way_leaves_it_to_the_next() {
    #[corio::task]
    fn panics(counts: &Counts) -> u64 {
        let _one = counts.one();
        io!(double(1));
        panic!("no value");
    }

    #[corio::task]
    fn program(cell: &OnceCell<u64>, counts: &Counts) {
        let needs = || {
            task!({
                call!(cell.get_or_init(panics(counts)));
            })
        };
        join!(needs(), needs(), needs());
    }

    let (cell, counts, diary) = (OnceCell::new(), Counts::default(), Diary::default());
    let mut schedule = Schedule::new(());
    for _ in 0..2 {
        assert_eq!(message(|| schedule.run(program(&cell, &counts)).is_ok()), "no value");
    }
    counts.check_built(2);
    assert_eq!(format!("{cell:?}"), "OnceCell(<empty>)");
    assert_eq!(schedule.run(needs(&cell, &diary, 5)), Ok(5));
    assert_eq!(format!("{cell:?}"), "OnceCell(5)");
}

#[test]
fn a_hundred_thousand_get_it() {
    #[corio::task]
    fn adds(cell: &OnceCell<u64>, diary: &Diary, sum: &Cell<u64>) {
        let value = call!(needs(cell, diary, 1));
        sum.set(sum.get() + value);
    }

    #[corio::task]
    fn program(cell: &OnceCell<u64>, diary: &Diary, sum: &Cell<u64>) {
        all!((0..100_000).map(|_| adds(cell, diary, sum)));
    }

    let (diary, sum) = (Diary::default(), Cell::new(0));
    run(program(&OnceCell::new(), &diary, &sum));
    assert_eq!((diary.take().as_str(), sum.get()), ("make 1", 100_000));
}
