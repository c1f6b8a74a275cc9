//! The workloads, and the work itself: what every contender calls, and by which it is checked.
//!
//! A contender answers its batches by [`answer`] and hands in the result of each task by
//! [`finish`]. Both keep a tally, which is the same for all, so that nobody can be fast by leaving
//! something out.

use std::cell::Cell;
#[cfg(feature = "peers")]
use std::collections::HashMap;
use std::fmt;
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What is to be done. A request is a `u64`, its answer the next one, and keys differ within a
/// batch (loaders ask for equal ones once), but in W11.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Workload {
    /// 100,000 tasks of 4 requests one after another
    W1,
    /// One task of 1,000,000 requests
    W2,
    /// 1,000,000 tasks of one request
    W3,
    /// A tree of tasks, ten children each, five levels below the root: a request a node, and the
    /// results of the children added to its answer
    W4,
    /// 1000 tasks of 10 requests, where a batch takes 1 ms
    W5,
    /// 100,000 tasks that want the same key, which is asked for once
    W6,
    /// 10,000 tasks that hold a mutex, one after another, while they ask for the next number
    W7,
    /// 1000 tasks of 4 requests, where a batch is pending once
    W8,
    /// One task of 100,000 requests, where a batch is pending once
    W9,
    /// 1000 tasks of 4 requests, which another thread answers one by one
    W10,
    /// 1000 tasks of 4 requests, where half of the keys are asked for twice, and leave once
    W11,
    /// 1000 tasks of 4 requests, where batches leave one at a time and in the order asked
    W12,
    /// 1000 tasks that ask for a key of their own 100 times, and find its answer kept
    W13,
}

/// A workload in its size.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Size {
    pub workload: Workload,
    /// In W2 and W9 the requests of the one task, in W4 the levels below the root, else the tasks.
    pub n: u64,
    /// Requests of W10 are answered where they are dispatched: instructions are counted so, as
    /// those of another thread depend on when it runs.
    #[serde(default)]
    pub in_place: bool,
}

/// Children of a node in W4.
pub const FAN_OUT: u64 = 10;
/// What all ask for in W6.
pub const KEY: u64 = 7;
/// Requests of a task in W5.
pub const ROUNDS: u64 = 10;
/// Requests of a task in W13, all for one key.
pub const SAME: u64 = 100;

impl Workload {
    /// In full size, or a part or a multiple of it. A tree gets a level less for each tenth.
    pub fn scaled(self, scale: f64) -> Size {
        let whole = match self {
            Workload::W2 | Workload::W3 => 1_000_000,
            Workload::W1 | Workload::W6 | Workload::W9 => 100_000,
            Workload::W7 => 10_000,
            Workload::W5
            | Workload::W8
            | Workload::W10
            | Workload::W11
            | Workload::W12
            | Workload::W13 => 1000,
            Workload::W4 => {
                let depth = (5.0 + scale.log10()).round().max(1.0);
                return Size { workload: self, n: depth as u64, in_place: false };
            }
        };
        Size { workload: self, n: ((whole as f64 * scale) as u64).max(1), in_place: false }
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
            Workload::W8 => "w8",
            Workload::W9 => "w9",
            Workload::W10 => "w10",
            Workload::W11 => "w11",
            Workload::W12 => "w12",
            Workload::W13 => "w13",
        }
    }
}

impl Size {
    pub fn tasks(self) -> u64 {
        match self.workload {
            Workload::W2 | Workload::W9 => 1,
            Workload::W4 => (0..=self.n as u32).map(|level| FAN_OUT.pow(level)).sum(),
            _ => self.n,
        }
    }

    /// What the time is divided by.
    pub fn operations(self) -> u64 {
        match self.workload {
            Workload::W1 | Workload::W8 | Workload::W10 | Workload::W11 | Workload::W12 => {
                self.n * 4
            }
            Workload::W2 | Workload::W9 => self.n,
            Workload::W5 => self.n * ROUNDS,
            Workload::W13 => self.n * SAME,
            Workload::W3 | Workload::W4 | Workload::W6 | Workload::W7 => self.tasks(),
        }
    }

    /// How often a repetition does the whole: often where it is short, so that its time is not that
    /// of finding in the caches what the contender before it has left there.
    pub fn runs(self) -> u64 {
        match self.workload {
            Workload::W8 | Workload::W10 | Workload::W11 | Workload::W12 => 25,
            _ => 1,
        }
    }

    /// The tasks of W11 that ask for keys that none before them has asked for. Those after them,
    /// half as many, ask for the same keys as the first.
    pub fn distinct(self) -> u64 {
        self.n - self.n / 3
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
            Workload::W1 | Workload::W8 | Workload::W10 | Workload::W12 => chains(4),
            Workload::W2 | Workload::W9 => n,
            Workload::W3 => chains(1),
            Workload::W4 => up_to(self.tasks()),
            Workload::W5 => chains(ROUNDS),
            Workload::W6 => (KEY + 1) * n,
            Workload::W7 => up_to(n),
            Workload::W11 => (0..n).map(|task| start(task % self.distinct()) + 4).sum(),
            Workload::W13 => chains(1) * SAME,
        };
        let asked = match self.workload {
            Workload::W6 => 1,
            Workload::W11 => self.distinct() * 4,
            Workload::W13 => n,
            _ => self.operations(),
        };
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
            Workload::W5 => {
                write!(f, "W5: {n} tasks of {ROUNDS} requests, 1 ms a batch, a request")
            }
            Workload::W6 => write!(f, "W6: {n} tasks and one key, a task"),
            Workload::W7 => write!(f, "W7: {n} tasks and one mutex, a task"),
            Workload::W8 => {
                write!(f, "W8: {n} tasks of 4 requests, pending once a batch, a request")
            }
            Workload::W9 => write!(f, "W9: one task of {n} requests, pending once each, a request"),
            Workload::W10 if self.in_place => {
                write!(f, "W10: {n} tasks of 4 requests, answered one by one, a request")
            }
            Workload::W10 => write!(
                f,
                "W10: {n} tasks of 4 requests, answered one by one by a thread, a request"
            ),
            Workload::W11 => {
                write!(f, "W11: {n} tasks of 4 requests, half of the keys double, a request")
            }
            Workload::W12 => write!(f, "W12: {n} tasks of 4 requests, in order, a request"),
            Workload::W13 => {
                write!(f, "W13: {n} tasks that ask {SAME} times for a key that is kept, a request")
            }
        }
    }
}

/// The first key of a task, for all those that ask one thing after another: none of their keys is
/// that of another task.
pub fn start(task: u64) -> u64 {
    task * 16
}

/// The key of a child in the tree of W4, as in a heap: every node has its own, and the last is one
/// less than there are nodes.
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
    count(keys.len());
}

/// The same for loaders, which want their answers by key.
#[cfg(feature = "peers")]
#[inline(never)]
pub fn answer_by_key(keys: &[u64]) -> HashMap<u64, u64> {
    count(keys.len());
    keys.iter().map(|key| (*key, key + 1)).collect()
}

/// Counts a batch whose requests are answered one by one, by [`answer_one`], on whatever thread.
pub fn count(keys: usize) {
    let tally = TALLY.get();
    TALLY.set(Tally { batches: tally.batches + 1, asked: tally.asked + keys as u64, ..tally });
}

#[inline]
pub fn answer_one(key: u64) -> u64 {
    key + 1
}

/// The round trip of a batch. It holds the thread: while a batch is away every task waits for it,
/// so there is nothing else to do, and all that a contender does adds to the time. A timer of an
/// executor rounds to milliseconds, which would hide it.
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
