//! For your own tests: time that passes when the test says so, and tasks in many orders.

mod clock;
mod explore;

pub use clock::VirtualClock;
pub use explore::{explore, explore_over};
