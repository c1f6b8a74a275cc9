//! No tasks at all: batches made level by level, as one writes them where the program allows it. What the work itself costs.

use super::Job;
use crate::work::{FAN_OUT, KEY, ROUNDS, Size, Workload, answer, finish, round_trip, start};

pub const NAME: &str = "plain batch loop";

pub fn job(size: Size) -> Option<Job> {
    Some(match size.workload {
        Workload::W1 => chains(size, 4),
        Workload::W2 => many(size.n),
        Workload::W3 => chains(size, 1),
        Workload::W4 => tree(size.n),
        Workload::W5 => chains(size, ROUNDS),
        Workload::W6 => shared(size.n),
        Workload::W7 => locked(size.n),
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
