//! What one makes for all: OnceCell and SingleFlight.

use super::{NOTHING, exec};
use crate::model::program::{Body, Op, Step};
use crate::model::record::{CELL, FLIGHTS, Failure, Leading, Life, Outcome, Until};
use crate::model::rules::{Cell, Flights, Thing};
use crate::model::shared::Shared;

fn cell(thing: &mut Thing) -> &mut Cell {
    match thing {
        Thing::Cell(cell) => cell,
        _ => unreachable!("this is one"),
    }
}

fn flights(thing: &mut Thing) -> &mut Flights {
    match thing {
        Thing::Flights(flights) => flights,
        _ => unreachable!("this is one"),
    }
}

#[corio::task(Shared)]
pub(crate) fn share(step: &Step, life: &Life) -> Outcome {
    let shared: &Shared = context!();
    // It may never begin.
    let scope = life.opens(Until::Never);
    scope.may_wait();
    let (body, child) = (step.bodies[0].clone(), scope.child(life.shift));
    match step.op {
        Op::Once(at) => {
            let cells = shared.cells();
            let thing = CELL + at;
            let waiting = life.waits(thing, |thing, waiter| cell(thing).asks(waiter));
            let waiter = waiting.waiter;
            let got = if at == 0 {
                Ok(*call!(cells[at].get_or_init(make_anyway(body, child, waiting.leading()))))
            } else {
                call!(cells[at].get_or_try_init(make(body, child, waiting.leading()))).copied()
            };
            let expected = life.record.thing(thing, |thing| cell(thing).value_for(waiter));
            life.record.check(got.ok() == expected, || {
                format!("cell {at} has given {got:?} to waiter {waiter}, should give {expected:?}")
            });
            waiting.passes();
            let (value, now) =
                (life.record.thing(thing, |thing| cell(thing).value()), cells[at].get().copied());
            life.record
                .check(value == now, || format!("cell {at} holds {now:?}, should hold {value:?}"));
        }
        Op::Flight(key) => {
            let waiting = life.waits(FLIGHTS, |thing, waiter| flights(thing).asks(waiter, key));
            let waiter = waiting.waiter;
            let got = call!(shared.flights.run(key, make_anyway(body, child, waiting.leading())));
            let (expected, on_the_way) = life
                .record
                .thing(FLIGHTS, |thing| (flights(thing).value_for(waiter), flights(thing).len()));
            life.record.check(Some(got) == expected, || {
                format!(
                    "a flight of {key} has given {got} to waiter {waiter}, should give {expected:?}"
                )
            });
            life.record.check(shared.flights.len() == on_the_way, || {
                format!("{} flights are on the way, should be {on_the_way}", shared.flights.len())
            });
            waiting.passes();
        }
        _ => unreachable!("makes nothing for all"),
    }
    scope.closes();
    Ok(NOTHING)
}

/// Makes a value that no other task makes.
#[corio::task(Shared)]
fn make(body: Body, life: Life, leading: Leading) -> Result<u64, Failure> {
    let value = life.id as u64;
    leading.leads();
    let outcome = call!(exec(body, life));
    leading.led(outcome.is_ok().then_some(value));
    outcome.map(|_| value)
}

/// The same, whatever comes of the body.
#[corio::task(Shared)]
fn make_anyway(body: Body, life: Life, leading: Leading) -> u64 {
    let value = life.id as u64;
    leading.leads();
    let _ = call!(exec(body, life));
    leading.led(Some(value));
    value
}
