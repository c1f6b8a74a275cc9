//! The options of a dispatcher by pairs: what is cheap with one of them alone can be dear with
//! another.

use std::time::Duration;

use corio::testing::VirtualClock;
use corio::{Options, Schedule, Task, groups};

use super::{LONG, Memory, Row, SHORT, Time, nap, run};

const N: u64 = 250;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    Ordered,
    TwoGroups,
    GroupsOfOne,
    MaxBatch,
    Dedup,
    Retry,
    InFlight,
}

use Choice::*;

const ALL: [(Choice, &str); 7] = [
    (Ordered, "ordered"),
    (TwoGroups, "group_by, two groups"),
    (GroupsOfOne, "group_by, n groups"),
    (MaxBatch, "max_batch"),
    (Dedup, "dedup"),
    (Retry, "retry"),
    (InFlight, "max_in_flight"),
];

const EXCLUDED: [(Choice, Choice); 3] =
    [(Ordered, Dedup), (Ordered, InFlight), (TwoGroups, GroupsOfOne)];

type Chosen = Options<u64, Result<u64, ()>>;

impl Choice {
    fn set(self, options: Chosen) -> Chosen {
        match self {
            Ordered => options.ordered(),
            TwoGroups => options.group_by(|| groups(|key: &u64| key % 2)),
            GroupsOfOne => options.group_by(|| groups(|key: &u64| *key)),
            MaxBatch => options.max_batch(7),
            Dedup => options.dedup(),
            Retry => options.retry(corio::Retry::attempts(2).when(Result::is_err)),
            InFlight => options.max_in_flight(3),
        }
    }
}

/// What leaves first fails.
#[corio::dispatcher]
async fn answer(clock: &VirtualClock, keys: &[u64]) -> Vec<Result<u64, ()>> {
    let is_first = clock.now() < SHORT;
    clock.sleep(LONG).await;
    keys.iter().map(|key| if is_first { Err(()) } else { Ok(*key) }).collect()
}

#[corio::task(Time)]
fn asks(key: u64) {
    let _ = io!(answer(key));
}

#[corio::task(Time)]
fn gives_up(key: u64, limit: u64) {
    let _ = timeout!(Duration::from_millis(limit), answer(key));
}

/// n fail, and are tried again among as many that were asked later; half of those want what others
/// have asked for.
#[corio::task(Time)]
fn are_served(n: u64) {
    for key in 0..n {
        spawn!(asks(key));
    }
    call!(nap(LONG / 2));
    for key in 0..n {
        spawn!(asks(key + n / 2));
    }
}

#[corio::task(Time)]
fn in_turn(n: u64) {
    spawn!(asks(n));
    call!(nap(SHORT));
    spawn!(asks(n + 1));
    for key in 0..n {
        call!(gives_up(key, 1));
    }
}

#[corio::task(Time)]
fn together(n: u64) {
    spawn!(asks(n));
    call!(nap(SHORT));
    for key in 0..n {
        spawn!(gives_up(key, key + 1));
        spawn!(gives_up(key, 2 * n - key));
    }
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (at, (one, name)) in ALL.into_iter().enumerate() {
        add(&mut rows, name.to_owned(), [Some(one), None]);
        for (other, name_of_other) in
            ALL.into_iter().skip(at + 1).filter(|(other, _)| !EXCLUDED.contains(&(one, *other)))
        {
            add(&mut rows, format!("{name} + {name_of_other}"), [Some(one), Some(other)]);
        }
    }
    rows
}

fn run_with(choose: &dyn Fn(Chosen) -> Chosen, program: impl Task<Time, Output = ()>) {
    run(|schedule: Schedule<Time>| schedule.options(answer, choose), program);
}

fn add(rows: &mut Vec<Row>, options: String, choices: [Option<Choice>; 2]) {
    let mut add = |way: &str, memory, program: fn(&dyn Fn(Chosen) -> Chosen, u64)| {
        let choose = move |options| {
            choices.into_iter().flatten().fold(options, |options, choice| choice.set(options))
        };
        rows.push(Row {
            name: format!("{options}: {way}"),
            n: N,
            memory,
            run: Box::new(move |n| program(&choose, n)),
        });
    };
    add("n asked later than n that are served", Memory::All, |choose, n| {
        run_with(choose, are_served(n));
    });
    add("n give up in turn, one stays", Memory::OneStays, |choose, n| {
        run_with(choose, in_turn(n));
    });
    add("n wait and give up", Memory::All, |choose, n| {
        run_with(choose, together(n));
    });
}
