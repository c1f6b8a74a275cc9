//! TODO

mod mailbox;
mod table;

pub(crate) use mailbox::{Mailbox, MailboxReader, SlotOutcome};
pub(crate) use table::{InFlight, InFlightTable, Part, SETTLED};
