//! TODO

mod mailbox;
mod table;

pub(crate) use mailbox::{Arrived, Post, Reader};
pub(crate) use table::{Flight, Flights, GONE, Part};
