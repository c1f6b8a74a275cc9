//! A hasher for the numbers that corio assigns itself.
//!
//! No user input ever is such a key, so resistance against chosen keys is not needed and one
//! multiplication per number is enough.

use std::hash::{BuildHasherDefault, Hasher};

/// Builds the hasher of maps whose keys are numbers assigned by corio.
pub(crate) type ById = BuildHasherDefault<FibonacciHasher>;

/// Multiplies by 2⁶⁴ divided by the golden ratio (Fibonacci hashing).
#[derive(Default)]
pub(crate) struct FibonacciHasher(u64);

impl Hasher for FibonacciHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // Consecutive numbers get hashes that are far from each other.
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        // The upper half of the product depends on every bit of the number, but hash maps use the
        // lowest bits first.
        self.0.rotate_left(32)
    }
}
