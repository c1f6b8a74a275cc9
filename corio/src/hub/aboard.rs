//! The askers of the requests that are in the dispatching side of a lane, by waiter.

use super::asker::Asker;
use crate::dispatch::{Request, Waiter};

/// A slab with generations: a waiter is never used again.
pub(super) struct Aboard<R: Request> {
    slots: Vec<Slot<R>>,
    free: Vec<u32>,
    /// Askers that are there.
    living: usize,
}

struct Slot<R: Request> {
    generation: u32,
    asker: Option<Asker<R>>,
}

impl<R: Request> Default for Aboard<R> {
    fn default() -> Self {
        Aboard { slots: Vec::new(), free: Vec::new(), living: 0 }
    }
}

fn waiter(index: u32, generation: u32) -> Waiter {
    Waiter(u64::from(generation) << 32 | u64::from(index))
}

impl<R: Request> Aboard<R> {
    pub(super) fn len(&self) -> usize {
        self.living
    }

    /// Reserves a place and returns its waiter, for `put`, or `cancel`.
    pub(super) fn next(&mut self) -> Waiter {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, asker: None });
            self.slots.len() as u32 - 1
        });
        waiter(index, self.slots[index as usize].generation)
    }

    /// Puts an asker where `next` has reserved a place.
    pub(super) fn put(&mut self, Waiter(word): Waiter, asker: Asker<R>) {
        self.slots[word as u32 as usize].asker = Some(asker);
        self.living += 1;
    }

    /// Frees a place that `next` has reserved.
    pub(super) fn cancel(&mut self, waiter: Waiter) {
        self.free(waiter);
    }

    pub(super) fn is_alive(&self, waiter: Waiter) -> bool {
        self.slot(waiter).is_some_and(|slot| slot.asker.is_some())
    }

    /// Removes an asker, unless it was removed before.
    pub(super) fn take(&mut self, waiter: Waiter) -> Option<Asker<R>> {
        self.slot(waiter)?;
        let asker = self.slots[waiter.0 as u32 as usize].asker.take()?;
        self.living -= 1;
        self.free(waiter);
        Some(asker)
    }

    /// Removes all askers.
    pub(super) fn take_all(&mut self) -> Vec<Asker<R>> {
        self.free.clear();
        self.living = 0;
        self.slots.drain(..).filter_map(|slot| slot.asker).collect()
    }

    fn slot(&self, Waiter(word): Waiter) -> Option<&Slot<R>> {
        let slot = self.slots.get(word as u32 as usize)?;
        (slot.generation == (word >> 32) as u32).then_some(slot)
    }

    fn free(&mut self, Waiter(word): Waiter) {
        let index = word as u32;
        let slot = &mut self.slots[index as usize];
        // A place whose generations are used up is not used again.
        if slot.generation < u32::MAX - 1 {
            slot.generation += 1;
            self.free.push(index);
        }
    }
}
