//! The executor: which tasks exist, which of them can run, and which wait for the end of others.
//!
//! The executor knows no requests and no batches, and is sans-I/O: no clock, thread or waker is
//! used here. The run loop (`crate::runtime`) resumes ready tasks until none is ready, and does
//! something else then, such as sending batches.
//!
//! | file | is |
//! |---|---|
//! | `state` | `Executor`: the state, and what the run loop and the running task do with it |
//! | `inline` | a task that steps aside while its request is answered inline |
//! | `complete` | completion: what the return of a body and the end of a task entail |
//! | `remove` | removal of subtrees, and the end of a run |
//! | `tree` | the slab of all entries, with their links |
//! | `id` | `Id`: index and generation of an entry |
//! | `flag` | the flags of an entry |
//! | `ready_queue` | the tasks that can run, first in, first out |
//! | `body` | what an entry runs, type-erased; spawned tasks |
//! | `child_cell` | the children of sets, in the block of their set; the policy of a set |
//! | `leaf` | children that are no coroutine, through a safe trait |
//! | `coroutine` | the `genawaiter` coroutine of a task |
//! | `pool` | memory for bodies and sets |
//! | `call_depth` | how deeply calls are nested on the stack |
//! | `task_limit` | the counter of live tasks, and the queue of tasks that wait to spawn |
//! | `spawn_limit` | waiting for the task limit |
//! | `wait_reason` | the data of a traced wait |
//! | `inspect` | tracing what a task waits for, and at which await points |
//! | `deadlock` | finding stuck tasks and the cycles among them |
//! | `deadlock_report` | `Deadlock`, the report for users, and its text |
//! | `events` | events for observers, and paths of task names for messages |
//! | `task_numbers` | the numbers by which observers know tasks |
//!
//! # Terms
//!
//! - **entry**: a node of the tree. Either a body or a scope.
//! - **body**: what an entry runs: the coroutine of a task, or another child of a set, such as a
//!   request.
//! - **scope**: an entry without a body, which groups the children of a `call!` or of a set; owned
//!   by the task that opened the scope.
//! - **set**: children that a task starts together and waits for together (`all!`, `join!`,
//!   `race!`, …). The *policy* of the set says whether the output of a child *decides* the set, so
//!   that the siblings are removed.
//! - **ready**: of a task, that the task can go on and is in the ready queue.
//! - **resume**: to run a body until the body waits or returns. **CPU phase**: a sequence of
//!   resumes between two turns of the run loop, of limited number.
//! - **park**: to declare that the running task is about to wait for something of corio. A task
//!   that is pending without having parked waits for a **foreign future**, which is an error.
//! - **return** and **end**: a body *returns* when its output is there; an entry *ends* when its
//!   body has returned and its children have ended. A spawned task that has ended is *done*, and
//!   stays in the tree with its output until the handle takes or drops the output.
//! - **remove**: to take a subtree out of the tree and drop its bodies before they have ended.
//! - **joiner**: the task that waits on the handle of another task.
//! - **trace**: to resume a task only to record what the task waits for.
//!
//! # Invariants
//!
//! - Tasks are resumed in the order in which they became ready, unless the run loop shuffles them,
//!   and only by the run loop, never from within another task.
//! - A task ends after its children. The task that waits for children is woken when their list is
//!   empty. A child that decides its set has its siblings removed.
//! - No borrow of the tree is held while a body or a destructor runs: both may call the executor.
//! - All entries of a subtree are out of the tree before the first destructor of a removal runs,
//!   and children are dropped before their parents.
//! - A body is owned by its entry or by the code that ends the body, and is dropped once; its block
//!   is freed once, to the pool of its run.
//! - An id never matches another entry than the one that the id was made for.

mod body;
mod call_depth;
mod child_cell;
mod complete;
mod coroutine;
mod deadlock;
mod deadlock_report;
mod events;
mod flag;
mod id;
mod inline;
mod inspect;
mod leaf;
mod pool;
mod ready_queue;
mod remove;
mod spawn_limit;
mod state;
mod task_limit;
mod task_numbers;
mod tree;
mod wait_cause;
mod wait_reason;

pub(crate) use body::ChildBody;
pub(crate) use child_cell::{ChildCell, SetPolicy};
pub(crate) use coroutine::Coroutine;
pub use deadlock_report::{Deadlock, StuckTask};
pub(crate) use id::Id;
pub(crate) use leaf::{Leaf, LeafBody, MapOutput, MappedBody};
pub(crate) use pool::{BlockOf, Pool};
pub(crate) use state::Executor;
pub use wait_cause::WaitCause;
pub(crate) use wait_reason::{AwaitPoint, WaitReason};
