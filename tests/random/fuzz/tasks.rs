//! Tasks by macros: children of all kinds, of which some lose, panic when they are dropped, or are
//! written by hand.

use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use corio::boxed;

use super::by_hand::by_hand;
use super::dispatchers::{later, now, slots};
use super::filled::Filled;
use super::random::random;

/// Panics when it is dropped, now and then.
pub(crate) struct Throws(bool);

impl Throws {
    pub(crate) fn now_and_then() -> Self {
        Throws(random(60) == 0)
    }
}

impl Drop for Throws {
    fn drop(&mut self) {
        if self.0 && !thread::panicking() {
            resume_unwind(Box::new("in a destructor"));
        }
    }
}

/// A task that waits in several ways, of children below it. At depth 0 it has none.
#[corio::task(())]
pub(crate) fn waits<const N: usize>(depth: u64) -> Filled<N> {
    let own = Filled::<N>::new();
    let _throws = Throws::now_and_then();
    for _ in 0..random(3) {
        match random(if depth == 0 { 3 } else { 9 }) {
            0 => io!(now(1)).check(),
            1 => io!(later(1)).check(),
            2 => drop(timeout!(Duration::from_millis(1), slots(1))),
            3 => drop(race!(waits::<4>(depth - 1), waits::<4>(depth - 1), asks_and_gives())),
            4 => drop(join!(waits::<5>(depth - 1), later(2), waits::<6>(depth - 1))),
            5 => drop(all!((0..random(4)).map(|_| waits::<7>(depth - 1)))),
            6 => race!(
                by_hand(depth - 1),
                task!({
                    io!(now(1));
                })
            ),
            7 => drop(call!(nests::<16>(random(100), depth - 1))),
            _ => drop(spawn!(waits::<8>(depth - 1))),
        }
        own.check();
    }
    own
}

#[corio::task]
fn asks_and_gives() -> Filled<4> {
    io!(now(1));
    Filled::new()
}

/// One call within the other, and at the bottom something that waits.
#[corio::task(())]
fn nests<const N: usize>(calls: u64, depth: u64) -> Filled<N> {
    let own = Filled::<N>::new();
    if calls > 0 {
        call!(nests::<N>(calls - 1, depth)).check();
    } else {
        call!(boxed(either::<N>(depth))).check();
    }
    own
}

/// Beneath it one written by hand, or not.
#[corio::task(())]
pub(crate) fn either<const N: usize>(depth: u64) -> Filled<N> {
    if random(2) == 0 {
        call!(by_hand(depth));
    }
    call!(waits::<N>(depth))
}
