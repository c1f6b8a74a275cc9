//! The workloads, and the work itself: what every contender calls, and by which it is checked.
//!
//! A contender answers its batches by [`answer`] and hands in the result of each task by [`finish`]. Both keep a tally, which is the same for all, so that nobody can be fast by
//! leaving something out.

use std::cell::Cell;
#[cfg(feature = "peers")]
use std::collections::HashMap;
use std::fmt;
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What is to be done. A request is a `u64`, its answer the next one, and keys differ within a batch (loaders ask for equal ones once).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Workload {
    /// 100,000 tasks of 4 requests one after another
    W1,
    /// One task of 1,000,000 requests
    W2,
    /// 1,000,000 tasks of one request
    W3,
    /// A tree of tasks, ten children each, five levels below the root: a request a node, and the results of the children added to its answer
    W4,
    /// 1000 tasks of 10 requests, where a batch takes 1 ms
    W5,
    /// 100,000 tasks that want the same key, which is asked for once
    W6,
    /// 10,000 tasks that hold a mutex, one after another, while they ask for the next number
    W7,
}

/// A workload in its size.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Size {
    pub workload: Workload,
    /// In W2 the requests of the one task, in W4 the levels below the root, else the tasks.
    pub n: u64,
}

/// Children of a node in W4.
pub const FAN_OUT: u64 = 10;
/// What all ask for in W6.
pub const KEY: u64 = 7;
/// Requests of a task in W5.
pub const ROUNDS: u64 = 10;

impl Workload {
    /// In full size, or a part or a multiple of it. A tree gets a level less for each tenth.
    pub fn scaled(self, scale: f64) -> Size {
        let whole = match self {
            Workload::W2 | Workload::W3 => 1_000_000,
            Workload::W1 | Workload::W6 => 100_000,
            Workload::W7 => 10_000,
            Workload::W5 => 1000,
            Workload::W4 => {
                let depth = (5.0 + scale.log10()).round().max(1.0);
                return Size { workload: self, n: depth as u64 };
            }
        };
        Size { workload: self, n: ((whole as f64 * scale) as u64).max(1) }
    }

    pub fn name(self) -> &'static str {
        match self {
            Workload::W1 => "w1",
            Workload::W2 => "w2",
            Workload::W3 => "w3",
            Workload::W4 => "w4",
            Workload::W5 => "w5",
            Workload::W6 => "w6",
            Workload::W7 => "w7",
        }
    }
}

impl Size {
    pub fn tasks(self) -> u64 {
        match self.workload {
            Workload::W2 => 1,
            Workload::W4 => (0..=self.n as u32).map(|level| FAN_OUT.pow(level)).sum(),
            _ => self.n,
        }
    }

    /// What the time is divided by.
    pub fn operations(self) -> u64 {
        match self.workload {
            Workload::W1 => self.n * 4,
            Workload::W2 => self.n,
            Workload::W5 => self.n * ROUNDS,
            _ => self.tasks(),
        }
    }

    /// What a batch takes, beside answering it.
    pub fn pause(self) -> Duration {
        if self.workload == Workload::W5 { Duration::from_millis(1) } else { Duration::ZERO }
    }

    /// What the tally must say at the end, batches apart.
    pub fn expected(self) -> Tally {
        let n = self.n;
        let up_to = |n: u64| n * (n + 1) / 2;
        let chains = |requests: u64| (0..n).map(|task| start(task) + requests).sum();
        let sum = match self.workload {
            Workload::W1 => chains(4),
            Workload::W2 => n,
            Workload::W3 => chains(1),
            Workload::W4 => up_to(self.tasks()),
            Workload::W5 => chains(ROUNDS),
            Workload::W6 => (KEY + 1) * n,
            Workload::W7 => up_to(n),
        };
        let asked = if self.workload == Workload::W6 { 1 } else { self.operations() };
        // Of a tree only the root hands in.
        let finished = if self.workload == Workload::W4 { 1 } else { self.tasks() };
        Tally { asked, finished, sum, batches: 0 }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.n;
        match self.workload {
            Workload::W1 => write!(f, "W1: {n} tasks of 4 requests, a request"),
            Workload::W2 => write!(f, "W2: one task of {n} requests, a request"),
            Workload::W3 => write!(f, "W3: {n} tasks of one request, a task"),
            Workload::W4 => write!(f, "W4: a tree of {} tasks, a task", self.tasks()),
            Workload::W5 => write!(f, "W5: {n} tasks of {ROUNDS} requests, 1 ms a batch, a request"),
            Workload::W6 => write!(f, "W6: {n} tasks and one key, a task"),
            Workload::W7 => write!(f, "W7: {n} tasks and one mutex, a task"),
        }
    }
}

/// The first key of a task, for all those that ask one thing after another: none of their keys is that of another task.
pub fn start(task: u64) -> u64 {
    task * 16
}

/// The key of a child in the tree of W4, as in a heap: every node has its own, and the last is one less than there are nodes.
pub fn child(key: u64, number: u64) -> u64 {
    key * FAN_OUT + 1 + number
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub batches: u64,
    pub asked: u64,
    pub finished: u64,
    pub sum: u64,
}

thread_local! {
    static TALLY: Cell<Tally> = const { Cell::new(Tally { batches: 0, asked: 0, finished: 0, sum: 0 }) };
}

/// What was done since this was last called.
pub fn take_tally() -> Tally {
    TALLY.take()
}

/// Answers a batch, in order.
#[inline(never)]
pub fn answer(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend(keys.iter().map(|key| key + 1));
    count(keys);
}

/// The same for loaders, which want their answers by key.
#[cfg(feature = "peers")]
#[inline(never)]
pub fn answer_by_key(keys: &[u64]) -> HashMap<u64, u64> {
    count(keys);
    keys.iter().map(|key| (*key, key + 1)).collect()
}

fn count(keys: &[u64]) {
    let tally = TALLY.get();
    TALLY.set(Tally { batches: tally.batches + 1, asked: tally.asked + keys.len() as u64, ..tally });
}

/// The round trip of a batch. It holds the thread: while a batch is away every task waits for it, so there is nothing else to do, and all that a contender does adds to the time. A
/// timer of an executor rounds to milliseconds, which would hide it.
pub fn round_trip(size: Size) {
    if !size.pause().is_zero() {
        thread::sleep(size.pause());
    }
}

/// Takes the result of a task.
#[inline]
pub fn finish(value: u64) {
    let tally = TALLY.get();
    TALLY.set(Tally { finished: tally.finished + 1, sum: tally.sum + value, ..tally });
}
