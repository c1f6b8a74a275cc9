//! Numbers that look random and follow from the seed, wherever code of the program runs:
//! destructors have nobody to ask but the thread.

use std::cell::Cell;

thread_local! {
    static SEED: Cell<u64> = const { Cell::new(0) };
    static STATE: Cell<u64> = const { Cell::new(1) };
}

pub(crate) fn begin(seed: u64) {
    SEED.set(seed);
    STATE.set(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
}

/// The seed of the program that runs.
pub(crate) fn seed() -> u64 {
    SEED.get()
}

/// From 0 to `below - 1`.
pub(crate) fn random(below: u64) -> u64 {
    let mut next = STATE.get();
    next ^= next << 13;
    next ^= next >> 7;
    next ^= next << 17;
    STATE.set(next);
    (next >> 11) % below
}

/// An index of a list that is not empty.
pub(crate) fn random_index(len: usize) -> usize {
    random(len as u64) as usize
}
