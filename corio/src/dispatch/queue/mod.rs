//! TODO

mod answer_now;
mod backlog;
mod coalesce;
mod complete;
mod completion;
mod deliver;
mod drop_counters;
mod grouped;
mod pending;
mod send;
mod state;
mod withdraw;

pub(crate) use send::Outlet;
pub(crate) use state::{BufOf, OwnsQueue, Queue};
