//! Batches that will be answered later, and the mailboxes of their slots.
//!
//! | file | is |
//! |---|---|
//! | `table` | [`InFlight`], a batch in flight; [`InFlightTable`], those of one queue |
//! | `mailbox` | [`Mailbox`], where slots leave their outcomes, from any thread |
//!
//! Terms:
//! - **part**, **split**: a batch larger than `max_batch` leaves in parts that share a `SplitId`.
//! - **detached**: a batch in flight that is out of the table for a while, with its entry reserved.
//! - **settled**: a position that is answered, failed or requeued. Its waiter is [`SETTLED`].
//! - **watched**: only when the one waiter that watches a batch is dropped, another is looked for.
//!
//! Invariants:
//! - Waiters never leave this side: only keys go to a dispatcher, and only answers come back.
//! - An id names one batch forever: the index is reused, the number is not. An outcome that arrives
//!   after its batch is finished is never read.

mod mailbox;
mod table;

pub(crate) use mailbox::{Mailbox, MailboxReader, ReadMailbox, SlotOutcome};
pub(crate) use table::{InFlight, InFlightTable, Part, SETTLED};
