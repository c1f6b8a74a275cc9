//! The one seam through which a run can be watched. Free where nobody watches: one test of a flag.
//!
//! | file | |
//! |---|---|
//! | `event.rs` | what can happen in a run, and the numbers that tasks have in events |
//! | `observer.rs` | who hears of it, and the list of observers of a schedule and of a run |
//! | `log.rs` | a readable log of the batches, which tests compare with text |
//! | `panics.rs` | where a panic came from, on standard error |
//!
//! Observers are code of the user: they are called while nothing of a run is borrowed, and may
//! panic, wake tasks and cancel the run.

mod event;
mod log;
mod observer;
mod panics;

pub use event::{Event, TaskId};
pub use log::Log;
pub(crate) use log::Sent;
pub use observer::Observer;
pub(crate) use observer::{BoxedObserver, Observers};
pub use panics::print_panics;
