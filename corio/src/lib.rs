#![doc = include_str!("../README.md")]

mod advice;
mod assertions;
mod at_once;
mod cancel;
mod cell;
mod context;
mod core;
mod deadlock;
mod desk;
mod drivers;
mod engine;
mod error;
mod log;
mod names;
mod observe;
mod outside;
mod run;
mod schedule;
mod shuffle;
mod sweep;
mod task;
mod terms;
mod thread;
mod time;

pub mod sync;
pub mod testing;

pub use cancel::CancelToken;
pub use context::{AnyContext, AsContext, Provide};
pub use corio_macros::{Context, dispatcher, task};
pub use deadlock::{Deadlock, StuckTask};
pub use desk::{
    Answers, Batch, Dispatch, DispatcherId, Faulty, FaultyEach, FutureRequest, Groups, Options, Partition, Request, RequestError, Requests, Retry, Slot,
    future, groups,
};
pub use drivers::RunAsync;
pub use error::Error;
pub use log::Log;
pub use observe::{Event, Observer, TaskId};
pub use schedule::Schedule;
pub use task::{AnyTask, Boxed, Cx, Handle, IsTask, Task, boxed, cache, task_fn};
pub use time::{Clock, Elapsed};

/// What the macros expand to. Not for use by hand: it can change at any time, and its rules are not checked.
#[doc(hidden)]
pub mod __private {
    pub use crate::context::{AnyContext, piece};
    pub use crate::desk::{FailingAnswer, Probe, ProbeAny, ProbeResult, answers, each_answer, groups, is_transient, is_transient_fault, plain_answer};
    pub use crate::outside::needs_blocking;
    pub use crate::task::{Frame, any_task, here, returns, task};
    pub use crate::testing::batches::{Clause, assert_batches};
}
