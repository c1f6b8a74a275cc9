//! Dispatch: requests come in, batches go out, answers come back.
//!
//! This folder is sans-I/O. It knows no tasks, clocks, executors or wakers. The asker of a request
//! is a [`Waiter`], an opaque token that comes back with the answer. The driver of a run calls
//! [`Dispatchers`] and provides the rest through [`Host`] (time, liveness of waiters, a way to be
//! woken) and [`SendCx`] (context, a place for futures).
//!
//! # The path of a request
//!
//! 1. *Ask*: a waiter and a key gather in the queue of the lane.
//! 2. *Coalesce*: when no task can run, gathered requests are answered from the cache, or follow a
//!    request for an equal key that is queued or in flight. The others are queued in order.
//! 3. *Send*: what limits allow leaves as one batch, or in parts.
//! 4. *Dispatch*: the dispatcher answers in place, or the batch is in flight until a future
//!    completes or every slot has an outcome.
//! 5. *Complete*: each position is settled: it has an answer, a fault, or is requeued (back to 2).
//! 6. *Deliver*: the answers of a batch are offered to their waiters, one after the other.
//!
//! A lane without dedup, order and groups takes the fast path: unless requests wait behind a limit
//! or for a retry, what has gathered leaves as it is. Without dedup and a retry that inspects
//! answers, the answers are delivered as they come.
//!
//! # Map
//!
//! Roughly from the bottom up. `.ci/layers` checks that files do not import each other in circles.
//!
//! | file | is |
//! |---|---|
//! | `ids` | [`Waiter`], [`InFlightId`], and [`WakeRun`], by which other threads wake the run |
//! | `error` | [`RequestError`]; a fault is one before the type of answers is known |
//! | `host` | [`Host`], [`Futures`]: what the driver of a run provides |
//! | `send_cx` | [`SendCx`]: what a run lends to its lanes, its context among it |
//! | `limits`, `retry` | limits of all dispatchers together; when a request is sent again |
//! | `rate` | the option `rate`, and the batches that count for it |
//! | `cursor`, `buffer`, `buffer_pool` | the buffer of a batch, and how it is reused |
//! | `keys/` | what is done with keys: bounds, dedup, groups, showing them |
//! | `answers/` | what a per-batch function may return |
//! | `cache/` | cached answers: for the rest of a run, or for later runs |
//! | `in_flight/` | batches that will be answered later, and the mailboxes of slots |
//! | `options` | [`Options`]: what a dispatcher says about its batches |
//! | `options_read` | what queues, runs and hubs make of that |
//! | `request` | the trait [`Request`] |
//! | `ready` | answers that are ready, and the one that is offered to the running task |
//! | `shared_state` | what all queues of a schedule share |
//! | `queue/` | a queue: requests from asking to answers; does not know who answers |
//! | `batch/` | what a dispatcher holds: [`Requests`], [`Keys`], [`Batch`], [`Slot`] |
//! | `dispatcher` | the trait [`Dispatch`] |
//! | `erased` | the context of a run and the functions of [`Dispatch`], the context type erased |
//! | `overrides` | what one schedule changes: limits, options, dispatchers |
//! | `carrier` | where the batches of a run go that are answered with those of others |
//! | `any_lane`, `lane` | a queue and what answers its batches |
//! | `registry` | lanes by request type and by number |
//! | `delivery` | ready answers, offered to their waiters |
//! | `dispatchers` | all lanes of a schedule: the interface to the driver of a run |
//! | `future_request` | a future as a request |
//!
//! # Glossary
//!
//! *Asking*
//! - **request**: one thing asked for: a key, and the type of its answer.
//! - **waiter**: opaque token of the asker of a request. A waiter is *alive* until its task
//!   ends or is dropped, and never again.
//! - **dispatcher**: code of the user's that answers batches of one request type.
//! - **lane**: one request type in one schedule: a queue, and the dispatcher or override that
//!   answers.
//! - **override**: a function that answers in place of a dispatcher, in one schedule.
//! - **queue**: the requests of a lane, wherever they are: gathered, in the backlog, pausing or
//!   in flight. A queue with requests to send is *listed* in `SharedState`.
//! - **gathered**, **backlog**: requests as asked since the last send; requests that are sorted
//!   by seq, or held by a limit.
//! - **seq**: the number of a request in the order of asking, where order or dedup matters.
//!   With dedup the seq also identifies the pending key.
//!
//! *Batches*
//! - **batch**: requests that are handed to a dispatcher together.
//! - **buffer**: the memory of a batch (`BatchBuf`); a request has a *position* in it.
//! - **in place**, **concurrent**: answered before `dispatch` returns; possibly answered later,
//!   and therefore started first.
//! - **inline**: a batch of one that is sent while its task runs, as no other request could
//!   join the batch.
//! - **in flight**: handed to a dispatcher and not answered yet. An [`InFlightId`] is an index
//!   with a generation.
//! - **split**, **part**: a batch larger than `max_batch` is split into parts, which count as
//!   one batch for limits.
//! - **group**: keys that may share a batch (`group_by`). Each group has a limit of its own.
//! - **slot**, **mailbox**: one request of a batch that is answered request by request; where
//!   slots leave their outcomes, from any thread, for the queue to collect.
//! - **round**, **barrier**: the batches that leave between two CPU phases; with `barrier`, no
//!   batch leaves until the previous round is back.
//! - **fault**: trouble with a batch. It ends the run, or is the answer of the requests
//!   (`faults_as_errors`).
//!
//! *Answers*
//! - **completion**: settles positions of a batch. A position is *settled* (its waiter is
//!   `SETTLED`) when it is answered, failed or requeued.
//! - **requeue**, **attempts**, **pause**: to queue a request again for a retry; how often a
//!   request was sent before; the back-off before it is queued again.
//! - **ready batch**: the answers of a batch, to be delivered, with their type erased.
//! - **cursor**: how far the answers of a ready batch have been delivered.
//! - **current answer**: the answer that is *offered* to the running task.
//! - **pending key**, **lead**, **follow**: with dedup, a key whose request is queued or in
//!   flight. The first request for the key leads: it is sent. Later ones follow: they get
//!   copies of the answer.
//! - **coalesce**: to answer gathered requests from the cache, and to let requests for pending
//!   keys follow.
//! - **partition**: determines which cached answers of earlier runs a run may see.
//!
//! *Cancellation*
//! - **withdraw**: to remove the queued requests of dropped tasks.
//! - **abandon**: to end a batch in flight that no live waiter is left for.
//! - **watch**: a batch in flight is watched through one of its waiters, and is looked at again
//!   only when that waiter is dropped or answered.
//! - **drop epoch**: counts how often tasks were dropped, so that a queue knows when to look
//!   for requests to withdraw.
//!
//! # Invariants
//!
//! - Every request leaves in exactly one batch at a time, in the order asked, and is answered
//!   exactly once; or the run ends with an error that names the request that was not.
//! - An offered answer is available only while its waiter runs. If it is not taken then, it is
//!   dropped, and so reaches no other waiter.
//! - A batch leaves only while the limit of its dispatcher (or group) and that of the schedule
//!   allow it. Requests that are held gather, and leave together.
//! - No id of a batch in flight is reused, in no later run either: late answers reach nothing.
//! - No borrow is held while dispatchers, destructors or resumed tasks run. (Keys are hashed,
//!   compared and cloned, and cached answers cloned, under a borrow of `PendingKeys` or `Cache`.)
//! - Costs follow what is there, not what was before: every queue is linear in its requests, but
//!   for O(log n) per retried request.

