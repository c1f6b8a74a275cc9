//! A state machine for each task, in a box, with a list of what is ready and a queue of what is
//! asked: what one writes by hand where no runtime is wanted. The measure of all others.

mod again;
mod later;

use std::cell::{Cell, RefCell};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use super::Job;
use crate::work::{
    FAN_OUT, KEY, ROUNDS, SAME, Size, Workload, answer, child, finish, round_trip, start,
};

pub const NAME: &str = "state machine by hand";

trait Machine {
    /// Goes on until it has to wait. What it waited for is given to it; nothing when it begins.
    fn resume(&mut self, answer: Option<u64>, world: &mut World) -> Step;
}

enum Step {
    Ask(u64),
    /// Wait for what another one asks for.
    Follow(Flight),
    Lock,
    Done,
}

type Task = Box<dyn Machine>;
/// Those who wait for a key that another one asks for.
type Flight = Rc<RefCell<Vec<Task>>>;

#[derive(Default)]
struct World {
    /// With what they waited for.
    ready: Vec<(Task, Option<u64>)>,
    keys: Vec<u64>,
    askers: Vec<Task>,
    flights: HashMap<u64, Flight>,
    /// The mutex of W7, and who waits for it.
    counter: u64,
    locked: bool,
    line: VecDeque<Task>,
}

impl World {
    fn spawn(&mut self, machine: impl Machine + 'static) {
        self.ready.push((Box::new(machine), None));
    }

    fn land(&mut self, key: u64, value: u64) {
        let flight = self.flights.remove(&key).unwrap_or_default();
        self.ready.extend(flight.take().into_iter().map(|task| (task, Some(value))));
    }

    fn unlock(&mut self) {
        match self.line.pop_front() {
            Some(task) => self.ready.push((task, Some(self.counter))),
            None => self.locked = false,
        }
    }

    fn step(&mut self, mut task: Task, given: Option<u64>) {
        match task.resume(given, self) {
            Step::Ask(key) => {
                self.keys.push(key);
                self.askers.push(task);
            }
            Step::Follow(flight) => flight.borrow_mut().push(task),
            Step::Lock if self.locked => self.line.push_back(task),
            Step::Lock => {
                self.locked = true;
                self.ready.push((task, Some(self.counter)));
            }
            Step::Done => {}
        }
    }
}

/// Everything that is ready runs, then everything that was asked leaves as one batch, until nothing
/// is asked. Each list has two buffers that take turns.
fn run(size: Size, world: &mut World, spare: &mut World, answers: &mut Vec<u64>) {
    loop {
        run_ready(world, spare);
        if world.keys.is_empty() {
            return;
        }
        answers.clear();
        round_trip(size);
        answer(&world.keys, answers);
        deliver(world, spare, answers);
    }
}

#[inline]
fn run_ready(world: &mut World, spare: &mut World) {
    while !world.ready.is_empty() {
        std::mem::swap(&mut world.ready, &mut spare.ready);
        for (task, given) in spare.ready.drain(..) {
            world.step(task, given);
        }
    }
}

#[inline]
fn deliver(world: &mut World, spare: &mut World, answers: &[u64]) {
    world.keys.clear();
    std::mem::swap(&mut world.askers, &mut spare.askers);
    for (task, answer) in spare.askers.drain(..).zip(answers.iter()) {
        world.step(task, Some(*answer));
    }
}

/// W1, W2, W3, W5 and W8 to W12.
struct Chain {
    key: u64,
    left: u64,
}

impl Machine for Chain {
    fn resume(&mut self, answer: Option<u64>, _: &mut World) -> Step {
        if let Some(answer) = answer {
            self.key = answer;
            self.left -= 1;
        }
        if self.left == 0 {
            finish(self.key);
            return Step::Done;
        }
        Step::Ask(self.key)
    }
}

struct Node {
    key: u64,
    depth: u64,
    parent: Option<Rc<Family>>,
}

/// An inner node whose children are at work.
struct Family {
    sum: Cell<u64>,
    left: Cell<u64>,
    parent: Option<Rc<Family>>,
}

