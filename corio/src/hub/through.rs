//! Runs go through a hub: the hub's side of a packet.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

use super::asker::{Asker, Entry, RunPacket, TakesBack, Withdrawn};
use super::asking::is_in_batch_of;
use super::inner::{HubInner, SharesRequest};
use super::lane::HubLane;
use super::queues::queue_of;
use super::shared_dispatch::SharedDispatch;
use crate::dispatch::{Carrier, Mailbox, Partition, Request, Ticket, Unavailable};

/// Takes batches of runs to a hub. Those who hold it keep the hub open.
struct HubCarrier<H: Send + Sync + 'static>(Arc<HubInner<H>>);

/// Makes the carrier of `R`.
pub(super) struct Shares<R>(pub(super) PhantomData<fn() -> R>);

impl<H: Send + Sync + 'static, R: SharedDispatch<H>> SharesRequest<H> for Shares<R> {
    fn carrier(&self, hub: &Arc<HubInner<H>>) -> Box<dyn Any> {
        let carrier: Arc<dyn Carrier<R>> = Arc::new(HubCarrier(hub.clone()));
        Box::new(carrier)
    }
}

impl<H: Send + Sync + 'static, R: SharedDispatch<H>> Carrier<R> for HubCarrier<H> {
    fn carry(
        &self,
        partition: Option<Partition>,
        keys: Vec<R::Key>,
        mailbox: Arc<Mailbox<R::Key, R::Answer>>,
    ) -> Ticket {
        let packet = RunPacket::new(mailbox, keys.len());
        let entries: Vec<Entry<R>> = keys
            .into_iter()
            .enumerate()
            .map(|(position, key)| Entry { key, asker: Asker::of_run(packet.clone(), position) })
            .collect();
        let queue = queue_of::<H, R>(&self.0);
        if is_in_batch_of(queue.id()) {
            queue.refuse(entries, Unavailable::AsksItself);
            return Box::new(());
        }
        let unit: &dyn Any = &();
        let part = match &partition {
            Some(partition) => partition.name::<R::Part>(),
            None => unit.downcast_ref::<R::Part>(),
        };
        let part = part.expect("`by` gives the part of a shared dispatcher").clone();
        let lanes = queue.push(part, entries);
        Box::new(PacketTicket { packet, lanes })
    }
}

/// What a run holds as long as it waits for a packet.
struct PacketTicket<R: Request<Key: Send, Answer: Send>> {
    packet: Arc<RunPacket<R>>,
    lanes: Vec<Arc<HubLane<R>>>,
}

impl<R: Request<Key: Send, Answer: Send>> Drop for PacketTicket<R> {
    fn drop(&mut self) {
        if self.packet.leave() {
            for lane in &self.lanes {
                lane.withdraw(Withdrawn::Run(self.packet.clone()));
            }
        }
    }
}
