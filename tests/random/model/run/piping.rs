//! Channels.

use std::sync::Arc;
use std::time::Duration;

use corio::sync::{Receiver, Sender, TryRecvError, TrySendError, channel};

use super::{Digest, NOTHING, digest_of_all, exec};
use crate::model::program::{Body, Op, Step};
use crate::model::record::{Life, Outcome, Record, Until};
use crate::model::rules::{Pipe as Rules, Thing};
use crate::model::shared::Shared;

/// So often the receiver is impatient.
const IMPATIENT: u64 = 3;

struct In {
    receiver: Receiver<u64>,
    record: Arc<Record>,
    thing: usize,
}

struct Out {
    sender: Sender<u64>,
    record: Arc<Record>,
    thing: usize,
}

impl Drop for In {
    fn drop(&mut self) {
        self.record.does(self.thing, "has no receiver", |thing| rules(thing).has_no_receiver());
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        self.record.does(self.thing, "has one sender less", |thing| rules(thing).has_sender(false));
    }
}

impl Out {
    fn new(sender: Sender<u64>, record: Arc<Record>, thing: usize) -> Self {
        record.does(thing, "has one sender more", |thing| rules(thing).has_sender(true));
        Out { sender, record, thing }
    }
}

fn rules(thing: &mut Thing) -> &mut Rules {
    match thing {
        Thing::Pipe(rules) => rules,
        _ => unreachable!("this is one"),
    }
}

#[corio::task(Shared)]
pub(crate) fn pipe(step: &Step, life: &Life) -> Outcome {
    let Op::Pipe { capacity, values, takes, tries } = step.op else {
        unreachable!("not a channel")
    };
    let record = &life.record;
    let thing = record.add(Thing::Pipe(Rules::new(capacity)));
    let (sender, receiver) = channel(capacity);
    let (out, mut incoming) =
        (Out::new(sender, record.clone(), thing), In { receiver, record: record.clone(), thing });
    let scope = life.opens(Until::Never);
    let mut handles = Vec::new();
    for (at, body) in step.bodies[1..].iter().enumerate() {
        let out = Out::new(out.sender.clone(), record.clone(), thing);
        handles.push(spawn!(sends(
            body.clone(),
            scope.child(life.shift + at as u64),
            out,
            values,
            tries
        )));
    }
    drop(out);
    let mut received = 0;
    while takes.is_none_or(|takes| received < takes) {
        let value = if tries && received < IMPATIENT {
            call!(receive_soon(&mut incoming, life))
        } else {
            call!(receive(&mut incoming, life))
        };
        if value.is_none() {
            break;
        }
        received += 1;
        let each = life.opens(Until::Never);
        let outcome = call!(exec(step.bodies[0].clone(), each.child(life.shift)));
        each.gave(&[outcome]);
    }
    drop(incoming);
    let mut outcomes = Vec::new();
    for handle in handles {
        outcomes.push(call!(handle));
    }
    scope.gave(&outcomes);
    let mut digest = Digest(digest_of_all(&outcomes));
    digest.add(if takes.is_none() { received } else { NOTHING });
    Ok(digest.0)
}

#[corio::task(Shared)]
fn receive(incoming: &mut In, life: &Life) -> Option<u64> {
    let waiting = life.waits(incoming.thing, |thing, waiter| rules(thing).receives(waiter));
    let value = call!(incoming.receiver.recv());
    waiting.passes();
    let expected = life.record.thing(incoming.thing, |thing| rules(thing).gives_out());
    life.record.check(value == expected, || {
        format!("channel {} gave {value:?}, should give {expected:?}", incoming.thing)
    });
    value
}

/// What is there; or what comes soon; or what comes.
#[corio::task(Shared)]
fn receive_soon(incoming: &mut In, life: &Life) -> Option<u64> {
    let (next, closed) =
        life.record.thing(incoming.thing, |thing| (rules(thing).next(), rules(thing).is_closed()));
    let value = incoming.receiver.try_recv();
    let right = match value {
        Ok(value) => next == Some(value),
        Err(TryRecvError::Empty) => next.is_none() && !closed,
        Err(TryRecvError::Closed) => next.is_none() && closed,
    };
    life.record.check(right, || {
        format!(
            "channel {} gave {value:?} at once, should give {next:?}; is closed: {closed}",
            incoming.thing
        )
    });
    if value.is_ok() {
        life.record.does(incoming.thing, "gives out", |thing| rules(thing).gives_out());
        return value.ok();
    }
    match timeout!(Duration::from_millis(1), receive(incoming, life)) {
        Ok(value) => value,
        Err(_) => call!(receive(incoming, life)),
    }
}

#[corio::task(Shared)]
fn sends(body: Body, life: Life, out: Out, values: u64, tries: bool) -> Outcome {
    let mut life = life;
    life.begins();
    let scope = life.opens(Until::Never);
    let outcome = call!(exec(body, scope.child(life.shift)));
    scope.gave(&[outcome]);
    for number in 0..values {
        let value = life.id as u64 * 100 + number;
        life.steps();
        if tries && number % 2 == 1 {
            let room = life.record.thing(out.thing, |thing| rules(thing).has_room());
            let sent = out.sender.try_send(value);
            let right = match &sent {
                Ok(()) => room == Some(true),
                Err(TrySendError::Full(back)) => room == Some(false) && *back == value,
                Err(TrySendError::Closed(back)) => room.is_none() && *back == value,
            };
            life.record.check(right, || {
                format!("channel {} has said {sent:?} to {value}; has room: {room:?}", out.thing)
            });
            match sent {
                Ok(()) => {
                    life.record.does(out.thing, "takes in", |thing| rules(thing).takes_in(value));
                    continue;
                }
                Err(TrySendError::Full(_)) => {}
                Err(TrySendError::Closed(_)) => break,
            }
        }
        let waiting = life.waits(out.thing, |thing, waiter| rules(thing).sends(waiter, value));
        let sent = call!(out.sender.send(value));
        let was_sent = life.record.thing(out.thing, |thing| rules(thing).was_sent(waiting.waiter));
        waiting.passes();
        let right = match &sent {
            Ok(()) => was_sent,
            Err(error) => !was_sent && error.0 == value,
        };
        life.record.check(right, || {
            format!("channel {} has said {sent:?} to {value}; it was sent: {was_sent}", out.thing)
        });
        if sent.is_err() {
            break;
        }
    }
    drop(out);
    life.ends(outcome)
}
