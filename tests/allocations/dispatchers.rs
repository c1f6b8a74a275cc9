//! What a batch takes, by the way in which its dispatcher answers and by what its options do.
//! Nothing is for each request in it: but lists that are not kept from batch to batch double as
//! requests come, and maps that are trees have nodes.

use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::mem;
use std::task::Poll;

use corio::{Batch, cache};
use expect_test::expect;

use crate::count::{each, table};

/// A line for each dispatcher: the allocations of a batch of one request, of a batch of a hundred,
/// and what it is.
macro_rules! batches {
    ($($dispatcher:ident: $what:literal)*) => {{
        let mut table = String::from("\nof  1   100  requests\n");
        $({
            #[corio::task]
            fn program(batches: usize, requests: usize) {
                for batch in 0..batches {
                    for request in 0..requests {
                        spawn!(asks_in_vain((batch * requests + request) as u64));
                    }
                    wait!();
                }
            }

            /// What comes of it is not looked at.
            #[corio::task]
            fn asks_in_vain(key: u64) {
                let _answer = io!($dispatcher(key));
            }

            let (one, hundred) = (each(|times| program(times, 1)), each(|times| program(times, 100)));
            table.push_str(&format!("{one:>5} {hundred:>5}  {}\n", $what));
        })*
        table
    }};
}

#[corio::dispatcher]
fn fills(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend_from_slice(keys);
}

#[corio::dispatcher]
fn list(keys: &[u64]) -> Vec<u64> {
    keys.to_vec()
}

#[corio::dispatcher]
fn list_of_owned(keys: Vec<u64>) -> Vec<u64> {
    keys
}

#[corio::dispatcher]
fn results(keys: &[u64]) -> Vec<Result<u64, ()>> {
    keys.iter().map(|key| Ok(*key)).collect()
}

#[corio::dispatcher]
fn result(keys: &[u64]) -> Result<Vec<u64>, ()> {
    Ok(keys.to_vec())
}

#[corio::dispatcher]
fn error(_keys: &[u64]) -> Result<Vec<u64>, ()> {
    Err(())
}

#[corio::dispatcher]
fn map(keys: &[u64]) -> HashMap<u64, u64> {
    let mut map = HashMap::with_capacity(keys.len());
    map.extend(keys.iter().map(|key| (*key, *key)));
    map
}

#[corio::dispatcher]
fn tree(keys: &[u64]) -> BTreeMap<u64, u64> {
    keys.iter().map(|key| (*key, *key)).collect()
}

#[corio::dispatcher]
fn slots(batch: Batch<u64, u64>) {
    for slot in batch {
        slot.answer_with(|key| key);
    }
}

#[corio::dispatcher]
async fn later_fills(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend_from_slice(keys);
}

#[corio::dispatcher]
async fn later_list(keys: &[u64]) -> Vec<u64> {
    keys.to_vec()
}

