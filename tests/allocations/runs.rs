//! What a run takes, however much it does.

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use corio::sync::WaitGroup;
use corio::{CancellationToken, Config, Schedule};
use expect_test::expect;

use crate::{ask, double};
use support::heap::allocations_of;

#[corio::task]
fn nothing() {}

#[corio::task]
fn asks(children: u64) {
    for key in 0..children {
        spawn!(ask(key));
    }
}

#[corio::task]
fn stuck(group: &WaitGroup) {
    call!(group.wait());
}

/// A run of a schedule that has run before.
fn warm(
    set: impl FnOnce(Schedule<()>) -> Schedule<()>,
    mut run: impl FnMut(&mut Schedule<()>),
) -> usize {
    let mut schedule = set(Schedule::new(()));
    for _ in 0..5 {
        run(&mut schedule);
    }
    allocations_of(|| run(&mut schedule)).1
}

fn run_async(schedule: &mut Schedule<()>, children: u64) {
    let mut run = pin!(schedule.run_async(asks(children)));
    while run
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
        .map(Result::unwrap)
        .is_pending()
    {}
}

#[test]
fn as_such() {
    let many = |schedule: &mut Schedule<()>| schedule.run(asks(10_000)).unwrap();
    let mut table = String::from("\ntakes\n");
    let mut line =
        |allocations: usize, what: &str| table.push_str(&format!("{allocations:>5}  {what}\n"));
    line(
        allocations_of(|| Schedule::new(())).1,
        "Schedule::new(()): its configuration, of two parts, and the list of its observers",
    );
    let config = Config::new();
    line(
        allocations_of(|| config.schedule(())).1,
        "config.schedule(()): the list of its observers",
    );
    line(
        warm(|schedule| schedule, |schedule| schedule.run(nothing()).unwrap()),
        "schedule.run of nothing",
    );
    line(
        warm(|schedule| schedule, |schedule| assert_eq!(schedule.run(double(1)), Ok(2))),
        "schedule.run of a request",
    );
    line(warm(|schedule| schedule, many), "schedule.run of 10,000 tasks");
    line(
        warm(|schedule| schedule, |schedule| run_async(schedule, 1)),
        "schedule.run_async of a task",
    );
    line(
        warm(|schedule| schedule, |schedule| run_async(schedule, 10_000)),
        "schedule.run_async of 10,000 tasks",
    );
    line(warm(|schedule| schedule.timeout(Duration::from_secs(3600)), many), "… with a time limit");
    line(
        warm(|schedule| schedule.cancel_on(&CancellationToken::new()), many),
        "… with a token: a list of flags, and one of what the tokens wake",
    );
    line(warm(|schedule| schedule.max_tasks(10), many), "… with at most ten tasks");
    line(
        warm(|schedule| schedule.max_resumes_per_phase(10), many),
        "… with at most ten resumes a phase",
    );
    line(warm(|schedule| schedule.barrier(), many), "… with a barrier");
    line(
        warm(|schedule| schedule.shuffle(7), many),
        "… shuffled: a set of the dispatchers that have answers",
    );
    expect![[r#"

        takes
            3  Schedule::new(()): its configuration, of two parts, and the list of its observers
            1  config.schedule(()): the list of its observers
            0  schedule.run of nothing
            0  schedule.run of a request
            0  schedule.run of 10,000 tasks
            0  schedule.run_async of a task
            0  schedule.run_async of 10,000 tasks
            0  … with a time limit
            2  … with a token: a list of flags, and one of what the tokens wake
            0  … with at most ten tasks
            0  … with at most ten resumes a phase
            0  … with a barrier
            0  … shuffled: a set of the dispatchers that have answers
    "#]]
    .assert_eq(&table);
}

#[test]
fn a_run_after_one_that_failed_finds_all_memory_there() {
    let mut schedule = Schedule::new(());
    for _ in 0..2 {
        schedule.run(asks(1000)).unwrap();
    }
    let expected = allocations_of(|| schedule.run(asks(1000)).unwrap()).1;
    let group = WaitGroup::new();
    group.add(1);
    assert!(schedule.run(stuck(&group)).is_err());
    assert_eq!(allocations_of(|| schedule.run(asks(1000)).unwrap()).1, expected);
}
