//! One run: an executor and a set of dispatchers, put together and turned until the root task ends.
//!
//! [`executor`](crate::executor) and [`dispatch`](crate::dispatch) are sans-I/O. This folder
//! supplies what both of them leave out: the cycle, clocks, wakers, futures of asynchronous
//! dispatchers, the sleeping thread, and the thread-local through which code in a task finds its
//! run.
//!
//! | file | content |
//! |---|---|
//! | `run` | [`Run`]: the cycle, turned from outside; deadline, cancellation, panics |
//! | `run/arrivals` | what comes from outside, handled between two phases |
//! | `state` | [`RunState`]: executor, dispatchers, timers, inbox |
//! | `run_ref` | [`RunRef`]: refers to a run from outside, on any thread |
//! | `run_wake` | [`RunWake`]: the wakers of futures, and of tasks that wait for one from outside |
//! | `outside_wait` | [`OutsideWait`]: a task waits for something from outside |
//! | `task_of` | [`TaskOf`]: a spawned task, with the type of its output |
//! | `current` | the thread-local pointer to the run state that is being turned |
//! | `answer_now` | the fast path that answers a request without suspending the task |
//! | `shuffle` | the seeded order of tasks, for tests |
//! | `config` | [`RunConfig`]: settings of the runs of a schedule |
//! | `inbox` | events from outside the run, from any thread |
//! | `owed_nudges` | owners of runs that are to be woken when a primitive is no longer borrowed |
//! | `future_set` | futures of asynchronous dispatchers, each with its waker |
//! | `sleep` | [`Sleep`]: wakes the owner of a run at a time |
//! | `block_on` | turns a run on the calling thread |
//! | `executor_thread` | whether the calling thread polls futures for an executor |
//!
//! # Terms
//!
//! - **Run**: a root task and all tasks below it, from the beginning to the end. Each run of a
//!   process has a number; 0 stands for "no run".
//! - **Run state**: what a run needs and its schedule caches from run to run. The run takes the
//!   state out of the schedule and returns it when nothing of the run is left.
//! - **Turn**: one call of [`Run::turn`]. A turn lasts until the run is over, has to wait for
//!   something outside, or has used the budget of resumes of this call.
//! - **Phase**: a part of the cycle. In the *CPU phase* tasks run; in the *I/O phase* batches leave
//!   and arrivals are taken. The cycle is quiescent between the two: no task can run.
//! - **Who turns a run**: the owner of the `Run`. [`block_on()`] turns it on the calling thread;
//!   `RunAsync` turns it whenever an executor polls the future.
//! - **Inbox**: where wakers and completions of other threads leave word. The owner of the run
//!   sleeps on the inbox.
//! - **Arrivals**: the content of the inbox, taken as a whole once per cycle.
//! - **Inline budget**: how many requests the run may still answer on the spot in this CPU phase;
//!   0 unless the running task is the only thing that is going on.
//!
//! # Invariants
//!
//! - What is a part of a run is touched by the thread that turns or drops it, and by no other; runs
//!   go from thread to thread between two turns. Other threads see the inbox alone.
//! - A run is turned by one thread at a time, and its state is current (`current`) on that thread
//!   exactly while a turn or the teardown lasts. Runs nest: a task may run another schedule.
//! - All tasks of a run are dropped before its state returns to the schedule. A run that is
//!   forgotten keeps its state, so tasks whose borrows have ended are never resumed.
//! - No borrow of the run state is held while code of the user runs: tasks, dispatchers, clocks,
//!   wakers, destructors.
//! - A panic ends the run. Everything is torn down first; the first panic then leaves the turn.

mod answer_now;
mod block_on;
mod config;
pub(crate) mod current;
mod executor_thread;
mod future_set;
mod inbox;
mod outside_wait;
mod owed_nudges;
mod run;
mod run_ref;
mod run_wake;
mod shuffle;
mod sleep;
mod state;
mod task_of;

pub(crate) use block_on::block_on;
pub(crate) use config::{RunConfig, RunSettings};
pub(crate) use executor_thread::Polling;
pub(crate) use future_set::FutureSet;
pub(crate) use inbox::Inbox;
pub(crate) use outside_wait::OutsideWait;
pub(crate) use owed_nudges::give_owed_nudges;
pub(crate) use run::{Run, Turn};
pub(crate) use run_ref::RunRef;
pub(crate) use run_wake::RunWake;
pub(crate) use sleep::Sleep;
pub(crate) use state::RunState;
pub(crate) use task_of::TaskOf;
