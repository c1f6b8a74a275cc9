//! TODO

mod answer_now;
mod block_on;
mod config;
pub(crate) mod current;
mod executor_thread;
mod future_set;
mod inbox;
mod run;
mod shuffle;
mod sleep;
mod state;

pub(crate) use block_on::block_on;
pub(crate) use config::RunConfig;
pub(crate) use executor_thread::Polling;
pub(crate) use run::{Run, Turn};
pub(crate) use sleep::Sleep;
pub(crate) use state::{RunRef, RunState};