mod answers;
mod any_lane;
mod batch;
mod buffer;
mod buffer_pool;
mod cache;
mod carrier;
mod cursor;
mod delivery;
mod dispatcher;
mod dispatchers;
mod erased;
mod error;
mod future_request;
mod host;
mod ids;
mod in_flight;
mod keys;
mod lane;
mod limits;
mod options;
mod options_read;
mod overrides;
mod queue;
mod rate;
mod ready;
mod registry;
mod request;
mod retry;
mod send_cx;
mod shared_state;

pub use answers::{
    Answers, FailingAnswer, Faulty, FaultyEach, Probe, ProbeAny, ProbeResult, answers, each_answer,
    is_transient, is_transient_fault, plain_answer,
};
pub use batch::{
    AnsweredKeys, Batch, Flow, Keys, Requests, Slot, answer_async, answer_owned_async, batch_async,
    batch_async_send, batch_with, flow,
};
pub(crate) use cache::CacheChange;
pub use cache::Partition;
pub(crate) use carrier::{Carrier, Carriers, Ticket};
pub use dispatcher::Dispatch;
pub(crate) use dispatchers::Dispatchers;
pub(crate) use erased::RunsOver;
pub(crate) use error::Fault;
pub use error::{RequestError, Unavailable};
pub use future_request::{FutureRequest, future};
pub(crate) use host::{Futures, Host, Listener};
pub(crate) use ids::{InFlightId, Waiter, WakeRun};
pub(crate) use in_flight::{Mailbox, SlotOutcome};
pub use keys::{Groups, groups};
pub(crate) use lane::Lane;
pub use options::Options;
pub(crate) use overrides::{DispatchConfig, Override};
pub use request::{DispatcherId, Request};
pub use retry::Retry;
pub(crate) use send_cx::{ContextRef, SendCx};
