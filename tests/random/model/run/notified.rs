//! Notify.

use std::sync::Arc;
use std::time::Duration;

use corio::sync::{Notify, RunCell};

use super::{digest_of_all, exec};
use crate::model::program::{Body, Millis, Op, Step};
use crate::model::record::{Life, Outcome, Record, Until};
use crate::model::rules::{Notify as Rules, Thing};
use crate::model::shared::Shared;

/// What all take part in.
#[derive(Clone)]
struct Meeting {
    notify: Arc<Notify>,
    /// All were notified.
    over: Arc<RunCell<bool>>,
    record: Arc<Record>,
    thing: usize,
}

/// Whoever has it may run; then another may, in whatever way it ends.
struct Baton(Meeting);

impl Drop for Baton {
    fn drop(&mut self) {
        self.0.one();
    }
}

impl Meeting {
    fn one(&self) {
        self.record.does(self.thing, "notifies one", |thing| rules(thing).one());
        self.notify.notify_one();
    }

    fn all(&self) {
        self.over.set(true);
        self.record.does(self.thing, "notifies all", |thing| rules(thing).all());
        self.notify.notify_waiters();
    }
}

fn rules(thing: &mut Thing) -> &mut Rules {
    match thing {
        Thing::Notify(rules) => rules,
        _ => unreachable!("this is one"),
    }
}

#[corio::task(Shared)]
fn is_notified(meeting: &Meeting, life: &Life) {
    let waiting = life.waits(meeting.thing, |thing, waiter| rules(thing).asks(waiter));
    call!(meeting.notify.notified());
    waiting.passes();
}

#[corio::task(Shared)]
pub(crate) fn notified(step: &Step, life: &Life) -> Outcome {
    let record = life.record.clone();
    let thing = record.add(Thing::Notify(Rules::default()));
    let (notify, over) = (Arc::new(Notify::new()), Arc::new(RunCell::new(false)));
    let meeting = Meeting { notify, over, record, thing };
    let scope = life.opens(Until::Never);
    let gong = step.op == Op::Gong;
    let patience = if let Op::Baton { patience } = step.op { patience } else { None };
    let mut outcomes = Vec::new();
    let mut handles = Vec::new();
    let waiters = if gong { &step.bodies[1..] } else { &step.bodies[..] };
    for (at, body) in waiters.iter().enumerate() {
        handles.push(spawn!(waiter(
            meeting.clone(),
            body.clone(),
            scope.child(life.shift + at as u64),
            gong,
            patience
        )));
    }
    if gong {
        let first = life.opens(Until::Never);
        let outcome = call!(exec(step.bodies[0].clone(), first.child(life.shift)));
        first.gave(&[outcome]);
        outcomes.push(outcome);
        meeting.all();
    } else {
        meeting.one();
    }
    let firsts = outcomes.len();
    for handle in handles {
        outcomes.push(call!(handle));
    }
    scope.gave(&outcomes[firsts..]);
    Ok(digest_of_all(&outcomes))
}

#[corio::task(Shared)]
fn waiter(
    meeting: Meeting,
    body: Body,
    life: Life,
    gong: bool,
    patience: Option<Millis>,
) -> Outcome {
    let mut life = life;
    life.begins();
    while gong && !meeting.over.get() {
        call!(is_notified(&meeting, &life));
    }
    let _baton = if gong {
        None
    } else {
        let in_time = match patience {
            Some(limit) => {
                timeout!(Duration::from_millis(limit), is_notified(&meeting, &life)).is_ok()
            }
            None => false,
        };
        if !in_time {
            call!(is_notified(&meeting, &life));
        }
        Some(Baton(meeting.clone()))
    };
    let scope = life.opens(Until::Never);
    let outcome = call!(exec(body, scope.child(life.shift)));
    scope.gave(&[outcome]);
    life.ends(outcome)
}
