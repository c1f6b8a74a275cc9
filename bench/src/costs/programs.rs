//! Programs of a shape of their own: some that were once quadratic, and places that take another
//! setting.

use std::rc::Rc;
use std::time::Duration;

use corio::Schedule;
use corio::sync::Notify;
use corio::testing::VirtualClock;

use super::{LONG, Memory, Row, SHORT, Time, nap, run};

const N: u64 = 500;

pub(super) fn rows() -> Vec<Row> {
    let row = |name: &str, memory, run: Box<dyn Fn(u64) + Sync>| Row {
        name: name.to_owned(),
        n: N,
        memory,
        run,
    };
    let unchanged = |schedule: Schedule<Time>| schedule;
    let one_task = |schedule: Schedule<Time>| schedule.max_tasks(2);
    vec![
        row(
            "gathered: n lose in one phase, one stays",
            Memory::OneStays,
            Box::new(move |n| run(unchanged, lose_in_one_phase(n))),
        ),
        row(
            "gathered, dedup: n lose in one phase, one stays",
            Memory::OneStays,
            Box::new(move |n| run(unchanged, lose_in_one_phase_dedup(n))),
        ),
        row(
            "gathered: n are served",
            Memory::All,
            Box::new(move |n| run(unchanged, are_answered(n))),
        ),
        row(
            "ordered, group_by: keys of two groups in turn, at once",
            Memory::All,
            Box::new(move |n| run(unchanged, ordered_groups(n))),
        ),
        row(
            "dedup, retry: n tried again among n newer ones",
            Memory::All,
            Box::new(move |n| run(unchanged, retried_among_newer(n))),
        ),
        row(
            "dedup: two in turn join a key on its way and give up",
            Memory::OneStays,
            Box::new(move |n| run(unchanged, two_at_a_hot_key(n))),
        ),
        row(
            "dedup: n join a key on its way and give up, one stays",
            Memory::OneStays,
            Box::new(move |n| run(unchanged, one_stays_at_a_hot_key(n))),
        ),
        row(
            "dedup: n keys, first askers gone, joined go in turn",
            Memory::All,
            Box::new(move |n| run(unchanged, joined_of_many_keys(n))),
        ),
        row(
            "virtual clock: n sleepers at n times",
            Memory::All,
            Box::new(move |n| run(unchanged, sleepers(n))),
        ),
        row(
            "held: keys of n that gave up",
            Memory::OneStays,
            Box::new(move |n| run(unchanged, keys_behind_a_held_queue(n))),
        ),
        row(
            "max_tasks: n give up waiting for room in turn",
            Memory::OneStays,
            Box::new(move |n| run(one_task, room_in_turn(n))),
        ),
        row(
            "max_tasks: n wait for room and give up",
            Memory::All,
            Box::new(move |n| run(one_task, room_together(n))),
        ),
        row(
            "max_tasks: n wait for room and are served",
            Memory::All,
            Box::new(move |n| run(one_task, room_served(n))),
        ),
        row(
            "max_tasks: one spawns n",
            Memory::OneStays,
            Box::new(move |n| run(one_task, room_for_one(n))),
        ),
        row("all!(limit): n children", Memory::All, Box::new(move |n| run(unchanged, window(n)))),
        row(
            "race!: n times between two",
            Memory::OneStays,
            Box::new(move |n| run(unchanged, many_races(n))),
        ),
        row(
            "try_all!: n, the last fails",
            Memory::All,
            Box::new(move |n| run(unchanged, last_fails(n))),
        ),
    ]
}

// ── gathered ──

#[corio::dispatcher]
fn echo(keys: &[u64]) -> Vec<u64> {
    keys.to_vec()
}

#[corio::dispatcher(dedup)]
fn echo_dedup(keys: &[u64]) -> Vec<u64> {
    keys.to_vec()
}

#[corio::task]
fn asks(key: u64) {
    io!(echo(key));
}

#[corio::task]
fn asks_dedup(key: u64) {
    io!(echo_dedup(key));
}

#[corio::task]
fn at_once() {}

/// All of them ask before anything is sent.
#[corio::task]
fn lose_in_one_phase(n: u64) {
    spawn!(asks(n));
    for key in 0..n {
        race!(asks(key), at_once());
    }
}

#[corio::task]
fn lose_in_one_phase_dedup(n: u64) {
    spawn!(asks_dedup(n));
    for key in 0..n {
        race!(asks_dedup(key), at_once());
    }
}

#[corio::task]
fn are_answered(n: u64) {
    for key in 0..n {
        spawn!(asks(key));
    }
}

// ── on their way, and behind what is ──

#[corio::dispatcher(ordered, group_by = |key: &u64| *key % 2)]
fn in_turn(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend(keys);
}

