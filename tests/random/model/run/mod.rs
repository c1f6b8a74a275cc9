//! The task that runs programs.

mod asking;
mod children;
mod holding;
mod notified;
mod piping;
mod sharing;
mod teams;
mod waiting;

use std::collections::VecDeque;
use std::panic::resume_unwind;

use corio::boxed;

use crate::model::program::{Body, Op};
use crate::model::random::mix;
use crate::model::record::{Failure, Life, Outcome};
use crate::model::shared::Shared;

/// The payload of a program's panic.
pub(crate) struct Bang;

/// All results in the order in which the program has them, in one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digest(pub(crate) u64);

impl Digest {
    pub(crate) fn add(&mut self, result: u64) {
        self.0 = mix(self.0 ^ result);
    }
}

/// For a digest: what a child gave, if its parent goes on whatever it was.
pub(crate) fn digest_of(outcome: Outcome) -> u64 {
    match outcome {
        Ok(value) => mix(value),
        Err(Failure(failure)) => mix(!failure),
    }
}

pub(crate) fn digest_of_all(outcomes: &[Outcome]) -> u64 {
    let mut digest = Digest::default();
    outcomes.iter().for_each(|outcome| digest.add(digest_of(*outcome)));
    digest.0
}

/// For a digest: something was not over in time, or could not be had.
pub(crate) const NOTHING: u64 = 7;

pub(crate) fn failure(of: u64, at: u64, shift: u64) -> Failure {
    Failure(of * 10_000 + at * 100 + shift)
}

#[corio::task(Shared)]
pub(crate) fn exec(body: Body, life: Life) -> Outcome {
    let mut life = life;
    life.begins();
    let shift = life.shift;
    let mut digest = Digest::default();
    let mut spawned = VecDeque::new();
    for step in body.iter() {
        life.steps();
        let result = match &step.op {
            Op::Spawn => {
                let child = life.spawns().child(shift);
                spawned.push_back((child.id, spawn!(exec(step.bodies[0].clone(), child))));
                continue;
            }
            Op::Collect => {
                let Some((child, handle)) = spawned.pop_front() else { continue };
                let outcome = call!(handle);
                life.spawns().gave_one(child, &outcome);
                Ok(digest_of(outcome))
            }
            Op::Wait => {
                wait!();
                life.spawns().closes();
                continue;
            }
            Op::Fail { of, at } if shift % of == *at => {
                return life.ends(Err(failure(*of, *at, shift)));
            }
            Op::Fail { .. } => continue,
            Op::Return => break,
            Op::Panic => resume_unwind(Box::new(Bang)),
            Op::Ask(_)
            | Op::AskTwo(..)
            | Op::AskAll(..)
            | Op::AskWithin(..)
            | Op::AskEither(..) => Ok(call!(boxed(asking::ask(&step.op, &life)))),
            Op::Hold(..) | Op::Contend | Op::TooMany(_) => call!(boxed(holding::hold(step, &life))),
            Op::Crew { .. } | Op::Never => call!(boxed(waiting::crew(step, &life))),
            Op::Baton { .. } | Op::Gong => call!(boxed(notified::notified(step, &life))),
            Op::Pipe { .. } => call!(boxed(piping::pipe(step, &life))),
            Op::Once(_) | Op::Flight(_) => call!(boxed(sharing::share(step, &life))),
            Op::Team(_) => call!(boxed(teams::team(step, &life))),
            _ => call!(boxed(children::children(step, &life))),
        };
        match result {
            Ok(value) => digest.add(value),
            Err(failure) => return life.ends(Err(failure)),
        }
    }
    life.ends(Ok(digest.0))
}
