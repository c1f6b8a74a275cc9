//! Tools that know nothing of tasks, requests and runs. The lowest layer: every other folder may
//! use this one, and nothing here imports from another folder.
//!
//! | file | is |
//! |---|---|
//! | `cancel` | `CancellationToken`, with which users cancel runs; `Nudge`, what wakes one |
//! | `clock` | `Clock`, which users implement; `Time`, which a run reads; `Elapsed`, an error |
//! | `concurrent` | atomics and locks, for which a model checker can put its own |
//! | `timers` | a queue of alarms, ordered by time |
//! | `inline_budget` | how many requests may be answered inline while a run is idle |
//! | `hot_cell` | `HotCell`, a `RefCell` without checks in release builds |
//! | `of_run` | `OfRun`, a part of a run, which goes from thread to thread with the run |
//! | `push` | `push_within_capacity`, for vectors that need not grow |
//! | `slab` | `Slots`, a small slab without generations |
//! | `id_hasher` | `ById`, a fast hasher for numbers that corio assigns itself |
//! | `unwind` | `PanicCollector` and other tools for code that has to finish despite panics |
//! | `panic_advice` | advice for well-known panics of other crates |
//! | `type_names` | readable names of tasks, from type names |
//! | `text` | helpers for English messages |
//! | `static_assert` | assertions about types, checked when the crate is compiled |
//!
//! # Terms
//!
//! - **sleeper**: a run that is blocked or pending until an answer, a time or a cancellation comes;
//!   a *nudge* makes the sleeper check for cancellation.
//! - **time**: a duration since a fixed moment, which the clock or the caller chooses. Durations of
//!   at least `LONGEST` count as endless.
//! - **idle**: of a run, that nothing but running tasks is going on (see `inline_budget`).
//! - **payload**: the value that a panic carries.
//!
//! # Invariants
//!
//! - No lock and no `HotCell` borrow is held while user code, or code of an async executor, runs.
//! - A run ends with the first panic of user code; further panics never replace the first,
//!   and never abort the process.

mod cancel;
mod clock;
pub(crate) mod concurrent;
mod hot_cell;
mod id_hasher;
mod inline_budget;
mod of_run;
pub(crate) mod panic_advice;
mod push;
mod slab;
mod static_assert;
mod text;
mod timers;
pub(crate) mod type_names;
mod unwind;

pub use cancel::CancellationToken;
pub(crate) use cancel::{Nudge, Nudging, StopFlag};
pub(crate) use clock::Time;
pub use clock::{Clock, Elapsed};
pub(crate) use hot_cell::{HotCell, HotMut};
pub(crate) use id_hasher::ById;
pub(crate) use inline_budget::InlineBudget;
pub(crate) use of_run::OfRun;
pub(crate) use push::push_within_capacity;
pub(crate) use slab::Slots;
pub(crate) use static_assert::{assert_has_not, assert_is_send};
pub(crate) use text::{keys_of, plural};
pub(crate) use timers::{Alarm, LONGEST, Timers, limit};
pub(crate) use unwind::{Panic, PanicCollector, discard, panic_message, poll_caught};
