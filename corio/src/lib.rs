#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod assertions;
mod context;
mod dispatch;
mod error;
mod executor;
mod hub;
mod macros;
mod observe;
mod runtime;
mod schedule;
mod task;
mod util;

pub mod sync;
pub mod testing;

pub use context::{AnyContext, AsContext, Provide};
pub use corio_macros::{Context, dispatcher, task};
pub use dispatch::{
    AnsweredKeys, Answers, Batch, Dispatch, DispatcherId, Faulty, FaultyEach, FutureRequest,
    Groups, Keys, Options, Partition, Request, RequestError, Requests, Retry, Slot, Unavailable,
    future, groups,
};
pub use error::Error;
pub use executor::{Deadlock, StuckTask, WaitCause};
pub use hub::{
    Ask, DispatcherSnapshot, Drive, Hub, HubSnapshot, SharedDispatch, Shutdown, Work, spawn,
};
pub use observe::{Event, Log, Observer, TaskId, print_panics};
pub use schedule::{Config, RunAsync, RunOptions, Schedule};
pub use task::{
    AnyTask, Boxed, Cx, IsTask, JoinHandle, LocalCx, SendTask, Task, TaskOver, boxed, cache,
    task_fn, task_fn_local,
};
pub use util::{CancellationToken, Clock, Elapsed};

/// What the macros expand to. Not for use by hand: it can change at any time, and its rules are not
/// checked.
#[doc(hidden)]
pub mod __private {
    pub use crate::context::{AnyContext, piece};
    pub use crate::dispatch::{
        FailingAnswer, Flow, Probe, ProbeAny, ProbeResult, answer_async, answer_owned_async,
        answers, batch_async, batch_async_send, batch_with, each_answer, flow, groups,
        is_transient, is_transient_fault, plain_answer,
    };
    pub use crate::macros::needs_blocking;
    pub use crate::task::{Frame, any_task, here, returns, task};
    pub use crate::testing::batches::{Clause, assert_batches};
}