impl Machine for Node {
    fn resume(&mut self, answer: Option<u64>, world: &mut World) -> Step {
        let Some(own) = answer else {
            return Step::Ask(self.key);
        };
        let parent = self.parent.take();
        if self.depth == 0 {
            report(parent, own);
            return Step::Done;
        }
        let family = Rc::new(Family { sum: Cell::new(own), left: Cell::new(FAN_OUT), parent });
        for number in 0..FAN_OUT {
            world.spawn(Node {
                key: child(self.key, number),
                depth: self.depth - 1,
                parent: Some(family.clone()),
            });
        }
        Step::Done
    }
}

/// The last child of a family reports for all of it.
fn report(mut parent: Option<Rc<Family>>, mut value: u64) {
    while let Some(family) = parent {
        family.sum.set(family.sum.get() + value);
        family.left.set(family.left.get() - 1);
        if family.left.get() > 0 {
            return;
        }
        value = family.sum.get();
        parent = family.parent.clone();
    }
    finish(value);
}

struct Caller {
    leads: bool,
}

impl Machine for Caller {
    fn resume(&mut self, answer: Option<u64>, world: &mut World) -> Step {
        let Some(value) = answer else {
            return match world.flights.entry(KEY) {
                Entry::Occupied(flight) => Step::Follow(flight.get().clone()),
                Entry::Vacant(place) => {
                    place.insert(Flight::default());
                    self.leads = true;
                    Step::Ask(KEY)
                }
            };
        };
        finish(value);
        if self.leads {
            world.land(KEY, value);
        }
        Step::Done
    }
}

enum Locked {
    Outside,
    Waits,
    Holds,
}

impl Machine for Locked {
    fn resume(&mut self, answer: Option<u64>, world: &mut World) -> Step {
        match self {
            Locked::Outside => {
                *self = Locked::Waits;
                Step::Lock
            }
            Locked::Waits => {
                *self = Locked::Holds;
                Step::Ask(world.counter)
            }
            Locked::Holds => {
                world.counter = answer.unwrap_or_default();
                finish(world.counter);
                world.unlock();
                Step::Done
            }
        }
    }
}

/// W13.
struct Same {
    key: u64,
    left: u64,
    sum: u64,
}

impl Machine for Same {
    fn resume(&mut self, answer: Option<u64>, _: &mut World) -> Step {
        if let Some(answer) = answer {
            self.sum += answer;
            self.left -= 1;
        }
        if self.left == 0 {
            finish(self.sum);
            return Step::Done;
        }
        Step::Ask(self.key)
    }
}

fn spawn_all(size: Size, world: &mut World) {
    match size.workload {
        Workload::W1 | Workload::W8 | Workload::W10 | Workload::W12 => {
            (0..size.n).for_each(|task| world.spawn(Chain { key: start(task), left: 4 }))
        }
        Workload::W2 | Workload::W9 => world.spawn(Chain { key: 0, left: size.n }),
        Workload::W3 => {
            (0..size.n).for_each(|task| world.spawn(Chain { key: start(task), left: 1 }))
        }
        Workload::W4 => world.spawn(Node { key: 0, depth: size.n, parent: None }),
        Workload::W5 => {
            (0..size.n).for_each(|task| world.spawn(Chain { key: start(task), left: ROUNDS }))
        }
        Workload::W6 => (0..size.n).for_each(|_| world.spawn(Caller { leads: false })),
        Workload::W7 => {
            world.counter = 0;
            (0..size.n).for_each(|_| world.spawn(Locked::Outside));
        }
        Workload::W11 => {
            let keys = (0..size.n).map(|task| start(task % size.distinct()));
            keys.for_each(|key| world.spawn(Chain { key, left: 4 }));
        }
        Workload::W13 => {
            (0..size.n).for_each(|task| world.spawn(Same { key: start(task), left: SAME, sum: 0 }))
        }
    }
}

pub fn job(size: Size) -> Option<Job> {
    let (mut world, mut spare) = (World::default(), World::default());
    Some(match size.workload {
        Workload::W8 | Workload::W9 => later::pending(size, world, spare),
        Workload::W10 => later::one_by_one(size, world, spare),
        Workload::W11 | Workload::W13 => again::job(size, world),
        _ => {
            let mut answers = Vec::new();
            Box::new(move || {
                spawn_all(size, &mut world);
                run(size, &mut world, &mut spare, &mut answers);
            })
        }
    })
}
