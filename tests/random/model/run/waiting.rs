//! Wait groups.

use std::sync::Arc;

use corio::sync::WaitGroup;

use super::{digest_of_all, exec};
use crate::model::program::{Body, Op, Step};
use crate::model::record::{Life, Outcome, Record, Until};
use crate::model::rules::{Thing, WaitGroup as Rules};
use crate::model::shared::Shared;

/// One thing that is to be done: done as soon as this is dropped.
struct Todo {
    group: Arc<WaitGroup>,
    record: Arc<Record>,
    thing: usize,
}

impl Todo {
    fn new(group: &Arc<WaitGroup>, record: &Arc<Record>, thing: usize) -> Self {
        record.does(thing, "adds", |thing| rules(thing).adds(1));
        group.add(1);
        Todo { group: group.clone(), record: record.clone(), thing }
    }
}

impl Drop for Todo {
    fn drop(&mut self) {
        self.record.does(self.thing, "done", |thing| rules(thing).done());
        self.group.done();
    }
}

fn rules(thing: &mut Thing) -> &mut Rules {
    match thing {
        Thing::WaitGroup(rules) => rules,
        _ => unreachable!("this is one"),
    }
}

#[corio::task(Shared)]
pub(crate) fn crew(step: &Step, life: &Life) -> Outcome {
    let more = step.op == Op::Crew { more: true };
    let record = &life.record;
    let thing = record.add(Thing::WaitGroup(Rules::default()));
    let group = Arc::new(WaitGroup::new());
    let todo = || Todo::new(&group, record, thing);
    let _never = (step.op == Op::Never).then(todo);
    let scope = life.opens(Until::Never);
    let mut handles = Vec::new();
    for (at, body) in step.bodies.iter().enumerate() {
        handles.push(spawn!(worker(
            body.clone(),
            scope.child(life.shift + at as u64),
            todo(),
            more
        )));
    }
    let waiting = life.waits(thing, |thing, waiter| rules(thing).asks(waiter));
    call!(group.wait());
    waiting.passes();
    let mut outcomes = Vec::new();
    for handle in handles {
        outcomes.push(call!(handle));
    }
    scope.gave(&outcomes);
    Ok(digest_of_all(&outcomes))
}

#[corio::task(Shared)]
fn worker(body: Body, life: Life, todo: Todo, more: bool) -> Outcome {
    let mut life = life;
    life.begins();
    let scope = life.opens(Until::Never);
    let outcome = call!(exec(body.clone(), scope.child(life.shift)));
    scope.gave(&[outcome]);
    let Todo { group, record, thing } = &todo;
    let (group, record, thing) = (group.clone(), record.clone(), *thing);
    drop(todo);
    if more {
        // Whoever waits goes on all the same, if nothing was left for a moment.
        let _more = Todo::new(&group, &record, thing);
        let again = life.opens(Until::Never);
        let outcome = call!(exec(body, again.child(life.shift)));
        again.gave(&[outcome]);
    }
    life.ends(outcome)
}
