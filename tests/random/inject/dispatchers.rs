//! Dispatchers of all forms, with all callbacks.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::mem;
use std::task::Poll;

use corio::{Batch, Provide, Slot};

use super::calls::call;
use super::values::{Alive, Answer, Failure, Key, answer, failure};

pub(crate) struct Db(pub(crate) Alive);

pub(crate) struct App(pub(crate) Db);

impl Provide<Db> for App {
    fn provide(&self) -> &Db {
        call("`provide`");
        &self.0
    }
}

fn by() -> u8 {
    call("`by`");
    1
}

fn group_by(key: &Key) -> u64 {
    call("`group_by`");
    key.0 % 2
}

fn when(_: &Failure) -> bool {
    call("`when`");
    true
}

#[corio::dispatcher(dedup, cache = "schedule", by = |_: &Db| by(), capacity = 3, group_by = group_by, max_batch = 2, retry(attempts = 3, when = when))]
pub(crate) fn cached(db: &Db, keys: &[Key]) -> Vec<Result<Answer, Failure>> {
    db.0.check();
    call("a dispatcher");
    keys.iter().map(|key| if key.0 == 5 { Err(failure()) } else { Ok(answer()) }).collect()
}

#[corio::dispatcher(timeout = "5s", faults = "error", max_in_flight = 3, max_batch = 3)]
pub(crate) async fn later(db: &Db, keys: &[Key]) -> Vec<Answer> {
    call("a dispatcher");
    let _local = Alive::new("a local of a dispatcher");
    for _ in keys {
        let mut yielded = false;
        poll_fn(|context| {
            call("a poll of a dispatcher");
            if mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        db.0.check();
    }
    keys.iter().map(|_| answer()).collect()
}

thread_local! {
    static SLOTS: RefCell<Vec<Slot<Key, Answer>>> = const { RefCell::new(Vec::new()) };
}

/// Those that nobody will answer.
pub(crate) fn forget_slots() {
    SLOTS.take();
}

#[corio::dispatcher(retry(attempts = 2))]
pub(crate) fn slots(mut batch: Batch<Key, Answer>) {
    call("a dispatcher");
    let rest = batch.split_off(batch.len() / 2);
    for slot in rest {
        match slot.key().0 % 3 {
            0 => slot.retry(),
            1 => slot.answer_with(|_| {
                call("`answer_with`");
                answer()
            }),
            _ => slot.answer(answer()),
        }
    }
    batch.into_iter().for_each(|slot| slot.answer(answer()));
}

/// Never answers, and keeps its slots.
#[corio::dispatcher]
pub(crate) fn never(batch: Batch<Key, Answer>) {
    call("a dispatcher");
    SLOTS.with_borrow_mut(|slots| slots.extend(batch));
}

#[corio::dispatcher]
pub(crate) fn mapped(keys: &[Key]) -> BTreeMap<Key, Answer> {
    call("a dispatcher");
    keys.iter().map(|key| (key.clone(), answer())).collect()
}

#[corio::dispatcher(ordered)]
pub(crate) fn ordered(keys: Vec<Key>) -> HashMap<Key, Answer> {
    call("a dispatcher");
    keys.into_iter().map(|key| (key, answer())).collect()
}

#[corio::dispatcher]
pub(crate) fn filled(keys: &[Key], answers: &mut Vec<Answer>) {
    for _ in keys {
        call("a dispatcher");
        answers.push(answer());
    }
}
