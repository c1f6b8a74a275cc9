//! Random cases.
//!
//! Each case uses only some of the constructs, so that those meet often. Programs must not
//! deadlock, apart from some that may: whatever is held is of a rank, and while it is held only
//! what is of a higher one is waited for.

use crate::model::program::{
    Body, CELLS, DISPATCHERS, How, KEYS, MUTEXES, NUMBERS, Op, PERMITS, RWLOCKS, Step, Want, Wish,
};
use crate::model::random::{Random, mix};

/// Everything that happens follows from it.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) body: Body,
    pub(crate) fate: Fate,
    pub(crate) driver: Driver,
    /// The longest that a dispatcher takes for one thing.
    pub(crate) slowest: u64,
    /// The order of what could happen in any order.
    pub(crate) shuffle: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    Healthy,
    MayDeadlock,
    MayPanic,
    /// Dropped after so many polls.
    Dropped(u64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Driver {
    Run,
    /// A future that lets others in after so many resumes.
    Polled(usize),
}

/// The families of constructs, with how often each is used.
struct Weights {
    ask: u64,
    spawn: u64,
    set: u64,
    fallible: u64,
    cut: u64,
    hold: u64,
    contend: u64,
    crew: u64,
    notify: u64,
    pipe: u64,
    once: u64,
    flight: u64,
    team: u64,
}

struct Generator {
    random: Random,
    weights: Weights,
    /// Of everything that can be held.
    ranks: Vec<i64>,
    ordered: bool,
    panics: bool,
    /// Steps that are left.
    left: u64,
}

/// Where in a program a step is made.
#[derive(Clone, Copy)]
struct At {
    depth: u64,
    /// Only what is of a higher rank may be waited for.
    above: i64,
}

const RESOURCES: usize = MUTEXES + RWLOCKS + PERMITS.len() + CELLS + KEYS;
const MOST_STEPS: u64 = 36;
const DEEPEST: u64 = 4;

pub(crate) fn case(seed: u64) -> Case {
    let mut random = Random::new(mix(seed ^ 0xc0_210));
    let fate = match random.of(0..100) {
        0..80 => Fate::Healthy,
        80..88 => Fate::MayDeadlock,
        88..93 => Fate::MayPanic,
        _ => Fate::Dropped(random.of(0..60)),
    };
    let driver = match fate {
        Fate::Dropped(_) => Driver::Polled(1),
        _ if random.percent(80) => Driver::Run,
        _ => Driver::Polled(random.of(1..5) as usize),
    };
    let slowest = [0, 1, 3, 10, 10, 30][random.index(6)];
    let shuffle = random.percent(60).then(|| random.next());
    let mut ranks: Vec<i64> = (0..RESOURCES as i64).collect();
    random.shuffle(&mut ranks);
    let weights = weights(&mut random);
    let (ordered, panics) = (fate != Fate::MayDeadlock, fate == Fate::MayPanic);
    let mut generator = Generator { random, weights, ranks, ordered, panics, left: MOST_STEPS };
    let body = generator.body(At { depth: 0, above: -1 });
    Case { seed, body, fate, driver, slowest, shuffle }
}

fn weights(random: &mut Random) -> Weights {
    let mut weight = |often: u64| if random.percent(45) { 0 } else { random.of(1..5) * often };
    Weights {
        ask: 6 + weight(3),
        spawn: weight(2),
        set: 2 + weight(3),
        fallible: weight(2),
        cut: weight(3),
        hold: weight(5),
        contend: weight(1),
        crew: weight(1),
        notify: weight(1),
        pipe: weight(1),
        once: weight(2),
        flight: weight(2),
        team: weight(1),
    }
}

impl Generator {
    fn body(&mut self, at: At) -> Body {
        let steps = self.random.of(if at.depth == 0 { 1..5 } else { 0..4 });
        let mut body = Vec::new();
        for _ in 0..steps {
            if self.left > 0 {
                self.left -= 1;
                body.push(self.step(at));
            }
        }
        if at.depth > 0 && self.weights.fallible > 0 && self.random.percent(20) {
            let of = self.random.of(1..4);
            body.push(Op::Fail { of, at: self.random.of(0..of) }.alone());
        }
        body.into()
    }

    /// Bodies for children beside each other; often the same.
    fn bodies(&mut self, least: usize, most: usize, at: At) -> Vec<Body> {
        let count = least + self.random.index(most - least + 1);
        let mut bodies: Vec<Body> = Vec::new();
        for _ in 0..count {
            let body = match bodies.last() {
                Some(last) if self.random.percent(50) => last.clone(),
                _ => self.body(at),
            };
            bodies.push(body);
        }
        bodies
    }

    fn wish(&mut self) -> Wish {
        Wish { of: self.random.index(DISPATCHERS), number: self.random.of(0..NUMBERS) }
    }

    fn wish_after(&mut self, wish: Wish) -> Wish {
        Wish { of: (wish.of + 1) % DISPATCHERS, number: self.random.of(0..NUMBERS) }
    }

    fn step(&mut self, at: At) -> Step {
        let below = At { depth: at.depth + 1, ..at };
        if at.depth >= DEEPEST {
            return self.leaf();
        }
        let Weights {
            ask,
            spawn,
            set,
            fallible,
            cut,
            hold,
            contend,
            crew,
            notify,
            pipe,
            once,
            flight,
            team,
        } = self.weights;
        let families =
            [ask, spawn, set, fallible, cut, hold, contend, crew, notify, pipe, once, flight, team];
        let mut pick = self.random.of(0..families.iter().sum());
        let family = families.iter().position(|weight| {
            let here = pick < *weight;
            pick = pick.saturating_sub(*weight);
            here
        });
        match family.unwrap_or(0) {
            1 => match self.random.of(0..4) {
                0 => Op::Collect.alone(),
                1 => Op::Wait.alone(),
                _ => Op::Spawn.with(vec![self.body(below)]),
            },
            2 => match self.random.of(0..6) {
                0 => Op::Call.with(vec![self.body(below)]),
                1 => Op::Join.with(self.bodies(2, 2, below)),
                2 => Op::JoinRequest(self.wish()).with(vec![self.body(below)]),
                _ => Op::All(self.limit()).with(self.bodies(0, 5, below)),
            },
            3 => match self.random.of(0..4) {
                0 => Op::TryCall.with(vec![self.body(below)]),
                1 => Op::TryJoin.with(self.bodies(2, 2, below)),
                _ => Op::TryAll(self.limit()).with(self.bodies(0, 5, below)),
            },
            4 => match self.random.of(0..6) {
                0 => {
                    let wish = self.wish();
                    Op::AskEither(wish, self.wish_after(wish)).alone()
                }
                1 => Op::AskWithin(self.random.of(0..20), self.wish()).alone(),
                2 | 3 => Op::Race.with(self.bodies(2, 2, below)),
                _ => Op::Within(self.random.of(0..30)).with(vec![self.body(below)]),
            },
            5 => self.hold(below),
            6 => Op::Contend.with(self.bodies(1, 4, below)),
            7 => Op::Crew { more: self.random.percent(30) }.with(self.bodies(0, 4, below)),
            8 if self.random.percent(60) => {
                Op::Baton { patience: self.random.percent(50).then(|| self.random.of(0..6)) }
                    .with(self.bodies(1, 4, below))
            }
            8 => Op::Gong.with(self.bodies(1, 4, below)),
            9 => {
                let takes = self.random.percent(30).then(|| self.random.of(0..5));
                let (capacity, values, tries) =
                    (1 + self.random.index(3), self.random.of(0..5), self.random.percent(40));
                Op::Pipe { capacity, values, takes, tries }.with(self.bodies(1, 4, below))
            }
            10 => match self.resource(MUTEXES + RWLOCKS + PERMITS.len(), CELLS, at) {
                Some((cell, above)) => Op::Once(cell).with(vec![self.body(At { above, ..below })]),
                None => self.leaf(),
            },
            11 => match self.resource(RESOURCES - KEYS, KEYS, at) {
                Some((key, above)) => Op::Flight(key).with(vec![self.body(At { above, ..below })]),
                None => self.leaf(),
            },
            12 => Op::Team(self.random.percent(40).then(|| 1 + self.random.index(3)))
                .with(self.bodies(0, 5, below)),
            _ => self.leaf(),
        }
    }

    /// A limit of children at a time.
    fn limit(&mut self) -> Option<usize> {
        self.random.percent(30).then(|| 1 + self.random.index(3))
    }

    fn leaf(&mut self) -> Step {
        if !self.ordered && self.random.percent(10) {
            return if self.random.percent(50) {
                Op::Never
            } else {
                Op::TooMany(self.random.index(PERMITS.len()))
            }
            .alone();
        }
        if self.panics && self.random.percent(10) {
            return Op::Panic.alone();
        }
        let wish = self.wish();
        match self.random.of(0..12) {
            0 | 1 => Op::AskTwo(wish, self.wish_after(wish)),
            2 | 3 => Op::AskAll(
                wish.of,
                (0..self.random.of(0..6)).map(|_| self.random.of(0..NUMBERS)).collect(),
            ),
            4 if self.random.percent(30) => Op::Return,
            _ => Op::Ask(wish),
        }
        .alone()
    }

    /// One of these that may be waited for, and its rank.
    fn resource(&mut self, first: usize, len: usize, at: At) -> Option<(usize, i64)> {
        let of_higher_rank: Vec<usize> = (0..len)
            .filter(|index| !self.ordered || self.ranks[first + index] > at.above)
            .collect();
        let index = *of_higher_rank.get(self.random.index(of_higher_rank.len().max(1)))?;
        Some((index, self.ranks[first + index].max(at.above)))
    }

    fn want(&mut self, at: At) -> Option<(Want, i64)> {
        let (resource, above) = self.resource(0, MUTEXES + RWLOCKS + PERMITS.len(), at)?;
        let want = match resource {
            _ if resource < MUTEXES => Want::Mutex(resource),
            _ if resource < MUTEXES + RWLOCKS && self.random.percent(60) => {
                Want::Read(resource - MUTEXES)
            }
            _ if resource < MUTEXES + RWLOCKS => Want::Write(resource - MUTEXES),
            _ => {
                let semaphore = resource - MUTEXES - RWLOCKS;
                Want::Permits(semaphore, 1 + self.random.index(PERMITS[semaphore]))
            }
        };
        Some((want, above))
    }

    fn hold(&mut self, at: At) -> Step {
        let Some((want, above)) = self.want(at) else { return self.leaf() };
        let (how, above) = match self.random.of(0..10) {
            0 => (How::Try, above),
            1 | 2 => (How::Within(self.random.of(0..20)), above),
            3 => match self.want(at) {
                Some((other, also_above)) => (How::Or(other), above.max(also_above)),
                None => (How::Wait, above),
            },
            _ => (How::Wait, above),
        };
        Op::Hold(want, how).with(vec![self.body(At { above, ..at })])
    }
}

impl Op {
    fn alone(self) -> Step {
        Step { op: self, bodies: Vec::new() }
    }

    fn with(self, bodies: Vec<Body>) -> Step {
        Step { op: self, bodies }
    }
}
