//! Of `corio/src/dispatch`: the mailbox of a batch in flight.

pub(crate) mod ids {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct InFlightId(pub(crate) u32);

    pub(crate) trait WakeRun: Send + Sync {
        fn ring(&self, queue: u32, flight: InFlightId);
    }
}

pub(crate) mod error {
    #[derive(Debug)]
    pub(crate) struct Fault;
}

pub(crate) mod keys {
    pub(crate) type ShowKey<K> = fn(&K, &mut std::fmt::Formatter<'_>) -> std::fmt::Result;

    pub(crate) fn shown<K>(_: &K, _: Option<ShowKey<K>>) -> Option<String> {
        None
    }
}

#[path = "../../../corio/src/dispatch/in_flight/mailbox.rs"]
mod mailbox;

pub(crate) use ids::{InFlightId, WakeRun};
pub(crate) use mailbox::{Mailbox, MailboxReader, ReadMailbox, SlotOutcome};
