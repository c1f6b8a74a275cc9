//! `all!(limit = n, ..)`: so many children at a time, made one by one.

use std::cell::Cell;

use corio::{Log, Schedule};
use expect_test::expect;

#[corio::dispatcher(show_keys)]
fn double(keys: &[u64]) -> Vec<u64> {
    keys.iter().map(|key| key * 2).collect()
}

#[test]
fn so_many_children_are_there_at_a_time_and_the_results_are_in_order() {
    #[corio::task]
    fn child(n: u64) -> u64 {
        let twice = io!(double(n));
        if n % 2 == 1 { io!(double(twice)) } else { twice }
    }

    #[corio::task]
    fn program(made: &Cell<u64>) -> Vec<u64> {
        all!(
            limit = 3,
            (0..7).map(|n| {
                made.set(made.get() + 1);
                child(n)
            })
        )
    }

    let log = Log::new();
    let made = Cell::new(0);
    let mut schedule = Schedule::new(());
    schedule.observe(log.observer());
    assert_eq!(schedule.run(program(&made)), Ok(vec![0, 4, 4, 12, 8, 20, 12]));
    expect![[r#"
        round 1: double[0, 1, 2]
        round 2: double[2, 3, 4]
        round 3: double[6, 5, 6]
        round 4: double[10]
    "#]]
    .assert_eq(&log.to_string());
    assert_eq!(made.get(), 7);
}

#[test]
fn the_first_error_cuts_those_that_run_and_makes_no_more() {
    #[corio::task]
    fn child(n: u64) -> Result<u64, String> {
        let twice = io!(double(n));
        if n == 1 { Err(format!("child {n}")) } else { Ok(io!(double(twice))) }
    }

    #[corio::task]
    fn program(made: &Cell<u64>) -> Result<Vec<u64>, String> {
        try_all!(limit = 2, (0..100).inspect(|n| made.set(n + 1)).map(child))
    }

    let made = Cell::new(0);
    let mut schedule = Schedule::new(());
    assert_eq!(schedule.run(program(&made)), Ok(Err("child 1".into())));
    assert_eq!(made.get(), 2);
    assert_eq!(schedule.run(double(3)), Ok(6));
}
