//! What goes by seeds: programs and orders at random, and a panic at every place.
//!
//! All tests share a process, and run at the same time on several threads: whatever one of them
//! counts or sets is its thread's.

mod fuzz;
mod inject;
mod model;
mod properties;
mod queues;
mod shuffle;
