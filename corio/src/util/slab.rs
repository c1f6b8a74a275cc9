//! A few things of one kind, each found again by its slot. The first needs no allocation: most
//! locks have one holder at a time.

#[derive(Debug)]
pub(crate) struct Slots<T> {
    first: Option<T>,
    /// Slots from 1 on.
    more: Vec<Option<T>>,
    /// Of these, the empty ones.
    vacant: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots { first: None, more: Vec::new(), vacant: Vec::new() }
    }
}

impl<T> Slots<T> {
    #[inline]
    pub(crate) fn put(&mut self, thing: T) -> u32 {
        if self.first.is_none() {
            self.first = Some(thing);
            return 0;
        }
        match self.vacant.pop() {
            Some(slot) => {
                self.more[slot as usize - 1] = Some(thing);
                slot
            }
            None => {
                self.more.push(Some(thing));
                self.more.len() as u32
            }
        }
    }

    /// # Panics
    /// If the slot is empty.
    #[inline]
    pub(crate) fn take(&mut self, slot: u32) -> T {
        let thing = if slot == 0 {
            self.first.take()
        } else {
            self.vacant.push(slot);
            self.more[slot as usize - 1].take()
        };
        thing.expect("a slot is taken once")
    }

    /// # Panics
    /// If the slot is empty.
    pub(crate) fn get(&self, slot: u32) -> &T {
        let thing = if slot == 0 { &self.first } else { &self.more[slot as usize - 1] };
        thing.as_ref().expect("a slot that was not taken")
    }

    /// # Panics
    /// If the slot is empty.
    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut T {
        let thing = if slot == 0 { &mut self.first } else { &mut self.more[slot as usize - 1] };
        thing.as_mut().expect("a slot that was not taken")
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.more.len() == self.vacant.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(self.more.iter().flatten())
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.first.iter_mut().chain(self.more.iter_mut().flatten())
    }
}
