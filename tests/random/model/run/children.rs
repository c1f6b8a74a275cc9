//! Children that are run here and now: `call!`, `join!`, `all!`, `race!` and their like.

use std::time::Duration;

use super::{Digest, NOTHING, digest_of, digest_of_all, exec};
use crate::model::dispatchers::{alpha, beta, gamma};
use crate::model::program::{Op, Step};
use crate::model::record::{Failure, Life, Outcome, Scope, Until};
use crate::model::shared::Shared;

#[corio::task(Shared)]
pub(crate) fn children(step: &Step, life: &Life) -> Outcome {
    let until = match step.op {
        Op::TryJoin | Op::TryAll(_) => Until::Error,
        Op::Race | Op::Within(_) => Until::End,
        _ => Until::Never,
    };
    let scope = life.opens(until);
    let limit = if let Op::All(limit) | Op::TryAll(limit) = step.op { limit } else { None };
    scope.limited(limit);
    let body = |at: usize| step.bodies[at].clone();
    let child = |at: usize| scope.child(life.shift + at as u64);
    let all = || (0..step.bodies.len()).map(|at| exec(body(at), child(at)));
    match &step.op {
        Op::Call | Op::TryCall => {
            let outcome = call!(exec(body(0), child(0)));
            scope.gave(&[outcome]);
            if step.op == Op::TryCall { outcome } else { Ok(digest_of(outcome)) }
        }
        Op::Join => {
            let (a, b) = join!(exec(body(0), child(0)), exec(body(1), child(1)));
            scope.gave(&[a, b]);
            Ok(digest_of_all(&[a, b]))
        }
        Op::JoinRequest(wish) => {
            let (wanted, key) = life.wants(*wish);
            let (reply, outcome) = match wish.of {
                0 => join!(alpha(key), exec(body(0), child(0))),
                1 => join!(beta(key), exec(body(0), child(0))),
                _ => join!(gamma(key), exec(body(0), child(0))),
            };
            scope.gave(&[outcome]);
            let mut digest = Digest::default();
            digest.add(wanted.gets(reply));
            digest.add(digest_of(outcome));
            Ok(digest.0)
        }
        Op::TryJoin => {
            let result = try_join!(exec(body(0), child(0)), exec(body(1), child(1)));
            ends(&scope, result.map(|(a, b)| vec![a, b]))
        }
        Op::All(_) => {
            let outcomes = match limit {
                Some(limit) => all!(limit = limit, all()),
                None => all!(all()),
            };
            scope.gave(&outcomes);
            Ok(digest_of_all(&outcomes))
        }
        Op::TryAll(_) => {
            let result = match limit {
                Some(limit) => try_all!(limit = limit, all()),
                None => try_all!(all()),
            };
            ends(&scope, result)
        }
        Op::Race => {
            let outcome = race!(exec(body(0), child(0)), exec(body(1), child(1)));
            scope.was_decided(&outcome);
            Ok(digest_of(outcome))
        }
        Op::Within(limit) => {
            let result = timeout!(Duration::from_millis(*limit), exec(body(0), child(0)));
            match &result {
                Ok(outcome) => scope.was_decided(outcome),
                Err(_) => scope.was_cut(),
            }
            Ok(result.map_or(NOTHING, digest_of))
        }
        _ => unreachable!("has no children of this kind"),
    }
}

/// After `try_join!` or `try_all!`.
fn ends(scope: &Scope, result: Result<Vec<u64>, Failure>) -> Outcome {
    match result {
        Ok(values) => {
            let outcomes: Vec<Outcome> = values.into_iter().map(Ok).collect();
            scope.gave(&outcomes);
            Ok(digest_of_all(&outcomes))
        }
        Err(failure) => {
            scope.was_decided(&Err(failure));
            Err(failure)
        }
    }
}
