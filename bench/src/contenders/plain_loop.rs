//! No tasks at all: batches made level by level, as one writes them where the program allows it.
//! What the work itself costs.

use std::sync::mpsc::channel;

use super::Job;
use super::executor::{Executor, yield_now};
use super::worker::Worker;
use crate::work::{
    FAN_OUT, KEY, ROUNDS, SAME, Size, Workload, answer, answer_one, count, finish, round_trip,
    start,
};

pub const NAME: &str = "plain batch loop";

pub fn job(size: Size) -> Option<Job> {
    Some(match size.workload {
        Workload::W1 | Workload::W12 => chains(size, 4),
        Workload::W2 => many(size.n),
        Workload::W3 => chains(size, 1),
        Workload::W4 => tree(size.n),
        Workload::W5 => chains(size, ROUNDS),
        Workload::W6 => shared(size.n),
        Workload::W7 => locked(size.n),
        Workload::W8 => chains_later(size, 4),
        Workload::W9 => many_later(size.n),
        Workload::W10 => chains_by_another(size, 4),
        Workload::W11 => chains_once(size, 4),
        Workload::W13 => same(size.n),
    })
}

fn chains(size: Size, requests: u64) -> Job {
    let (mut keys, mut answers) = (Vec::new(), Vec::new());
    Box::new(move || {
        keys.clear();
        keys.extend((0..size.n).map(start));
        for _ in 0..requests {
            answers.clear();
            round_trip(size);
            answer(&keys, &mut answers);
            std::mem::swap(&mut keys, &mut answers);
        }
        keys.iter().copied().for_each(finish);
    })
}

fn many(requests: u64) -> Job {
    let mut answers = Vec::new();
    Box::new(move || {
        let mut key = 0;
        for _ in 0..requests {
            answers.clear();
            answer(&[key], &mut answers);
            key = answers[0];
        }
        finish(key);
    })
}

/// The keys of a level stand in a row, as in a heap.
fn tree(depth: u64) -> Job {
    let (mut keys, mut answers) = (Vec::new(), Vec::new());
    Box::new(move || {
        let (mut first, mut nodes, mut sum) = (0, 1, 0);
        for _ in 0..=depth {
            keys.clear();
            keys.extend(first..first + nodes);
            answers.clear();
            answer(&keys, &mut answers);
            sum += answers.iter().sum::<u64>();
            (first, nodes) = (first + nodes, nodes * FAN_OUT);
        }
        finish(sum);
    })
}

fn shared(callers: u64) -> Job {
    Box::new(move || {
        let mut answers = Vec::new();
        answer(&[KEY], &mut answers);
        for _ in 0..callers {
            finish(answers[0]);
        }
    })
}

fn locked(tasks: u64) -> Job {
    let mut answers = Vec::new();
    Box::new(move || {
        let mut counter = 0;
        for _ in 0..tasks {
            answers.clear();
            answer(&[counter], &mut answers);
            counter = answers[0];
            finish(counter);
        }
    })
}

fn chains_later(size: Size, requests: u64) -> Job {
    let executor = Executor::new();
    let (mut keys, mut answers) = (Vec::new(), Vec::new());
    Box::new(move || {
        keys.clear();
        keys.extend((0..size.n).map(start));
        executor.block_on(async {
            for _ in 0..requests {
                answers.clear();
                yield_now().await;
                answer(&keys, &mut answers);
                std::mem::swap(&mut keys, &mut answers);
            }
        });
        keys.iter().copied().for_each(finish);
    })
}

fn many_later(requests: u64) -> Job {
    let executor = Executor::new();
    let mut answers = Vec::new();
    Box::new(move || {
        let key = executor.block_on(async {
            let mut key = 0;
            for _ in 0..requests {
                answers.clear();
                yield_now().await;
                answer(&[key], &mut answers);
                key = answers[0];
            }
            key
        });
        finish(key);
    })
}

/// The answers come back together: whole batches are all that it knows.
fn chains_by_another(size: Size, requests: u64) -> Job {
    let worker = Worker::new(size);
    let (sender, answered) = channel();
    Box::new(move || {
        let mut keys: Vec<u64> = (0..size.n).map(start).collect();
        for _ in 0..requests {
            count(keys.len());
            let sender = sender.clone();
            worker.run(move || {
                keys.iter_mut().for_each(|key| *key = answer_one(*key));
                sender.send(keys).expect("it is waited for");
            });
            keys = answered.recv().expect("there is a sender here");
        }
        keys.into_iter().for_each(finish);
    })
}

fn chains_once(size: Size, requests: u64) -> Job {
    let (mut keys, mut answers) = (Vec::new(), Vec::new());
    Box::new(move || {
        keys.clear();
        keys.extend((0..size.distinct()).map(start));
        for _ in 0..requests {
            answers.clear();
            answer(&keys, &mut answers);
            std::mem::swap(&mut keys, &mut answers);
        }
        keys.iter().cycle().take(size.n as usize).copied().for_each(finish);
    })
}

fn same(tasks: u64) -> Job {
    let (mut keys, mut answers) = (Vec::new(), Vec::new());
    Box::new(move || {
        keys.clear();
        keys.extend((0..tasks).map(start));
        answers.clear();
        answer(&keys, &mut answers);
        answers.iter().for_each(|answer| finish((0..SAME).map(|_| *answer).sum()));
    })
}
