//! Numbers that look random and follow from the seed, wherever code of the program runs:
//! destructors have nobody to ask. One program runs at a time, on one thread at a time.

use std::sync::atomic::{AtomicU64, Ordering};

static SEED: AtomicU64 = AtomicU64::new(0);
static STATE: AtomicU64 = AtomicU64::new(1);

pub(crate) fn begin(seed: u64) {
    SEED.store(seed, Ordering::Relaxed);
    STATE.store(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1, Ordering::Relaxed);
}

/// The seed of the program that runs.
pub(crate) fn seed() -> u64 {
    SEED.load(Ordering::Relaxed)
}

/// From 0 to `below - 1`.
pub(crate) fn random(below: u64) -> u64 {
    let mut next = STATE.load(Ordering::Relaxed);
    next ^= next << 13;
    next ^= next >> 7;
    next ^= next << 17;
    STATE.store(next, Ordering::Relaxed);
    (next >> 11) % below
}

/// An index of a list that is not empty.
pub(crate) fn random_index(len: usize) -> usize {
    random(len as u64) as usize
}
