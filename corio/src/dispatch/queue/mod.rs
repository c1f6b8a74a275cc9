//! The queue of one dispatcher: requests gather, leave as batches, and come back as answers.
//!
//! A [`Queue`] knows neither tasks nor its dispatcher: the asker of a request is a `Waiter`,
//! batches go to an [`Outlet`], and answers end up in the list of ready batches that all queues
//! share.
//!
//! # The life of a request
//!
//! ```text
//!   ask       coalesce       send          begin       push_ready   take_back
//!    │            │            │             │              │           │
//!    ▼            ▼            ▼             ▼              ▼           ▼
//! gathered ──► coalesced ──► sent ────► in flight ──────► ready ──► delivered
//!    │           │ │ ▲        │ │           │ │             ▲
//!    │           │ │ └requeued┴─┼───────────┘ │             │
//!    │           │ │            └─────────────┼─────────────┤ answered in place
//!    │           │ └──────────────────────────┼─────────────┘ cache hit; follower, with its leader
//!    ▼           ▼                            ▼
//!      withdrawn                          abandoned
//! ```
//!
//! - *Gathered*: asked, and not examined yet. Without dedup, groups and order nothing else happens
//!   before sending: the buffer leaves as it is (the *fast path*).
//! - *Coalesced*: with dedup, looked up in the cache and among the pending keys. A request whose
//!   key is cached is ready. A request whose key is pending becomes a *follower*. Any other request
//!   is a *leader*: it gets a sequence number and is sent. Without dedup this stage does not exist.
//! - *Sent*: handed to the outlet as part of a batch.
//! - *In flight*: the dispatcher answers later (by a future, a thread pool, slots). The waiters
//!   stay in the in-flight table; only keys go out. A batch that is answered in place skips this
//!   stage.
//! - *Ready*: answered; the batch waits for its delivery to tasks.
//! - *Delivered*: every waiter of the batch has run; its buffer is back in the pool.
//! - *Requeued*: to be retried. The request enters the backlog, at once or after a pause, in front
//!   of all requests that were asked after it.
//! - *Withdrawn*: dropped before it was sent, as no live task waits for it, or as the cache was
//!   primed with its key.
//! - *Abandoned*: dropped in flight, as no live task waits for any request of the batch. The future
//!   of the batch is dropped; late answers are discarded.
//!
//! A request whose answer is a fault of its batch is ready with the fault as its answer if the
//! dispatcher has `faults_as_errors`; without that option the fault ends the run.
//!
//! # Files
//!
//! - `state`: the struct [`Queue`], asking, and clearing after a run.
//! - `pending`: all requests that wait to be sent. `backlog`: those in the order of their sequence
//!   numbers. `grouped`: a backlog and a limit for each group of keys.
//! - `coalesce`: cache look-up and dedup before sending; priming and invalidating the cache.
//! - `send`: what may leave, how it is put together, and how a batch gets in flight.
//! - `answer_now`: a batch of one, sent and answered while its task runs.
//! - `complete`: answers, time-outs and panics of batches. `completion`: sorts the outcomes of one
//!   batch into answers and retries.
//! - `withdraw`, `drop_counters`: what happens when tasks are dropped.
//! - `deliver`: the queue's part in a delivery, which does not know the type of the answers.
//!
//! # Terms
//!
//! - *Sequence number* (`Seq`): the position of a request in the order of asking. Only queues with
//!   dedup or `ordered` number their requests. With dedup the number also finds the pending key.
//! - *Pending key*: a key whose leader is queued or in flight, with the followers of that leader.
//! - *Quota*: the batches in flight as limits count them. The parts of a batch that exceeded
//!   `max_batch` count as one; an unbatched request (`corio::future`) does not count.
//! - *Held*: kept back by a limit or by the barrier of `barrier()`.
//! - *Paused*: waiting for an alarm, before it is retried.
//! - *Watcher*: a live waiter through which a batch in flight is known to be wanted.
//! - *Drop epoch*: how many times tasks were dropped, counted by the state that all queues share.
//! - *Settled*: answered, requeued, or failed; said of one position of a batch.
//!
//! # Invariants
//!
//! - Each position of a batch is settled once, by whichever comes first. What comes later finds
//!   `SETTLED`, or no batch under its `InFlightId` (these are not reused), and is dropped.
//! - A waiter gets at most one answer. A waiter whose task is alive gets one, or the run ends with
//!   a fault.
//! - Of the numbered requests that wait together, the one asked first leaves first, whether it is
//!   new or requeued. Groups of a queue without `ordered` may overtake each other.
//! - `Queue::quota_used` counts the batches in flight. Where groups may overtake each other, each
//!   group has a counter of its own instead, and `quota_used` stays 0.
//! - A queue in which requests wait, other than paused ones, is listed among the queues that were
//!   asked, so that `send` is called.
//! - A queue with batches in flight, or with requests that wait on after `send`, listens for drops.
//! - If `Queue::watchers` maps a waiter to a batch, the batch's `watched_by` is that waiter.
//! - No `HotCell` is borrowed while user code runs. User code that runs under a borrow (hashing,
//!   comparing and cloning keys, grouping, the look-up of cached answers) runs under that of a
//!   `RefCell`: `pending_keys`, `cache`, `grouped` or `groups_in_order`.

mod answer_now;
mod backlog;
mod coalesce;
mod complete;
mod completion;
mod deliver;
mod drop_counters;
mod grouped;
mod pending;
mod rated;
mod send;
mod state;
mod withdraw;

pub(crate) use send::Outlet;
pub(crate) use state::{BufOf, OwnsQueue, Queue};
