#![doc = include_str!("../README.md")]

mod context;
mod core;
mod desk;
mod drivers;
mod engine;
mod error;
mod names;
mod observe;
mod outside;
mod run;
mod schedule;
mod sweep;
mod task;
mod thread;

pub mod sync;

pub use context::{AnyContext, AsContext, Provide};
pub use corio_macros::{Context, dispatcher, task};
pub use desk::{Answers, Batch, Dispatch, DispatcherId, Options, Request, Requests, Slot};
pub use drivers::RunAsync;
pub use error::Error;
pub use observe::{Event, Log, Observer, TaskId};
pub use schedule::Schedule;
pub use task::{AnyTask, Boxed, Cx, Handle, IsTask, Task, boxed, task_fn};

/// What the macros expand to. Not for use by hand: it can change at any time, and its rules are not checked.
#[doc(hidden)]
pub mod __private {
    pub use crate::context::AnyContext;
    pub use crate::desk::answers;
    pub use crate::task::{Frame, any_task, returns, task};
}
