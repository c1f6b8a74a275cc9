//! What is grown. Small ones are done often, in one run, so that the time is that of the thing and
//! not that of beginning a run.

use std::pin::Pin;
use std::task::{Context, Waker};

use corio::sync::Mutex;
use corio::{Config, Cx, Dispatch, Request, Requests, Schedule, task_fn};

use crate::contenders::Job;
use crate::contenders::corio::{four, many, node, one};
use crate::work::answer;

/// Operations of a job, at least.
const ENOUGH: u64 = 100_000;

fn job(
    times: u64,
    operations: u64,
    mut run: impl FnMut(&mut Schedule<()>, u64) -> Result<(), corio::Error> + 'static,
) -> (Job, u64) {
    let mut schedule = Schedule::new(());
    (
        Box::new(move || run(&mut schedule, times).expect("no run of these ends badly")),
        times * operations,
    )
}

fn times(operations: u64) -> u64 {
    ENOUGH.div_ceil(operations)
}

#[corio::task]
fn spawns_four(times: u64, tasks: u64) {
    for _ in 0..times {
        for key in 0..tasks {
            spawn!(four(key));
        }
        wait!();
    }
}

pub fn tasks_of_four(tasks: u64) -> (Job, u64) {
    job(times(tasks * 4), tasks * 4, move |schedule, times| schedule.run(spawns_four(times, tasks)))
}

#[corio::task]
fn spawns_one(times: u64, tasks: u64) {
    for _ in 0..times {
        for key in 0..tasks {
            spawn!(one(key));
        }
        wait!();
    }
}

pub fn tasks_of_one(tasks: u64) -> (Job, u64) {
    job(times(tasks), tasks, move |schedule, times| schedule.run(spawns_one(times, tasks)))
}

pub fn requests(requests: u64) -> (Job, u64) {
    job(times(requests), requests, move |schedule, times| {
        (0..times).try_for_each(|_| schedule.run(many(requests)))
    })
}

#[corio::task]
fn trees(times: u64, depth: u64) {
    for _ in 0..times {
        call!(node(0, depth));
    }
}

pub fn nodes(nodes: u64) -> (Job, u64) {
    let depth = u64::from(nodes.ilog10());
    job(times(nodes), nodes, move |schedule, times| schedule.run(trees(times, depth)))
}

#[corio::task]
fn all_at_once(times: u64, children: u64) {
    for _ in 0..times {
        all!((0..children).map(one));
    }
}

pub fn children(children: u64) -> (Job, u64) {
    job(times(children), children, move |schedule, times| {
        schedule.run(all_at_once(times, children))
    })
}

/// Asks while it holds a lock.
#[corio::task]
fn locks(mutex: &Mutex<u64>, key: u64) -> u64 {
    let mut guard = call!(mutex.lock());
    *guard += io!(Numbered::<0>(key));
    *guard
}

/// Runs that live at the same time, each with a schedule and a mutex of its own: what is there for
/// each of them, and what all of them share.
pub fn live_runs(runs: u64) -> (Job, u64) {
    // Each poll resumes one task, and then the next run has its turn.
    let config = Config::new().yield_every(1);
    let job = move || {
        let mutexes: Vec<_> = (0..runs).map(Mutex::new).collect();
        let mut schedules: Vec<_> = (0..runs).map(|_| config.schedule(())).collect();
        let mut live: Vec<_> = schedules
            .iter_mut()
            .zip(&mutexes)
            .map(|(schedule, mutex)| schedule.run_async(locks(mutex, 1)))
            .collect();
        let mut context = Context::from_waker(Waker::noop());
        while !live.is_empty() {
            live.retain_mut(|run| Pin::new(run).poll(&mut context).is_pending());
        }
    };
    (Box::new(job), runs)
}

/// As many requests as there are numbers: each is a dispatcher of its own.
struct Numbered<const N: usize>(u64);

impl<const N: usize> Request for Numbered<N> {
    type Key = u64;
    type Answer = u64;

    fn into_key(self) -> u64 {
        self.0
    }
}

impl<const N: usize, S> Dispatch<S> for Numbered<N> {
    fn dispatch<'r>(_: &'r S, requests: Requests<'_, 'r, Self>) {
        requests.fill(answer);
    }
}

#[corio::task]
fn asks<const N: usize>(key: u64) {
    let key = io!(Numbered::<N>(key));
    let key = io!(Numbered::<N>(key));
    let key = io!(Numbered::<N>(key));
    io!(Numbered::<N>(key));
}

type Spawn = fn(Cx<'_, ()>, u64);

/// A dispatcher for each, by number.
const SPAWN: [Spawn; 64] = {
    macro_rules! spawn {
        ($($n:literal)*) => { [$(|cx, key| drop(cx.spawn(asks::<$n>(key)))),*] };
    }
    spawn!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39
           40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63)
};

pub fn dispatchers(dispatchers: u64) -> (Job, u64) {
    const TASKS: u64 = 64_000;
    job(1, TASKS * 4, move |schedule, _| {
        schedule.run(task_fn(async move |cx: Cx<'_, ()>| {
            for key in 0..TASKS {
                SPAWN[(key % dispatchers) as usize](cx, key);
            }
            cx.wait().await;
        }))
    })
}
