//! Hashing of what corio numbers itself: nobody from outside chooses such keys, so that one
//! multiplication is enough.

use std::hash::{BuildHasherDefault, Hasher};

/// For maps by the numbers of corio's own.
pub(crate) type ById = BuildHasherDefault<Multiplied>;

#[derive(Default)]
pub(crate) struct Multiplied(u64);

impl Hasher for Multiplied {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // Fibonacci hashing: numbers that follow on each other come to lie far from each other.
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        // The upper half depends on all of the number; maps look at the lowest bits first.
        self.0.rotate_left(32)
    }
}
