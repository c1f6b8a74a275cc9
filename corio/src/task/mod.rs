//! Tasks, and what a task can wait for: everything that the macros expand to, and the interface for
//! tasks without macros. Above [`runtime`](crate::runtime); executor and dispatchers know nothing
//! of this folder.
//!
//! | file | content |
//! |---|---|
//! | `traits` | [`IsTask`], [`Task`]: what a task is; [`AnyTask`], `TaskOver`: those of macros |
//! | `token` | [`Frame`], `Over`: witnesses of the context over which a task runs |
//! | `frame` | the methods of [`Frame`], which the macros expand to |
//! | `task_fn` | [`task_fn()`], [`Cx`]: tasks from async closures, without macros |
//! | `cx_future` | the futures that user code holds |
//! | `await_point` | `At`, `CallSite`: a waiting point and its source line |
//! | `answer` | waiting for an answer: `io!(r)`, a request in a set, a request as a task |
//! | `call` | `call!`: runs a task inside another, with a scope of its own |
//! | `boxed` | [`boxed()`]: calls of unknown depth, and their bound on the stack |
//! | `spawn`, `handle` | `spawn!`, and [`JoinHandle`], which waits for the result |
//! | `wait` | `wait!()`: waits for all spawned children |
//! | `foreign` | `wait!(future)`: waits for a future from outside of corio |
//! | `set` | `join!`, `try_join!`, `race!`, `all!`, `try_all!`, `io!(a, b)`, `io_all!` |
//! | `window` | `all!(limit = n, …)`: a set that runs a bounded number of children at a time |
//! | `for_each`, `source` | `for_each!`, `try_for_each!`: over an iterator or a stream |
//! | `cells`, `child_tuple`, `window_slots` | the memory of the children of sets and windows |
//! | `interrupt`, `timeout` | a task beside something that ends it early; `timeout!` |
//! | `cache` | `corio::cache`: tasks that change cached answers |
//!
//! # Terms
//!
//! - **Frame**: a token without size, in the body of a generated task. It witnesses that the code
//!   runs in a task of a run over the context `S`.
//! - **Over**: a token without size, by which a task over the context `S` is converted into its
//!   future. What is made with the token is used in runs over `S` only.
//! - **At**: the future that wraps whatever is awaited in a task, and records the line on demand.
//! - **Call site**: a source line of the user, passed as a closure without captures, so that it
//!   takes neither memory nor time until a stuck task is traced.
//! - **Scope**: the entry of the executor's tree below which children of a task live. A spawned
//!   task is its own scope; a `call!` opens one when it first spawns, a set when it is first
//!   polled.
//! - **Child**: a task or request that a task waits for; it ends, or is dropped, before its parent.
//! - **Set**: the owner's end of a fixed number of children: a future that starts all of them and
//!   gives their outputs.
//! - **Cell**: the place of one child in the block of its set. The cell holds the input, then the
//!   running child, then the output, in the same memory.
//! - **Input** and **body**: what a child is made from, and how the child runs in its cell
//!   (`ChildBody` of the executor).
//! - **Children**: the cells of a set together: `ChildVec` for any number of one type, `ChildTuple`
//!   for up to eight types.
//! - **Policy**: when a set is over: `WaitAll`, `FirstErr` or `FirstDone`. An output on which the
//!   policy ends the set early *short-circuits* the set; all siblings are dropped then.
//! - **Interrupt**: a second child beside a task, which ends the set of the two before the task has
//!   ended: a time limit, or an error group that was stopped.
//! - **JoinHandle**: owns the interest in the result of a spawned task.
//! - **Permit**: leave to spawn one more task, under the limit of the schedule.
//!
//! # Invariants
//!
//! - No user code can hold, and so forget, a future whose children borrow from its frame: such
//!   futures go from generated code to the executor through sealed methods. What user code can hold
//!   ([`Cx`]) has children that borrow nothing.
//! - A set closes its scope before it clears its cells: no child is in the tree when its memory is
//!   dropped.
//! - A future of this folder is polled in the run that it was made in, and by its own task. Futures
//!   that user code can hold check both.
//! - What is awaited in a generated task is awaited in the expression that makes it; the answer to
//!   a request therefore needs no slot with the task.

mod answer;
mod await_point;
mod boxed;
pub mod cache;
mod call;
mod cells;
mod child_tuple;
mod cx_future;
mod for_each;
mod foreign;
mod frame;
mod handle;
mod interrupt;
mod set;
mod source;
mod spawn;
mod task_fn;
mod timeout;
mod token;
mod traits;
mod wait;
mod window;
mod window_slots;

pub use await_point::here;
pub use boxed::{Boxed, boxed};
pub(crate) use call::Call;
pub(crate) use frame::Child;
pub(crate) use frame::task_with;
pub use frame::{any_task, returns, task};
pub use handle::JoinHandle;
pub(crate) use interrupt::{Interrupt, until};
pub use task_fn::{Cx, LocalCx, task_fn, task_fn_local};
pub use token::Frame;
pub(crate) use token::Over;
pub(crate) use traits::Sealed;
pub use traits::{AnyTask, IsTask, SendTask, Task, TaskOver};
