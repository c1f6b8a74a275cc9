//! Where the batches of a run go that are answered elsewhere, together with those of other runs.
//!
//! The run's queue puts such a batch in flight as any other. Its keys go to a [`Carrier`], its
//! outcomes come back to the mailbox, and the [`Ticket`] stays with the batch: when the batch is
//! finished or abandoned, the ticket is dropped, and what nobody waits for is withdrawn.

use std::any::{Any, TypeId};
use std::sync::Arc;

use super::cache::Partition;
use super::in_flight::{Mailbox, ReadMailbox, SlotOutcome};
use super::request::Request;

/// Answers batches of `R` elsewhere.
pub(crate) trait Carrier<R: Request>: Send + Sync {
    /// Takes a batch of a run, whose outcomes go to `mailbox`. `partition` says with whose requests
    /// it may be answered.
    fn carry(
        &self,
        partition: Option<Partition>,
        keys: Vec<R::Key>,
        mailbox: Arc<Mailbox<R::Key, R::Answer>>,
    ) -> Ticket;
}

/// A batch that is carried. Dropped when its run no longer waits for it.
pub(crate) type Ticket = Box<dyn Any + Send>;

/// Finds the carriers of requests, by the type of these.
pub(crate) trait Carriers: Send + Sync {
    /// An `Arc<dyn Carrier<R>>` for the `R` of this type.
    fn find(&self, request: TypeId) -> Option<Box<dyn Any>>;
}

/// The mailbox of a batch that is carried, with the ticket.
pub(super) struct CarriedMailbox<R: Request> {
    mailbox: Arc<Mailbox<R::Key, R::Answer>>,
    _ticket: Ticket,
}

impl<R: Request> CarriedMailbox<R> {
    pub(super) fn new(mailbox: Arc<Mailbox<R::Key, R::Answer>>, ticket: Ticket) -> Self {
        CarriedMailbox { mailbox, _ticket: ticket }
    }
}

impl<R: Request> ReadMailbox<R::Key, R::Answer> for CarriedMailbox<R> {
    fn drain(&self, take: &mut dyn FnMut(SlotOutcome<R::Key, R::Answer>)) {
        self.mailbox.take_all().into_iter().for_each(take);
    }
}
