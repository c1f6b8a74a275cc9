//! What may come of a program, by doing one thing after another: all the numbers that it can give,
//! whatever the order in which its tasks run.

use std::collections::{BTreeSet, VecDeque};

use crate::model::dispatchers::answer_to;
use crate::model::program::{Body, How, Op, Step, Wish};
use crate::model::record::{Failure, Outcome};
use crate::model::run::{Digest, NOTHING, digest_of, digest_of_all, failure};

/// What may come of it; absent if that is too much to be told. Nothing comes of what never ends.
pub(crate) type Possible = Option<BTreeSet<Outcome>>;

/// More would take too long.
const MOST: usize = 64;

pub(crate) fn predict(body: &Body, shift: u64) -> Possible {
    let mut going = BTreeSet::from([Digest::default()]);
    let mut over: BTreeSet<Outcome> = BTreeSet::new();
    let mut spawned = VecDeque::new();
    for step in body.iter() {
        let results = match &step.op {
            Op::Spawn => {
                spawned.push_back(predict(&step.bodies[0], shift));
                continue;
            }
            Op::Collect => match spawned.pop_front() {
                Some(outcomes) => map(outcomes, |outcome| Ok(digest_of(outcome)))?,
                None => continue,
            },
            Op::Wait => continue,
            Op::Fail { of, at } if shift % of == *at => {
                over.extend((!going.is_empty()).then(|| Err(failure(*of, *at, shift))));
                going.clear();
                break;
            }
            Op::Fail { .. } => continue,
            Op::Return => break,
            _ => results(step, shift)?,
        };
        if !going.is_empty() {
            over.extend(results.iter().filter(|result| result.is_err()));
        }
        let mut gone = BTreeSet::new();
        for digest in &going {
            for value in results.iter().filter_map(|result| result.ok()) {
                let mut digest = *digest;
                digest.add(value);
                gone.insert(digest);
            }
        }
        if gone.len() + over.len() > MOST {
            return None;
        }
        going = gone;
    }
    over.extend(going.iter().map(|digest| Ok(digest.0)));
    Some(over)
}

/// What may come of a step; an error is that of the task.
fn results(step: &Step, shift: u64) -> Possible {
    let child = |at: usize| predict(&step.bodies[at], shift);
    let shifted = |from: usize| {
        step.bodies[from..]
            .iter()
            .enumerate()
            .map(|(at, body)| predict(body, shift + at as u64))
            .collect::<Option<Vec<_>>>()
    };
    let reply = |wish: &Wish| answer_to(Wish { of: wish.of, number: wish.number + shift });
    let one = |value| Some(BTreeSet::from([Ok(value)]));
    match &step.op {
        Op::Ask(wish) => one(digest([reply(wish)])),
        Op::AskTwo(a, b) => one(digest([reply(a), reply(b)])),
        Op::AskAll(of, numbers) => {
            one(digest(numbers.iter().map(|number| reply(&Wish { of: *of, number: *number }))))
        }
        Op::AskWithin(_, wish) => Some([digest([reply(wish)]), digest([NOTHING])].map(Ok).into()),
        Op::AskEither(a, b) => Some([digest([reply(a)]), digest([reply(b)])].map(Ok).into()),
        Op::Call => map(child(0), |outcome| Ok(digest_of(outcome))),
        Op::TryCall => child(0),
        Op::Join | Op::All(_) | Op::Contend | Op::Crew { .. } | Op::Baton { .. } => {
            map(product(shifted(0)?), |outcomes| Ok(digest_of_all(&outcomes)))
        }
        Op::JoinRequest(wish) => {
            map(child(0), |outcome| Ok(digest([reply(wish), digest_of(outcome)])))
        }
        Op::TryJoin | Op::TryAll(_) => all_or_error(&shifted(0)?, digest_of_all),
        Op::Team(_) => all_or_error(&shifted(0)?, |_| NOTHING),
        Op::Race => map(union(shifted(0)?), |outcome| Ok(digest_of(outcome))),
        Op::Hold(_, How::Wait | How::Or(_)) => map(child(0), |outcome| Ok(digest_of(outcome))),
        Op::Within(_) | Op::Hold(_, How::Try | How::Within(_)) => {
            let mut results = map(child(0), |outcome| Ok(digest_of(outcome)))?;
            results.insert(Ok(NOTHING));
            Some(results)
        }
        Op::Gong => {
            let all = std::iter::once(child(0))
                .collect::<Option<Vec<_>>>()?
                .into_iter()
                .chain(shifted(1)?)
                .collect();
            map(product(all), |outcomes| Ok(digest_of_all(&outcomes)))
        }
        Op::Pipe { values, takes, .. } => map(product(shifted(1)?), |outcomes| {
            let mut digest = Digest(digest_of_all(&outcomes));
            digest.add(if takes.is_none() { values * outcomes.len() as u64 } else { NOTHING });
            Ok(digest.0)
        }),
        Op::Once(_) | Op::Flight(_) => one(NOTHING),
        Op::Never | Op::TooMany(_) | Op::Panic => Some(BTreeSet::new()),
        Op::Spawn | Op::Collect | Op::Wait | Op::Fail { .. } | Op::Return => {
            unreachable!("changes what comes after it")
        }
    }
}

fn digest(results: impl IntoIterator<Item = u64>) -> u64 {
    let mut digest = Digest::default();
    results.into_iter().for_each(|result| digest.add(result));
    digest.0
}

fn map<T>(set: Option<BTreeSet<T>>, with: impl FnMut(T) -> Outcome) -> Possible {
    Some(set?.into_iter().map(with).collect())
}

fn union(sets: Vec<BTreeSet<Outcome>>) -> Possible {
    Some(sets.into_iter().flatten().collect())
}

/// One of each.
fn product(sets: Vec<BTreeSet<Outcome>>) -> Option<BTreeSet<Vec<Outcome>>> {
    let mut lists = BTreeSet::from([Vec::new()]);
    for set in sets {
        lists = lists
            .iter()
            .flat_map(|list| {
                set.iter().map(move |outcome| list.iter().copied().chain([*outcome]).collect())
            })
            .collect();
        if lists.len() > MOST {
            return None;
        }
    }
    Some(lists)
}

/// If all can succeed, that; and whatever error one of them may have.
fn all_or_error(sets: &[BTreeSet<Outcome>], values: impl Fn(&[Outcome]) -> u64) -> Possible {
    let successes = sets
        .iter()
        .map(|set| set.iter().filter(|outcome| outcome.is_ok()).copied().collect())
        .collect();
    let errors = sets.iter().flatten().filter_map(|outcome| outcome.err());
    let results = product(successes)?.into_iter().map(|outcomes| Ok(values(&outcomes)));
    Some(results.chain(errors.map(|failure: Failure| Err(failure))).collect())
}
