//! Of `corio/src/dispatch`: the mailbox of a batch in flight, and what requests are.

pub(crate) mod ids {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct InFlightId(pub(crate) u32);

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Waiter(pub(crate) u64);

    pub(crate) trait WakeRun: Send + Sync {
        fn ring(&self, queue: u32, flight: InFlightId);
    }
}

pub(crate) mod error {
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) enum Fault {
        Unanswered {
            dispatcher: &'static str,
            position: usize,
            requests: usize,
            key: Option<String>,
        },
        Panicked {
            dispatcher: &'static str,
            message: String,
        },
    }
}

pub(crate) mod keys;

pub(crate) trait Request: Sized + 'static {
    type Key: 'static;
    type Answer: 'static;

    fn name() -> &'static str;
}

#[path = "../../../corio/src/dispatch/in_flight/mailbox.rs"]
mod mailbox;

pub(crate) use error::Fault;
pub(crate) use ids::{InFlightId, Waiter, WakeRun};
pub(crate) use keys::Groups;
pub(crate) use mailbox::{Mailbox, MailboxReader, ReadMailbox, SlotOutcome};
