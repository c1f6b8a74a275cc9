//! corio, as its users write it. The dispatcher fills a given `Vec`, which is the form without an allocation a batch.

use std::rc::Rc;

use corio::Schedule;
use corio::sync::{Mutex, SingleFlight};

use super::Job;
use crate::work::{FAN_OUT, KEY, ROUNDS, Size, Workload, answer, child, finish, round_trip, start};

pub const NAME: &str = "corio";

#[derive(corio::Context)]
struct Distance(Size);

#[corio::dispatcher]
fn next(keys: &[u64], answers: &mut Vec<u64>) {
    answer(keys, answers);
}

#[corio::dispatcher]
fn next_from_afar(size: &Size, keys: &[u64], answers: &mut Vec<u64>) {
    round_trip(*size);
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
fn many(requests: u64) {
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
    }
}

pub fn job(size: Size) -> Option<Job> {
    let mut schedule = Schedule::new(Distance(size));
    Some(Box::new(move || schedule.run(program(size)).expect("no run of these ends badly")))
}