#[corio::task]
fn ordered_groups(n: u64) {
    io_all!((0..n).map(in_turn));
}

#[corio::dispatcher(dedup, retry(attempts = 3, when = |_: &u64| true))]
async fn flaky(clock: &VirtualClock, keys: &[u64]) -> Vec<Result<u64, u64>> {
    let is_first = clock.now() < SHORT;
    clock.sleep(LONG).await;
    keys.iter().map(|key| if is_first { Err(*key) } else { Ok(*key) }).collect()
}

#[corio::task(Time)]
fn asks_flaky(key: u64, later: Option<Rc<Notify>>) {
    if let Some(later) = later {
        call!(later.notified());
    }
    let _ = io!(flaky(key));
}

#[corio::task(Time)]
fn retried_among_newer(n: u64) {
    let later = Rc::new(Notify::new());
    for key in 0..n {
        spawn!(asks_flaky(key, None));
    }
    for key in n..2 * n {
        spawn!(asks_flaky(key, Some(later.clone())));
    }
    call!(nap(LONG / 2));
    later.notify_waiters();
}

#[corio::dispatcher(dedup)]
async fn hot(clock: &VirtualClock, keys: &[u64]) -> Vec<u64> {
    clock.sleep(LONG).await;
    keys.to_vec()
}

#[corio::task(Time)]
fn give_up_a_hot_key(n: u64, first: u64) {
    let _ = timeout!(Duration::from_millis(first), hot(0));
    for _ in 0..n {
        let _ = timeout!(Duration::from_millis(10), hot(0));
    }
}

#[corio::task(Time)]
fn two_at_a_hot_key(n: u64) {
    join!(give_up_a_hot_key(n, 10), give_up_a_hot_key(n, 15));
}

#[corio::task(Time)]
fn one_stays_at_a_hot_key(n: u64) {
    let stays = spawn!(task! { io!(hot(0)); });
    call!(give_up_a_hot_key(n, 1));
    call!(stays);
}

#[corio::task(Time)]
fn gives_up(key: u64, limit: u64) {
    let _ = timeout!(Duration::from_millis(limit), hot(key));
}

#[corio::task(Time)]
fn joined_of_many_keys(n: u64) {
    for key in 0..n {
        spawn!(gives_up(key, 1 + key));
    }
    for key in 0..n {
        spawn!(gives_up(key, 1 + n + key));
    }
}

#[corio::task(Time)]
fn sleepers(n: u64) {
    for number in 0..n {
        spawn!(nap(Duration::from_millis(number + 1)));
    }
}

#[corio::dispatcher]
async fn slow(clock: &VirtualClock, keys: &[Box<u64>]) -> Vec<u64> {
    clock.sleep(LONG).await;
    keys.iter().map(|key| **key).collect()
}

#[corio::task(Time)]
fn keys_behind_a_held_queue(n: u64) {
    spawn!(task!(move { io!(slow(Box::new(n))); }));
    call!(nap(SHORT));
    for key in 0..n {
        let _ = timeout!(SHORT, slow(Box::new(key)));
    }
}

// ── tasks ──

#[corio::task(Time)]
fn spawns(time: Duration) {
    spawn!(nap(time));
}

#[corio::task(Time)]
fn gives_up_spawning(limit: u64) {
    let _ = timeout!(Duration::from_millis(limit), spawns(LONG));
}

#[corio::task(Time)]
fn room_in_turn(n: u64) {
    spawn!(nap(LONG));
    spawn!(nap(LONG));
    for _ in 0..n {
        call!(gives_up_spawning(1));
    }
}

#[corio::task(Time)]
fn room_together(n: u64) {
    spawn!(nap(LONG));
    spawn!(nap(LONG));
    all!((0..n).map(|number| gives_up_spawning(1 + number)));
}

#[corio::task(Time)]
fn room_served(n: u64) {
    all!((0..n).map(|_| spawns(SHORT)));
}

#[corio::task(Time)]
fn room_for_one(n: u64) {
    for _ in 0..n {
        spawn!(nap(SHORT));
    }
}

#[corio::task(Time)]
fn window(n: u64) {
    all!(limit = 10, (0..n).map(|number| nap(Duration::from_millis(number % 7))));
}

#[corio::task(Time)]
fn many_races(n: u64) {
    for _ in 0..n {
        race!(nap(SHORT), nap(LONG));
    }
}

#[corio::task]
fn fails_if(key: u64, last: u64) -> Result<u64, u64> {
    let key = io!(echo(key));
    if key == last { Err(key) } else { Ok(key) }
}

#[corio::task]
fn last_fails(n: u64) {
    let _ = try_all!((0..n).map(|key| fails_if(key, n - 1)));
}
