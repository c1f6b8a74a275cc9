//! TODO

mod body;
mod call_depth;
mod complete;
mod coroutine;
mod deadlock;
mod deadlock_report;
mod events;
mod id;
mod inspect;
mod pool;
mod ready_queue;
mod remove;
mod spawn_limit;
mod state;
mod task_limit;
mod task_numbers;
mod tree;
mod wait_reason;

pub(crate) use body::{ChildBody, ChildCell, SetPolicy};
pub(crate) use coroutine::Coroutine;
pub use deadlock_report::{Deadlock, StuckTask};
pub(crate) use id::Id;
pub(crate) use pool::{BlockOf, Pool};
pub(crate) use state::Executor;
pub(crate) use wait_reason::{AwaitPoint, WaitReason};
