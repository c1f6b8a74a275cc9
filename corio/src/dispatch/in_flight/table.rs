//! Batches that will be answered later. Those who wait stay here; only keys go out, and only
//! answers come back.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::rc::Rc;

use super::mailbox::ReadMailbox;
use crate::dispatch::buffer::PooledBuf;
use crate::dispatch::ids::{InFlightId, Waiter};
use crate::util::Alarm;

/// A batch that has left, with those who wait for it.
pub(crate) struct InFlight<K, A> {
    /// Waiters that have been answered are `SETTLED`. The keys are with the dispatcher.
    pub(crate) buf: PooledBuf<K, A>,
    /// How many have not been answered.
    pub(crate) left: usize,
    /// Everybody before this position was answered or is gone.
    pub(crate) wanted_from: usize,
    /// Somebody who waits, as far as one is known: when he is gone, the flight may be given up.
    pub(crate) watched_by: Option<Waiter>,
    pub(crate) part: Part,
    /// Goes off when it takes too long.
    pub(crate) alarm: Option<Alarm>,
    /// The number of the future that answers it.
    pub(crate) future: Option<u32>,
    /// A function on a thread pool has its slots: when it panics, they are dropped before the
    /// panic is known here.
    pub(crate) is_with_a_job: bool,
    /// Slots that were dropped by a panic, perhaps the job's: position and key.
    pub(crate) dropped: Vec<(usize, Option<String>)>,
    /// Where its slots put their answers.
    pub(crate) mailbox: Option<Rc<dyn ReadMailbox<K, A>>>,
    /// How many were answered from elsewhere, and not by the dispatcher yet.
    pub(crate) answered_elsewhere: usize,
    /// With dedup, when all who asked are gone: the positions where one who has joined may still
    /// be there.
    pub(crate) unwatched: Option<Vec<usize>>,
}

/// Which part a batch is of what left together.
#[derive(Clone, Copy, Default)]
pub(crate) struct Part {
    /// Where groups may overtake each other, the number of its group, whose limit it counts for.
    pub(crate) group: Option<u32>,
    /// The batch that it was split from. The parts of one count as one.
    pub(crate) split: Option<SplitId>,
}

/// Names a batch that left in parts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SplitId(NonZeroU64);

/// Who waited at a position that was answered.
pub(crate) const SETTLED: Waiter = Waiter(u64::MAX);

impl<K, A> InFlight<K, A> {
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

/// A place for a flight.
struct TableSlot<K, A> {
    /// That of the flight whose place it is; 0 if it is free.
    number: u64,
    /// Absent while it is lifted off.
    flight: Option<InFlight<K, A>>,
}

pub(crate) struct InFlightTable<K, A> {
    slots: RefCell<Vec<TableSlot<K, A>>>,
    free: RefCell<Vec<u32>>,
    /// The number of the newest.
    last: Cell<u64>,
    /// How many parts of each batch that was split are on their way.
    splits: RefCell<HashMap<SplitId, usize>>,
    last_split: Cell<u64>,
}

impl<K, A> Default for InFlightTable<K, A> {
    fn default() -> Self {
        InFlightTable {
            slots: RefCell::default(),
            free: RefCell::default(),
            last: Cell::new(0),
            splits: RefCell::default(),
            last_split: Cell::new(0),
        }
    }
}

impl<K, A> InFlightTable<K, A> {
    pub(crate) fn is_empty(&self) -> bool {
        self.free.borrow().len() == self.slots.borrow().len()
    }

    /// The name for the next flight.
    pub(crate) fn next(&self) -> InFlightId {
        let index = self.free.borrow_mut().pop().unwrap_or_else(|| {
            let mut slots = self.slots.borrow_mut();
            slots.push(TableSlot { number: 0, flight: None });
            slots.len() as u32 - 1
        });
        self.last.set(self.last.get() + 1);
        InFlightId { index, number: self.last.get() }
    }

    pub(crate) fn put(&self, id: InFlightId, flight: InFlight<K, A>) {
        self.slots.borrow_mut()[id.index as usize] =
            TableSlot { number: id.number, flight: Some(flight) };
    }

    /// Takes a flight out, if it is still there.
    pub(crate) fn take(&self, id: InFlightId) -> Option<InFlight<K, A>> {
        let mut slots = self.slots.borrow_mut();
        let index = slots.get_mut(id.index as usize).filter(|index| index.number == id.number)?;
        index.number = 0;
        self.free.borrow_mut().push(id.index);
        index.flight.take()
    }

    /// Takes a flight off its place, which stays its own.
    pub(crate) fn detach(&self, id: InFlightId) -> Option<InFlight<K, A>> {
        self.at(id, |index| index.flight.take())?
    }

    pub(crate) fn reattach(&self, id: InFlightId, detached: InFlight<K, A>) {
        self.at(id, |index| index.flight = Some(detached));
    }

    /// Runs no code of the user's while it lends the flight.
    pub(crate) fn with<T>(
        &self,
        id: InFlightId,
        use_it: impl FnOnce(&mut InFlight<K, A>) -> T,
    ) -> Option<T> {
        self.at(id, |index| index.flight.as_mut().map(use_it))?
    }

    fn at<T>(&self, id: InFlightId, use_it: impl FnOnce(&mut TableSlot<K, A>) -> T) -> Option<T> {
        self.slots
            .borrow_mut()
            .get_mut(id.index as usize)
            .filter(|index| index.number == id.number)
            .map(use_it)
    }

    /// A batch leaves in parts.
    pub(crate) fn split(&self) -> SplitId {
        let split = SplitId(NonZeroU64::MIN.saturating_add(self.last_split.get()));
        self.last_split.set(split.0.get());
        split
    }

    /// A part will be answered later; whether no other is on its way.
    pub(crate) fn part_leaves(&self, split: SplitId) -> bool {
        let mut splits = self.splits.borrow_mut();
        let parts = splits.entry(split).or_default();
        *parts += 1;
        *parts == 1
    }

    /// A part has come back; whether no other is on its way.
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

    /// All of them, when a run is over.
    pub(crate) fn take_all(&self) -> Vec<InFlight<K, A>> {
        self.free.borrow_mut().clear();
        self.splits.borrow_mut().clear();
        self.slots.borrow_mut().drain(..).filter_map(|index| index.flight).collect()
    }
}
