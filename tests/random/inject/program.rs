//! The program: children of all kinds, those that fail and those that lose, locks, channels, groups
//! and flights, a task by hand, a run within.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use corio::sync::{ErrGroup, Mutex, SingleFlight, channel};
use corio::{Cx, Schedule, Task, task_fn};

use super::calls::call;
use super::dispatchers::{App, Db, cached, filled, later, mapped, never, ordered, slots};
use super::values::{Alive, Answer, Failure, failure, key};

#[corio::task(App)]
fn leaf(number: u64, lent: &Alive) -> Alive {
    lent.check();
    let mine = Alive::new("a local");
    let both = io!(mapped(key(number)), filled(key(number)));
    call("a task");
    drop(both);
    drop(io!(cached(key(number % 7))));
    mine
}

#[corio::task(App)]
fn fallible(number: u64) -> Result<Answer, Failure> {
    let _local = Alive::new("a local");
    let answer = io!(ordered(key(number)));
    call("a task");
    if number == 2 { Err(failure()) } else { answer.ok_or_else(failure) }
}

#[corio::task(App)]
fn loses(lent: &Alive) -> Alive {
    let local = Alive::new("a local");
    race!(leaf(1, lent), leaf(2, lent));
    lent.check();
    drop(io!(later(key(3))));
    io!(never(key(9)));
    local
}

#[corio::task(App)]
fn locks(mutex: Rc<Mutex<Alive>>) -> Result<(), Failure> {
    let guard = call!(mutex.lock());
    io!(slots(key(4)));
    call("a task");
    guard.check();
    Ok(())
}

/// One call within the other, deep enough for a child of its own.
#[corio::task(App)]
fn nests(calls: u64, lent: &Alive) -> Alive {
    let local = Alive::new("a local");
    if calls == 0 { call!(leaf(1, lent)) } else { call!(nests(calls - 1, &local)) }
}

fn by_hand() -> impl Task<App, Output = ()> {
    task_fn(async |cx: Cx<'_, App>| {
        let _local = Alive::new("a local");
        let mut asked: Vec<Pin<Box<dyn Future<Output = Answer> + '_>>> =
            vec![Box::pin(cx.io(filled(key(1)))), Box::pin(cx.io(slots(key(2))))];
        poll_fn(|context| {
            call("a poll");
            asked.retain_mut(|one| one.as_mut().poll(context).is_pending());
            if asked.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        drop(cx.spawn(fallible(7)));
        drop(cx.call(fallible(8)).await);
        cx.wait().await;
    })
}

fn numbers(count: u64) -> impl Iterator<Item = u64> {
    (0..count).inspect(|_| call("an iterator"))
}

#[corio::task(App)]
pub(crate) fn program() -> Vec<Alive> {
    let own = Alive::new("a local");
    let mut all = all!(numbers(3).map(|number| leaf(number, &own)));
    all.extend(all!(limit = 2, numbers(4).map(|number| leaf(number, &own))));
    all.push(call!(nests(40, &own)));
    let (handle, unused) = (spawn!(fallible(1)), spawn!(fallible(3)));
    drop(try_all!(numbers(4).map(fallible)));
    drop(try_all!(limit = 2, numbers(4).map(fallible)));
    drop(try_join!(fallible(1), fallible(2)));
    drop(race!(loses(&own), leaf(9, &own)));
    drop(timeout!(Duration::from_secs(1), loses(&own)));
    drop(join!(leaf(1, &own), fallible(2), slots(key(1))));
    drop(io_all!(numbers(5).map(|number| later(key(number)))));
    drop(io_all!(numbers(6).map(|number| cached(key(number)))));
    drop(io_all!(numbers(6).map(|number| slots(key(number)))));
    let mutex = Rc::new(Mutex::new(Alive::new("in a mutex")));
    let group = ErrGroup::new();
    for _ in 0..2 {
        spawn!(group.run(locks(mutex.clone())));
    }
    drop(call!(group.wait()));
    let flights = SingleFlight::new();
    drop(join!(flights.run(key(1), leaf(1, &own)), flights.run(key(1), leaf(1, &own))));
    let (sender, mut receiver) = channel(1);
    join!(
        task!({
            for _ in 0..3 {
                drop(call!(sender.send(Alive::new("what is sent"))));
            }
        }),
        task!({
            for _ in 0..3 {
                drop(call!(receiver.recv()));
            }
        })
    );
    call!(by_hand());
    drop(call!(handle));
    wait!();
    drop(unused);
    // In a run within, which borrows from here.
    let context = App(Db(Alive::new("context")));
    drop(Schedule::new(&context).run(leaf(3, &own)));
    all
}

/// Gives 4, if the schedule works.
#[corio::task(App)]
pub(crate) fn healthy() -> usize {
    drop((io!(filled(key(1))), io!(cached(key(5))), io!(later(key(1)))));
    io_all!((0..4).map(|number| mapped(key(number)))).len()
}