/// Wakes itself, and goes on when it is polled again.
async fn pending_once() {
    let mut is_first = true;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

#[corio::dispatcher]
async fn woken_list(keys: &[u64]) -> Vec<u64> {
    pending_once().await;
    keys.to_vec()
}

#[corio::dispatcher]
async fn later_slots(batch: Batch<u64, u64>) {
    for slot in batch {
        slot.answer_with(|key| key);
    }
}

#[corio::dispatcher(blocking)]
fn on_a_pool(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend_from_slice(keys);
}

#[test]
fn ways_to_answer() {
    let table = batches! {
        fills: "&[K], &mut Vec<R>"
        list: "&[K] -> Vec<R>: the list"
        list_of_owned: "Vec<K> -> Vec<R>: the keys are given away, and gather in a new list"
        results: "&[K] -> Vec<Result<R, E>>: the list"
        result: "&[K] -> Result<Vec<R>, E>: the list"
        error: "&[K] -> Err(E)"
        map: "&[K] -> HashMap<K, R>: the map"
        tree: "&[K] -> BTreeMap<K, R>: the map, and one of the keys"
        slots: "Batch<K, R>: the list of slots, their way back with its reader, and the list of what comes by it"
        later_fills: "async &[K], &mut Vec<R>: the future, the list"
        later_list: "async &[K] -> Vec<R>: the same"
        woken_list: "async &[K] -> Vec<R>, pending once: the same"
        later_slots: "async Batch<K, R>: as Batch, and the future"
    };
    expect![[r#"

        of  1   100  requests
            0     0  &[K], &mut Vec<R>
            1     1  &[K] -> Vec<R>: the list
            1     6  Vec<K> -> Vec<R>: the keys are given away, and gather in a new list
            1     1  &[K] -> Vec<Result<R, E>>: the list
            1     1  &[K] -> Result<Vec<R>, E>: the list
            0     0  &[K] -> Err(E)
            1     1  &[K] -> HashMap<K, R>: the map
            2    27  &[K] -> BTreeMap<K, R>: the map, and one of the keys
            4     4  Batch<K, R>: the list of slots, their way back with its reader, and the list of what comes by it
            2     2  async &[K], &mut Vec<R>: the future, the list
            2     2  async &[K] -> Vec<R>: the same
            2     2  async &[K] -> Vec<R>, pending once: the same
            5     5  async Batch<K, R>: as Batch, and the future
    "#]]
    .assert_eq(&table);
}

/// The job, what waits for it, and the list of results. How long what the pool keeps of its jobs
/// gets is up to when they end.
#[test]
fn a_blocking_batch() {
    #[corio::task]
    fn program(batches: usize, requests: u64) {
        for _ in 0..batches {
            io_all!((0..requests).map(on_a_pool));
        }
    }

    for requests in [1, 100] {
        let batch = each(|batches| program(batches, requests));
        assert!(
            batch.is_at_most(4),
            "{batch} allocations on this thread for a batch of {requests}, of which one is for the results"
        );
    }
}

#[corio::dispatcher(max_batch = 10)]
fn split(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend_from_slice(keys);
}

#[corio::dispatcher(max_in_flight = 4)]
fn four_in_flight(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend_from_slice(keys);
}

#[corio::dispatcher(group_by = |key| key % 2)]
fn grouped(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend_from_slice(keys);
}

#[corio::dispatcher(ordered)]
fn ordered(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend_from_slice(keys);
}

#[corio::dispatcher(dedup)]
fn distinct(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend_from_slice(keys);
}

#[corio::dispatcher(cache)]
fn kept(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend_from_slice(keys);
}

#[corio::dispatcher(cache = "schedule", by = || (), capacity = 10)]
fn kept_ten(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend_from_slice(keys);
}

#[corio::dispatcher(retry(attempts = 2, when = |_: &()| true))]
fn tried(keys: &[u64], answers: &mut Vec<Result<u64, ()>>) {
    answers.extend(keys.iter().map(|key| Ok(*key)));
}

#[corio::dispatcher(retry(attempts = 2, when = |_: &()| true))]
fn tried_twice(keys: &[u64], answers: &mut Vec<Result<u64, ()>>) {
    answers.extend(keys.iter().map(|_| Err(())));
}

#[corio::dispatcher(timeout = "1h")]
async fn timed(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend_from_slice(keys);
}

#[corio::dispatcher(faults = "error")]
fn faulty(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend_from_slice(keys);
}

#[corio::dispatcher(faults = "error")]
async fn later_faulty(keys: &[u64]) -> Vec<u64> {
    pending_once().await;
    keys.to_vec()
}

#[corio::dispatcher(faults = "error")]
fn at_fault(_keys: &[u64], _answers: &mut Vec<u64>) {}

#[corio::dispatcher(show_keys)]
fn shown(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend_from_slice(keys);
}

#[test]
fn options() {
    let table = batches! {
        split: "max_batch = 10: a list of the parts"
        four_in_flight: "max_in_flight = 4"
        grouped: "group_by, of two groups"
        ordered: "ordered"
        distinct: "dedup"
        kept: "cache"
        kept_ten: "cache = \"schedule\", capacity = 10"
        tried: "retry, not used"
        tried_twice: "retry, used once: those who ask again"
        timed: "timeout, of an async fn that fills: as that"
        faulty: "faults = \"error\": a list of answers that are no `Result`s"
        later_faulty: "faults = \"error\", of an async fn that is pending once: the future, and the same"
        at_fault: "faults = \"error\", of a batch without answers"
        shown: "show_keys"
    };
    expect![[r#"

        of  1   100  requests
            0     1  max_batch = 10: a list of the parts
            0     0  max_in_flight = 4
            0     0  group_by, of two groups
            0     0  ordered
            0     0  dedup
            0     0  cache
            0     0  cache = "schedule", capacity = 10
            0     0  retry, not used
            3    13  retry, used once: those who ask again
            2     2  timeout, of an async fn that fills: as that
            1     1  faults = "error": a list of answers that are no `Result`s
            2     2  faults = "error", of an async fn that is pending once: the future, and the same
            0     0  faults = "error", of a batch without answers
            0     0  show_keys
    "#]]
    .assert_eq(&table);
}

#[test]
fn keys_that_are_known() {
    let table = table! {
        "three equal keys with dedup" => { io!(distinct(1), distinct(1), distinct(1)); }
        "an answer from the cache of a run" => { io!(kept(1)); }
        "an answer from the cache of a schedule" => { io!(kept_ten(1)); }
        "call!(cache::prime(r, answer))" => { call!(cache::prime(kept(1), 1)); }
        "call!(cache::invalidate(r)) of what is not there" => { call!(cache::invalidate(kept(1))); }
        "call!(cache::prime(r, answer)); call!(cache::invalidate(r))" => { call!(cache::prime(kept(1), 1)); call!(cache::invalidate(kept(1))); }
        "call!(cache::prime(r, answer)); call!(cache::clear(r))" => { call!(cache::prime(kept(1), 1)); call!(cache::clear(kept)); }
    };
    expect![[r#"

        takes
            0  three equal keys with dedup
            0  an answer from the cache of a run
            0  an answer from the cache of a schedule
            0  call!(cache::prime(r, answer))
            0  call!(cache::invalidate(r)) of what is not there
            0  call!(cache::prime(r, answer)); call!(cache::invalidate(r))
            0  call!(cache::prime(r, answer)); call!(cache::clear(r))
    "#]]
    .assert_eq(&table);
}
