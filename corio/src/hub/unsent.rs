//! What a group has asked of one dispatcher, and what has not left.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use super::asker::Entry;
use super::group::Unsent;
use super::queue::HubQueue;
use super::shared_dispatch::SharedDispatch;

/// What was asked of one dispatcher: a packet for each part.
pub(super) struct UnsentOf<H: Send + Sync + 'static, R: SharedDispatch<H>> {
    queue: Arc<HubQueue<H, R>>,
    packets: Vec<(R::Part, Vec<Entry<R>>)>,
    /// Where the packet of a part is.
    places: HashMap<R::Part, usize>,
}

impl<H: Send + Sync + 'static, R: SharedDispatch<H>> UnsentOf<H, R> {
    /// Adds a request to `unsent`, which are all of one hub.
    pub(super) fn add(
        unsent: &mut Vec<Box<dyn Unsent>>,
        queue: &Arc<HubQueue<H, R>>,
        part: R::Part,
        entry: Entry<R>,
    ) {
        let found = unsent.iter().position(|of| of.request() == TypeId::of::<R>());
        let place = found.unwrap_or_else(|| {
            let (packets, places) = (Vec::new(), HashMap::new());
            unsent.push(Box::new(UnsentOf { queue: queue.clone(), packets, places }));
            unsent.len() - 1
        });
        let of = unsent[place].as_any().downcast_mut::<Self>().expect("the type was compared");
        let UnsentOf { packets, places, .. } = of;
        let packet = *places.entry(part.clone()).or_insert_with(|| {
            packets.push((part, Vec::new()));
            packets.len() - 1
        });
        packets[packet].1.push(entry);
    }
}

impl<H: Send + Sync + 'static, R: SharedDispatch<H>> Unsent for UnsentOf<H, R> {
    fn request(&self) -> TypeId {
        TypeId::of::<R>()
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn send(self: Box<Self>) {
        for (part, entries) in self.packets {
            self.queue.push(part, entries);
        }
    }
}
