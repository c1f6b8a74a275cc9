//! Requests.

use std::time::Duration;

use super::{Digest, NOTHING};
use crate::model::dispatchers::{alpha, beta, gamma};
use crate::model::program::{Op, Wish};
use crate::model::record::{Life, Wanted};
use crate::model::shared::Shared;

#[corio::task(Shared)]
pub(crate) fn ask(op: &Op, life: &Life) -> u64 {
    let mut digest = Digest::default();
    match op {
        Op::Ask(wish) => {
            let (wanted, key) = life.wants(*wish);
            let reply = match wish.of {
                0 => io!(alpha(key)),
                1 => io!(beta(key)),
                _ => io!(gamma(key)),
            };
            digest.add(wanted.gets(reply));
        }
        Op::AskTwo(first, second) => {
            let ((wanted, one), (also, two)) = (life.wants(*first), life.wants(*second));
            let (reply, other) = match first.of {
                0 => io!(alpha(one), beta(two)),
                1 => io!(beta(one), gamma(two)),
                _ => io!(gamma(one), alpha(two)),
            };
            digest.add(wanted.gets(reply));
            digest.add(also.gets(other));
        }
        Op::AskAll(of, numbers) => {
            let (wanted, keys): (Vec<Wanted>, Vec<_>) =
                numbers.iter().map(|number| life.wants(Wish { of: *of, number: *number })).unzip();
            let replies = match of {
                0 => io_all!(keys.into_iter().map(alpha)),
                1 => io_all!(keys.into_iter().map(beta)),
                _ => io_all!(keys.into_iter().map(gamma)),
            };
            life.record.check(replies.len() == wanted.len(), || {
                format!("{} replies to {} requests", replies.len(), wanted.len())
            });
            wanted.iter().zip(replies).for_each(|(wanted, reply)| digest.add(wanted.gets(reply)));
        }
        Op::AskWithin(limit, wish) => {
            let (wanted, key) = life.wants(*wish);
            let limit = Duration::from_millis(*limit);
            let reply = match wish.of {
                0 => timeout!(limit, alpha(key)),
                1 => timeout!(limit, beta(key)),
                _ => timeout!(limit, gamma(key)),
            };
            digest.add(reply.map_or(NOTHING, |reply| wanted.gets(reply)));
        }
        Op::AskEither(first, second) => {
            let ((wanted, one), (also, two)) = (life.wants(*first), life.wants(*second));
            let reply = match first.of {
                0 => race!(alpha(one), beta(two)),
                1 => race!(beta(one), gamma(two)),
                _ => race!(gamma(one), alpha(two)),
            };
            digest.add(if reply.request == wanted.request {
                wanted.gets(reply)
            } else {
                also.gets(reply)
            });
        }
        _ => unreachable!("not a request"),
    }
    digest.0
}
