//! Shapes of programs, each with so many of something.

use corio::sync::Mutex;
use corio::{Error, Schedule};

/// The program at a size, in a schedule of its own.
type Run = fn(u64) -> Result<(), Error>;

/// By name.
pub(crate) const SHAPES: [(&str, Run); 5] = [
    ("suspended tasks", |size| Schedule::new(()).run(spawned(size))),
    ("nested levels of spawn!", |size| Schedule::new(()).run(nested(size))),
    ("waiters on one mutex", |size| Schedule::new(()).run(waiters(size))),
    ("children of one all!", |size| Schedule::new(()).run(children(size))),
    ("children, 100 at a time", |size| Schedule::new(()).run(window(size))),
];

#[corio::dispatcher]
fn double(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend(keys.iter().map(|key| key * 2));
}

/// Waits until every other one waits as well.
#[corio::task]
fn asks(key: u64) {
    io!(double(key));
}

#[corio::task]
fn spawned(size: u64) {
    for key in 0..size {
        spawn!(asks(key));
    }
}

#[corio::task]
fn nested(left: u64) {
    if left > 0 {
        spawn!(nested(left - 1));
    }
    io!(double(left));
}

#[corio::task]
fn locks(mutex: &Mutex<u64>) {
    *call!(mutex.lock()) += 1;
}

#[corio::task]
fn holds(mutex: &Mutex<u64>) {
    let _locked = call!(mutex.lock());
    io!(double(1));
}

#[corio::task]
fn all_lock(mutex: &Mutex<u64>, size: u64) {
    all!((0..size).map(|_| locks(mutex)));
}

#[corio::task]
fn waiters(size: u64) {
    let mutex = Mutex::new(0);
    join!(holds(&mutex), all_lock(&mutex, size));
}

#[corio::task]
fn children(size: u64) {
    all!((0..size).map(asks));
}

#[corio::task]
fn window(size: u64) {
    all!(limit = 100, (0..size).map(asks));
}
