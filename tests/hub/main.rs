//! The hub: dispatchers that runs and plain async code share. Most tests run on an executor of one
//! thread with virtual time, where every batch is known; those in `threads` do not.

mod asks;
mod drives;
mod faults;
mod inject;
mod options;
mod random;
mod rules;
mod runs;
mod threads;
mod trouble;
mod world;
