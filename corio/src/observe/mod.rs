//! TODO

mod event;
mod log;
mod observer;

pub use event::{Event, TaskId};
pub use log::Log;
pub(crate) use log::Sent;
pub use observer::Observer;
pub(crate) use observer::Observers;
