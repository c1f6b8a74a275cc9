//! The batches in flight of one queue: a generational slab.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::rc::Rc;

use super::mailbox::ReadMailbox;
use crate::dispatch::buffer::PooledBuf;
use crate::dispatch::ids::{InFlightId, Waiter};
use crate::util::Alarm;

/// A batch in flight, with its waiters.
pub(crate) struct InFlight<K, A> {
    /// The buffer of the batch. The waiters of settled positions are `SETTLED`; the keys are with
    /// the dispatcher.
    pub(crate) buf: PooledBuf<K, A>,
    /// Number of positions that are not settled.
    pub(crate) left: usize,
    /// All positions before this one are settled, or their waiters were dropped.
    pub(crate) wanted_from: usize,
    /// A live waiter, if one is known. When that waiter is dropped, another is looked for; if there
    /// is none, the batch is abandoned.
    pub(crate) watched_by: Option<Waiter>,
    pub(crate) part: Part,
    /// The alarm of the time limit.
    pub(crate) alarm: Option<Alarm>,
    /// The number of the future that answers the batch.
    pub(crate) future: Option<u32>,
    /// Whether a job on a thread pool has the slots. If the job panics, its slots are dropped
    /// before the panic is known here.
    pub(crate) is_with_a_job: bool,
    /// Slots that were dropped by a panic, perhaps that of the job: position, and key as text.
    pub(crate) dropped: Vec<(usize, Option<String>)>,
    /// Where the slots put their outcomes; `None` without slots.
    pub(crate) mailbox: Option<Rc<dyn ReadMailbox<K, A>>>,
    /// Number of positions that were answered by a primed key, and that the dispatcher has not
    /// answered yet. A batch of which only such positions are left is abandoned.
    pub(crate) answered_elsewhere: usize,
    /// With dedup, once all leads were dropped: the positions that may have a live follower.
    pub(crate) unwatched: Option<Vec<usize>>,
}

/// What a batch counts for in limits.
#[derive(Clone, Copy, Default)]
pub(crate) struct Part {
    /// The number of the group whose limit the batch counts for; `None` if groups are in order, or
    /// without groups.
    pub(crate) group: Option<u32>,
    /// The batch that this one was split from; all parts of it count as one.
    pub(crate) split: Option<SplitId>,
}

/// Identifies a batch that left in parts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SplitId(NonZeroU64);

/// The waiter of a settled position: answered, failed or requeued.
pub(crate) const SETTLED: Waiter = Waiter(u64::MAX);

impl<K, A> InFlight<K, A> {
    /// Creates a batch in flight, none of whose positions is settled.
    pub(crate) fn new(buf: PooledBuf<K, A>, part: Part) -> Self {
        InFlight {
            left: buf.waiters.len(),
            wanted_from: 0,
            watched_by: None,
            part,
            alarm: None,
            future: None,
            is_with_a_job: false,
            dropped: Vec::new(),
            mailbox: None,
            answered_elsewhere: 0,
            unwatched: None,
            buf,
        }
    }
}

/// An entry of the table.
struct TableSlot<K, A> {
    /// The number of the batch that the entry belongs to; 0 if the entry is free or reserved.
    number: u64,
    /// `None` while the batch is detached.
    flight: Option<InFlight<K, A>>,
}

/// The batches in flight of one queue.
pub(crate) struct InFlightTable<K, A> {
    slots: RefCell<Vec<TableSlot<K, A>>>,
    /// Indices of free entries.
    free: RefCell<Vec<u32>>,
    /// The number of the newest id; not reset between runs.
    last_number: Cell<u64>,
    /// Number of parts in flight of each batch that was split.
    splits: RefCell<HashMap<SplitId, usize>>,
    last_split: Cell<u64>,
}

impl<K, A> Default for InFlightTable<K, A> {
    fn default() -> Self {
        InFlightTable {
            slots: RefCell::default(),
            free: RefCell::default(),
            last_number: Cell::new(0),
            splits: RefCell::default(),
            last_split: Cell::new(0),
        }
    }
}

