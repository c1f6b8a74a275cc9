//! For your own tests: time that passes when the test says so.

mod clock;

pub use clock::VirtualClock;
