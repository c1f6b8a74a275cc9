//! Error groups.

use std::sync::Arc;

use corio::sync::ErrGroup;

use super::{NOTHING, exec};
use crate::model::program::{Body, Op, Step};
use crate::model::record::{Failure, Life, Outcome, Record, Until};
use crate::model::rules::{Team as Rules, Thing};
use crate::model::shared::Shared;

/// One that has been given to the group, until it ends or is dropped.
struct Member {
    record: Arc<Record>,
    thing: usize,
    id: usize,
    error: Option<u64>,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.record.does(self.thing, "has one member less", |thing| {
            rules(thing).ends(self.id, self.error)
        });
    }
}

fn rules(thing: &mut Thing) -> &mut Rules {
    match thing {
        Thing::Team(rules) => rules,
        _ => unreachable!("this is one"),
    }
}

#[corio::task(Shared)]
pub(crate) fn team(step: &Step, life: &Life) -> Outcome {
    let Op::Team(limit) = step.op else { unreachable!("not a group") };
    let record = &life.record;
    let shared: &Shared = context!();
    // In which order tasks begin that are ready is not said, if the schedule shuffles them.
    let thing = record.add(Thing::Team(Rules::new(limit, !shared.shuffled)));
    let group: ErrGroup<Failure> = limit.map_or_else(ErrGroup::new, ErrGroup::with_limit);
    let scope = life.opens(Until::ErrorSoon);
    if limit.is_some() {
        scope.may_wait();
    }
    let mut handles = Vec::new();
    for (at, body) in step.bodies.iter().enumerate() {
        let child = scope.child(life.shift + at as u64);
        let member = Member { record: record.clone(), thing, id: child.id, error: None };
        record.does(thing, "has one member more", |thing| rules(thing).joins(member.id));
        handles.push(spawn!(group.run(works(body.clone(), child, member))));
    }
    let waiting = life.waits(thing, |thing, waiter| rules(thing).asks(waiter));
    let result = call!(group.wait());
    let error = record.thing(thing, |thing| rules(thing).takes_error());
    record.check(result.err().map(|failure| failure.0) == error, || {
        format!("group {thing} has ended with {result:?}, should with {error:?}")
    });
    waiting.passes();
    for handle in handles {
        call!(handle);
    }
    match result {
        Ok(()) => scope.closes(),
        // A group hears of a member when the member's task goes on after its children; in which order
        // several tasks do so is not said, if the schedule shuffles them.
        Err(failure) if shared.shuffled => scope.was_decided_by_one(&Err(failure)),
        Err(failure) => scope.was_decided(&Err(failure)),
    }
    result.map(|()| NOTHING)
}

#[corio::task(Shared)]
fn works(body: Body, life: Life, member: Member) -> Result<(), Failure> {
    let mut member = member;
    let right = member
        .record
        .does(member.thing, "has a member begin", |thing| rules(thing).begins(member.id));
    member
        .record
        .check(right, || format!("life {} begins in group {} out of turn", life.id, member.thing));
    let outcome = call!(exec(body, life));
    member.error = outcome.err().map(|failure| failure.0);
    outcome.map(|_| ())
}
