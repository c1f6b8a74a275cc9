//! A case that fails is made smaller until only what matters is left.

use std::sync::Arc;

use crate::model::generate::{Case, Driver, Fate};
use crate::model::program::{Body, Op, Step};

/// The smallest case found that still fails. `fails` is tried at most so many times.
pub(crate) fn shrink(mut case: Case, mut tries: usize, fails: impl Fn(&Case) -> bool) -> Case {
    'smaller: loop {
        for smaller in smaller_cases(&case) {
            if tries == 0 {
                return case;
            }
            tries -= 1;
            if fails(&smaller) {
                case = smaller;
                continue 'smaller;
            }
        }
        return case;
    }
}

fn smaller_cases(case: &Case) -> Vec<Case> {
    let mut cases: Vec<Case> =
        smaller_bodies(&case.body).into_iter().map(|body| Case { body, ..case.clone() }).collect();
    if case.driver != Driver::Run && !matches!(case.fate, Fate::Dropped(_)) {
        cases.push(Case { driver: Driver::Run, ..case.clone() });
    }
    if case.shuffle.is_some() {
        cases.push(Case { shuffle: None, ..case.clone() });
    }
    if case.slowest > 0 {
        cases.push(Case { slowest: case.slowest / 2, ..case.clone() });
    }
    if let Fate::Dropped(polls @ 1..) = case.fate {
        cases.extend(
            [polls / 2, polls - 1].map(|polls| Case { fate: Fate::Dropped(polls), ..case.clone() }),
        );
    }
    cases
}

/// Everything that is one change smaller.
fn smaller_bodies(body: &Body) -> Vec<Body> {
    let mut bodies = Vec::new();
    let mut put = |at: usize, steps: &[Step]| {
        bodies.push(
            body[..at].iter().chain(steps).chain(&body[at + 1..]).cloned().collect::<Arc<[Step]>>(),
        )
    };
    for (at, step) in body.iter().enumerate() {
        put(at, &[]);
        step.bodies.iter().for_each(|inner| put(at, inner));
    }
    for (at, step) in body.iter().enumerate() {
        smaller_steps(step).into_iter().for_each(|step| put(at, &[step]));
    }
    bodies
}

fn smaller_steps(step: &Step) -> Vec<Step> {
    let mut steps = Vec::new();
    let (least, more) = step.op.bodies();
    for at in 0..step.bodies.len() {
        if more && step.bodies.len() > least {
            let mut fewer = step.clone();
            fewer.bodies.remove(at);
            steps.push(fewer);
        }
    }
    for (at, body) in step.bodies.iter().enumerate() {
        for smaller in smaller_bodies(body) {
            let mut changed = step.clone();
            changed.bodies[at] = smaller;
            steps.push(changed);
        }
    }
    let mut op = |op: Op| steps.push(Step { op, bodies: step.bodies.clone() });
    match &step.op {
        Op::AskTwo(wish, _) | Op::AskEither(wish, _) | Op::AskWithin(_, wish) => op(Op::Ask(*wish)),
        Op::AskAll(of, numbers) if !numbers.is_empty() => {
            op(Op::AskAll(*of, numbers[1..].to_vec()))
        }
        Op::All(Some(_)) => op(Op::All(None)),
        Op::TryAll(Some(_)) => op(Op::TryAll(None)),
        Op::Team(Some(_)) => op(Op::Team(None)),
        Op::Crew { more: true } => op(Op::Crew { more: false }),
        Op::Baton { patience: Some(_) } => op(Op::Baton { patience: None }),
        Op::Pipe { capacity, values, takes, tries } => {
            let (capacity, values, takes, tries) = (*capacity, *values, *takes, *tries);
            if values > 0 {
                op(Op::Pipe { capacity, values: values - 1, takes, tries });
            }
            if takes.is_some() {
                op(Op::Pipe { capacity, values, takes: None, tries });
            }
            if tries {
                op(Op::Pipe { capacity, values, takes, tries: false });
            }
            if capacity > 1 {
                op(Op::Pipe { capacity: capacity - 1, values, takes, tries });
            }
        }
        _ => {}
    }
    steps
}