impl<K, A> InFlightTable<K, A> {
    /// Whether no batch is in flight.
    pub(crate) fn is_empty(&self) -> bool {
        self.free.borrow().len() == self.slots.borrow().len()
    }

    /// Reserves an entry and returns its id, for `put`.
    pub(crate) fn next(&self) -> InFlightId {
        let index = self.free.borrow_mut().pop().unwrap_or_else(|| {
            let mut slots = self.slots.borrow_mut();
            slots.push(TableSlot { number: 0, flight: None });
            slots.len() as u32 - 1
        });
        self.last_number.set(self.last_number.get() + 1);
        InFlightId { index, number: self.last_number.get() }
    }

    /// Puts a batch into the entry that `next` has reserved.
    pub(crate) fn put(&self, id: InFlightId, flight: InFlight<K, A>) {
        self.slots.borrow_mut()[id.index as usize] =
            TableSlot { number: id.number, flight: Some(flight) };
    }

    /// Removes a batch and frees its entry. Returns `None` if the batch has been removed before, or
    /// if it is detached; the entry of a detached batch is freed all the same.
    pub(crate) fn take(&self, id: InFlightId) -> Option<InFlight<K, A>> {
        let mut slots = self.slots.borrow_mut();
        let slot = slots.get_mut(id.index as usize).filter(|slot| slot.number == id.number)?;
        slot.number = 0;
        self.free.borrow_mut().push(id.index);
        slot.flight.take()
    }

    /// Takes a batch out of its entry, which stays reserved for `reattach`; so code of the user's
    /// can run while nothing is borrowed.
    pub(crate) fn detach(&self, id: InFlightId) -> Option<InFlight<K, A>> {
        self.with_slot(id, |slot| slot.flight.take())?
    }

    /// Puts a detached batch back. Drops the batch if its entry was freed meanwhile.
    pub(crate) fn reattach(&self, id: InFlightId, detached: InFlight<K, A>) {
        self.with_slot(id, |slot| slot.flight = Some(detached));
    }

    /// Calls `use_it` with a batch, unless the batch is finished or detached. `use_it` must not run
    /// code of the user's: the table is borrowed.
    pub(crate) fn with<T>(
        &self,
        id: InFlightId,
        use_it: impl FnOnce(&mut InFlight<K, A>) -> T,
    ) -> Option<T> {
        self.with_slot(id, |slot| slot.flight.as_mut().map(use_it))?
    }

    fn with_slot<T>(
        &self,
        id: InFlightId,
        use_it: impl FnOnce(&mut TableSlot<K, A>) -> T,
    ) -> Option<T> {
        self.slots
            .borrow_mut()
            .get_mut(id.index as usize)
            .filter(|slot| slot.number == id.number)
            .map(use_it)
    }

    /// Returns an id for a batch that is about to leave in parts.
    pub(crate) fn split(&self) -> SplitId {
        let split = SplitId(NonZeroU64::MIN.saturating_add(self.last_split.get()));
        self.last_split.set(split.0.get());
        split
    }

    /// Counts a part that begins to be in flight. Returns whether no other part of the split is.
    pub(crate) fn part_leaves(&self, split: SplitId) -> bool {
        let mut splits = self.splits.borrow_mut();
        let parts = splits.entry(split).or_default();
        *parts += 1;
        *parts == 1
    }

    /// Counts a part that has finished. Returns whether no other part of the split is in flight.
    pub(crate) fn part_is_back(&self, split: SplitId) -> bool {
        let mut splits = self.splits.borrow_mut();
        let Some(parts) = splits.get_mut(&split) else { return true };
        *parts -= 1;
        let was_last = *parts == 0;
        if was_last {
            splits.remove(&split);
        }
        was_last
    }

    /// Removes all batches, when a run is over.
    pub(crate) fn take_all(&self) -> Vec<InFlight<K, A>> {
        self.free.borrow_mut().clear();
        self.splits.borrow_mut().clear();
        self.slots.borrow_mut().drain(..).filter_map(|slot| slot.flight).collect()
    }
}
