//! corio, as its users write it. The dispatcher fills a given `Vec`, which is the form without an
//! allocation a batch.

use std::rc::Rc;

use corio::sync::{Mutex, SingleFlight};
use corio::{Batch, Schedule};

use super::Job;
use super::executor::{Executor, yield_now};
use super::worker::Worker;
use crate::work::{
    FAN_OUT, KEY, ROUNDS, SAME, Size, Workload, answer, answer_one, child, count, finish,
    round_trip, start,
};

pub const NAME: &str = "corio";

#[derive(corio::Context)]
struct Distance(Size, Worker);

#[corio::dispatcher]
fn next(keys: &[u64], answers: &mut Vec<u64>) {
    answer(keys, answers);
}

#[corio::dispatcher]
fn next_from_afar(size: &Size, keys: &[u64], answers: &mut Vec<u64>) {
    round_trip(*size);
    answer(keys, answers);
}

#[corio::dispatcher]
async fn next_later(keys: &[u64], answers: &mut Vec<u64>) {
    yield_now().await;
    answer(keys, answers);
}

#[corio::dispatcher]
fn next_by_another(worker: &Worker, batch: Batch<u64, u64>) {
    count(batch.len());
    worker.run(move || batch.into_iter().for_each(|slot| slot.answer_with(answer_one)));
}

#[corio::dispatcher(dedup)]
fn next_once(keys: &[u64], answers: &mut Vec<u64>) {
    answer(keys, answers);
}

#[corio::dispatcher(ordered)]
fn next_in_order(keys: &[u64], answers: &mut Vec<u64>) {
    answer(keys, answers);
}

#[corio::dispatcher(dedup, cache)]
fn next_kept(keys: &[u64], answers: &mut Vec<u64>) {
    answer(keys, answers);
}

#[corio::task]
pub fn four(key: u64) {
    let key = io!(next(key));
    let key = io!(next(key));
    let key = io!(next(key));
    finish(io!(next(key)));
}

#[corio::task]
pub fn many(requests: u64) {
    let mut key = 0;
    for _ in 0..requests {
        key = io!(next(key));
    }
    finish(key);
}

#[corio::task]
pub fn one(key: u64) {
    finish(io!(next(key)));
}

#[corio::task]
pub fn node(key: u64, depth: u64) -> u64 {
    let own = io!(next(key));
    if depth == 0 {
        return own;
    }
    let children = all!((0..FAN_OUT).map(|number| node(child(key, number), depth - 1)));
    own + children.iter().sum::<u64>()
}

#[corio::task(Distance)]
fn from_afar(key: u64) {
    let mut key = key;
    for _ in 0..ROUNDS {
        key = io!(next_from_afar(key));
    }
    finish(key);
}

#[corio::task]
fn shared(flights: Rc<SingleFlight<u64, u64>>) {
    finish(call!(flights.run(KEY, next(KEY))));
}

#[corio::task]
fn locked(counter: Rc<Mutex<u64>>) {
    let mut counter = call!(counter.lock());
    *counter = io!(next(*counter));
    finish(*counter);
}

#[corio::task]
fn root(depth: u64) {
    finish(call!(node(0, depth)));
}

#[corio::task]
fn four_later(key: u64) {
    let key = io!(next_later(key));
    let key = io!(next_later(key));
    let key = io!(next_later(key));
    finish(io!(next_later(key)));
}

#[corio::task]
fn many_later(requests: u64) {
    let mut key = 0;
    for _ in 0..requests {
        key = io!(next_later(key));
    }
    finish(key);
}

#[corio::task(Distance)]
fn four_by_another(key: u64) {
    let key = io!(next_by_another(key));
    let key = io!(next_by_another(key));
    let key = io!(next_by_another(key));
    finish(io!(next_by_another(key)));
}

#[corio::task]
fn four_once(key: u64) {
    let key = io!(next_once(key));
    let key = io!(next_once(key));
    let key = io!(next_once(key));
    finish(io!(next_once(key)));
}

#[corio::task]
fn four_in_order(key: u64) {
    let key = io!(next_in_order(key));
    let key = io!(next_in_order(key));
    let key = io!(next_in_order(key));
    finish(io!(next_in_order(key)));
}

#[corio::task]
fn same(key: u64) {
    let mut sum = 0;
    for _ in 0..SAME {
        sum += io!(next_kept(key));
    }
    finish(sum);
}

#[corio::task(Distance)]
fn program(size: Size) {
    match size.workload {
        Workload::W1 => {
            for task in 0..size.n {
                spawn!(four(start(task)));
            }
        }
        Workload::W2 => {
            spawn!(many(size.n));
        }
        Workload::W3 => {
            for task in 0..size.n {
                spawn!(one(start(task)));
            }
        }
        Workload::W4 => {
            spawn!(root(size.n));
        }
        Workload::W5 => {
            for task in 0..size.n {
                spawn!(from_afar(start(task)));
            }
        }
        Workload::W6 => {
            let flights = Rc::new(SingleFlight::new());
            for _ in 0..size.n {
                spawn!(shared(flights.clone()));
            }
        }
        Workload::W7 => {
            let counter = Rc::new(Mutex::new(0));
            for _ in 0..size.n {
                spawn!(locked(counter.clone()));
            }
        }
        Workload::W8 => {
            for task in 0..size.n {
                spawn!(four_later(start(task)));
            }
        }
        Workload::W9 => {
            spawn!(many_later(size.n));
        }
        Workload::W10 => {
            for task in 0..size.n {
                spawn!(four_by_another(start(task)));
            }
        }
        Workload::W11 => {
            for task in 0..size.n {
                spawn!(four_once(start(task % size.distinct())));
            }
        }
        Workload::W12 => {
            for task in 0..size.n {
                spawn!(four_in_order(start(task)));
            }
        }
        Workload::W13 => {
            for task in 0..size.n {
                spawn!(same(start(task)));
            }
        }
    }
}

pub fn job(size: Size) -> Option<Job> {
    let mut schedule = Schedule::new(Distance(size, Worker::new(size)));
    if let Workload::W8 | Workload::W9 = size.workload {
        let executor = Executor::new();
        return Some(Box::new(move || {
            executor
                .block_on(schedule.run_local(program(size)))
                .expect("no run of these ends badly")
        }));
    }
    Some(Box::new(move || schedule.run(program(size)).expect("no run of these ends badly")))
}
