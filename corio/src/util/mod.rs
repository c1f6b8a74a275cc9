//! TODO

mod cancel;
mod clock;
mod hot_cell;
mod id_hasher;
mod inline_budget;
mod not_send;
pub(crate) mod panic_advice;
mod slab;
mod static_assert;
mod text;
mod timers;
pub(crate) mod type_names;
mod unwind;

pub use cancel::CancelToken;
pub(crate) use cancel::Nudge;
pub(crate) use clock::Time;
pub use clock::{Clock, Elapsed};
pub(crate) use hot_cell::{HotCell, HotMut};
pub(crate) use id_hasher::ById;
pub(crate) use inline_budget::InlineBudget;
pub(crate) use not_send::NeverSend;
pub(crate) use slab::Slots;
pub(crate) use static_assert::{assert_has_not, assert_is_send};
pub(crate) use text::{keys_of, plural};
pub(crate) use timers::{Alarm, LONGEST, Timers, limit};
pub(crate) use unwind::{Panic, PanicCollector, discard, panic_message, poll_caught};
