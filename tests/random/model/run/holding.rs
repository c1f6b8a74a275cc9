//! Locks and permits, held while something runs.

use std::sync::Arc;
use std::time::Duration;

use corio::sync::{Mutex, MutexGuard, Permit, RwLockReadGuard, RwLockWriteGuard};

use super::{NOTHING, digest_of, digest_of_all, exec};
use crate::model::program::{Body, How, Op, PERMITS, Step, Want};
use crate::model::record::{Life, Outcome, RWLOCK, Record, SEMAPHORE, Until, WRITER};
use crate::model::rules::{Gate, Thing, Waiter};
use crate::model::shared::Shared;

/// What is held. The record is told right after it was given back.
struct Held<'a> {
    guard: Guard<'a>,
    _holds: Holds,
}

enum Guard<'a> {
    Mutex(MutexGuard<'a, u64>),
    Read(RwLockReadGuard<'a, u64>),
    Write(RwLockWriteGuard<'a, u64>),
    Permit(#[expect(dead_code, reason = "it is held")] Permit<'a>),
}

struct Holds {
    record: Arc<Record>,
    thing: usize,
    waiter: Waiter,
}

impl Drop for Holds {
    fn drop(&mut self) {
        self.record.does(self.thing, "gives back", |thing| gate(thing).gives(self.waiter));
    }
}

fn gate(thing: &mut Thing) -> &mut Gate {
    match thing {
        Thing::Gate(gate) => gate,
        _ => unreachable!("this is one"),
    }
}

impl Want {
    fn thing(self) -> usize {
        match self {
            Want::Mutex(at) => at,
            Want::Read(at) | Want::Write(at) => RWLOCK + at,
            Want::Permits(at, _) => SEMAPHORE + at,
        }
    }

    fn permits(self) -> usize {
        match self {
            Want::Mutex(_) | Want::Read(_) => 1,
            Want::Write(_) => WRITER,
            Want::Permits(_, permits) => permits,
        }
    }
}

#[corio::task(Shared)]
fn get<'a>(want: Want, shared: &'a Shared, life: &'a Life) -> Held<'a> {
    let waiting =
        life.waits(want.thing(), |thing, waiter| gate(thing).asks(waiter, want.permits()));
    let guard = match want {
        Want::Mutex(at) => Guard::Mutex(call!(shared.mutexes[at].lock())),
        Want::Read(at) => Guard::Read(call!(shared.rwlocks[at].read())),
        Want::Write(at) => Guard::Write(call!(shared.rwlocks[at].write())),
        Want::Permits(at, 1) => Guard::Permit(call!(shared.semaphores[at].acquire())),
        Want::Permits(at, permits) => {
            Guard::Permit(call!(shared.semaphores[at].acquire_many(permits)))
        }
    };
    Held {
        guard,
        _holds: Holds {
            record: life.record.clone(),
            thing: want.thing(),
            waiter: waiting.passes(),
        },
    }
}

fn try_get<'a>(want: Want, shared: &'a Shared, life: &Life) -> Option<Held<'a>> {
    let can = life.record.thing(want.thing(), |thing| gate(thing).can(want.permits()));
    let guard = match want {
        Want::Mutex(at) => shared.mutexes[at].try_lock().map(Guard::Mutex),
        Want::Read(at) => shared.rwlocks[at].try_read().map(Guard::Read),
        Want::Write(at) => shared.rwlocks[at].try_write().map(Guard::Write),
        Want::Permits(at, 1) => shared.semaphores[at].try_acquire().map(Guard::Permit),
        Want::Permits(at, permits) => {
            shared.semaphores[at].try_acquire_many(permits).map(Guard::Permit)
        }
    };
    life.record.check(guard.is_some() == can, || {
        format!("{want:?} could be had at once: {}; should be: {can}", guard.is_some())
    });
    guard.map(|guard| {
        let waiter =
            life.takes(want.thing(), |thing, waiter| gate(thing).takes(waiter, want.permits()));
        Held { guard, _holds: Holds { record: life.record.clone(), thing: want.thing(), waiter } }
    })
}

impl Held<'_> {
    fn value(&self) -> u64 {
        match &self.guard {
            Guard::Mutex(guard) => **guard,
            Guard::Read(guard) => **guard,
            Guard::Write(guard) => **guard,
            Guard::Permit(_) => 0,
        }
    }

    /// Something was done under the lock, which counts it. Nobody else has meanwhile.
    fn counts(&mut self, before: u64, record: &Record, lock: usize) {
        let now = self.value();
        record.check(now == before, || {
            format!("what is under lock {lock} was {before} and is {now}")
        });
        match &mut self.guard {
            Guard::Mutex(guard) => **guard += 1,
            Guard::Write(guard) => **guard += 1,
            Guard::Read(_) | Guard::Permit(_) => return,
        }
        record.counts(lock);
    }
}

#[corio::task(Shared)]
pub(crate) fn hold(step: &Step, life: &Life) -> Outcome {
    let shared: &Shared = context!();
    let (want, how) = match step.op {
        Op::Hold(want, how) => (want, how),
        Op::TooMany(at) => (Want::Permits(at, PERMITS[at] + 1), How::Wait),
        _ => return Ok(call!(contend(&step.bodies, life))),
    };
    let held = match how {
        How::Wait => Some(call!(get(want, shared, life))),
        How::Try => try_get(want, shared, life),
        How::Within(limit) => timeout!(Duration::from_millis(limit), get(want, shared, life)).ok(),
        How::Or(other) => Some(race!(get(want, shared, life), get(other, shared, life))),
    };
    life.steps();
    let Some(mut held) = held else { return Ok(NOTHING) };
    let (before, lock) = (held.value(), held._holds.thing);
    let Some(body) = step.bodies.first() else { return Ok(NOTHING) };
    let scope = life.opens(Until::Never);
    let outcome = call!(exec(body.clone(), scope.child(life.shift)));
    scope.gave(&[outcome]);
    held.counts(before, &life.record, lock);
    Ok(digest_of(outcome))
}

// ── a mutex that children borrow ──

#[corio::task(Shared)]
fn contend(bodies: &[Body], life: &Life) -> u64 {
    let mutex = Mutex::new(0);
    let thing = life.record.add(Thing::Gate(Gate::new(1)));
    let scope = life.opens(Until::Never);
    let contenders = bodies
        .iter()
        .enumerate()
        .map(|(at, body)| contender(&mutex, thing, body, scope.child(life.shift + at as u64)));
    let outcomes: Vec<Outcome> = all!(contenders);
    scope.gave(&outcomes);
    let count = mutex.into_inner();
    life.record.check(count == bodies.len(), || {
        format!("{} contenders have counted to {count}", bodies.len())
    });
    digest_of_all(&outcomes)
}

#[corio::task(Shared)]
fn contender(mutex: &Mutex<usize>, thing: usize, body: &Body, life: Life) -> Outcome {
    let mut life = life;
    life.begins();
    let waiting = life.waits(thing, |thing, waiter| gate(thing).asks(waiter, 1));
    let mut guard = call!(mutex.lock());
    let holds = Holds { record: life.record.clone(), thing, waiter: waiting.passes() };
    let before = *guard;
    let scope = life.opens(Until::Never);
    let outcome = call!(exec(body.clone(), scope.child(life.shift)));
    scope.gave(&[outcome]);
    life.record
        .check(*guard == before, || format!("what is under a lock was {before} and is {}", *guard));
    *guard += 1;
    drop((guard, holds));
    life.ends(outcome)
}
