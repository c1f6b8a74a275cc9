//! W11 and W13: keys that come again. A table says of each key where its answer is, or will be.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Step, Task, World, spawn_all};
use crate::contenders::Job;
use crate::work::{Size, Workload, answer};

#[derive(Clone, Copy)]
enum Known {
    /// Its place in the batch that gathers.
    Asked(usize),
    Answered(u64),
}

#[derive(Default)]
struct Batcher {
    known: HashMap<u64, Known>,
    keys: Vec<u64>,
    /// With the places of their keys.
    askers: Vec<(Task, usize)>,
}

impl Batcher {
    fn go_on(&mut self, mut task: Task, mut given: Option<u64>, world: &mut World) {
        while let Step::Ask(key) = task.resume(given, world) {
            let place = match self.known.entry(key) {
                Entry::Occupied(known) => match *known.get() {
                    Known::Asked(place) => place,
                    Known::Answered(answer) => {
                        given = Some(answer);
                        continue;
                    }
                },
                Entry::Vacant(entry) => {
                    entry.insert(Known::Asked(self.keys.len()));
                    self.keys.push(key);
                    self.keys.len() - 1
                }
            };
            self.askers.push((task, place));
            return;
        }
    }
}

pub fn job(size: Size, mut world: World) -> Job {
    let keeps = size.workload == Workload::W13;
    let mut batcher = Batcher::default();
    let (mut answers, mut askers) = (Vec::new(), Vec::new());
    Box::new(move || {
        spawn_all(size, &mut world);
        let mut ready = std::mem::take(&mut world.ready);
        for (task, given) in ready.drain(..) {
            batcher.go_on(task, given, &mut world);
        }
        world.ready = ready;
        while !batcher.keys.is_empty() {
            answers.clear();
            answer(&batcher.keys, &mut answers);
            if keeps {
                let kept = batcher.keys.iter().zip(answers.iter());
                batcher.known.extend(kept.map(|(key, answer)| (*key, Known::Answered(*answer))));
            } else {
                batcher.known.clear();
            }
            batcher.keys.clear();
            std::mem::swap(&mut batcher.askers, &mut askers);
            for (task, place) in askers.drain(..) {
                batcher.go_on(task, Some(answers[place]), &mut world);
            }
        }
        // What is kept is kept for a run.
        batcher.known.clear();
    })
}
