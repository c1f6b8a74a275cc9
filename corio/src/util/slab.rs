//! A small slab: each value is stored in a slot and found again by the number of the slot.
//!
//! Slots carry no generation: whoever holds a slot number must take the value at most once, and
//! reading an empty slot panics.

/// A slab whose first value needs no allocation, as most locks have one holder at a time.
///
/// `put`, `take` and `get` take constant time; iteration takes time in proportion to the largest
/// number of values ever stored at once.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    /// Slot 0.
    first: Option<T>,
    /// Slots from 1 on.
    more: Vec<Option<T>>,
    /// Free list: the numbers of the empty slots in `more`.
    vacant: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots { first: None, more: Vec::new(), vacant: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// Stores a value in an empty slot and returns the number of the slot.
    #[inline]
    pub(crate) fn put(&mut self, value: T) -> u32 {
        if self.first.is_none() {
            self.first = Some(value);
            return 0;
        }
        match self.vacant.pop() {
            Some(slot) => {
                self.more[slot as usize - 1] = Some(value);
                slot
            }
            None => {
                self.more.push(Some(value));
                self.more.len() as u32
            }
        }
    }

    /// Removes the value from a slot; the slot is empty afterwards.
    ///
    /// # Panics
    /// If the slot is empty.
    #[inline]
    pub(crate) fn take(&mut self, slot: u32) -> T {
        let value = if slot == 0 {
            self.first.take()
        } else {
            self.vacant.push(slot);
            self.more[slot as usize - 1].take()
        };
        value.expect("a slot is taken once")
    }

    /// Returns the value in a slot.
    ///
    /// # Panics
    /// If the slot is empty.
    pub(crate) fn get(&self, slot: u32) -> &T {
        let value = if slot == 0 { &self.first } else { &self.more[slot as usize - 1] };
        value.as_ref().expect("a slot that was not taken")
    }

    /// Returns the value in a slot, mutably.
    ///
    /// # Panics
    /// If the slot is empty.
    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut T {
        let value = if slot == 0 { &mut self.first } else { &mut self.more[slot as usize - 1] };
        value.as_mut().expect("a slot that was not taken")
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.more.len() == self.vacant.len()
    }

    /// Returns the values in the order of their slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(self.more.iter().flatten())
    }

    /// Returns the values in the order of their slots, mutably.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.first.iter_mut().chain(self.more.iter_mut().flatten())
    }
}
