//! What waits to be sent: requests that have gathered, those that go before them, and those that pause before they are tried again.
//!
//! Most queues gather in a load that leaves as it is. Where the order of requests matters (`ordered`), or equal keys are looked for (dedup), each gets a number in the order of
//! asking, its ticket, and waits in `front`, which is sorted by it: so what comes back to be tried again is before everything that was asked later, whenever it comes.
//! Elsewhere `front` holds what is tried again, in the order in which it came back.

use std::collections::{BTreeMap, VecDeque};

use super::Waiter;
use super::load::{Boxed, Entry, Load};
use super::timers::Alarm;

pub(super) struct Waiting<K, A> {
    front: VecDeque<Entry<K>>,
    gathered: Boxed<K, A>,
    /// By the alarm that ends their pause.
    paused: BTreeMap<Alarm, Vec<Entry<K>>>,
}

impl<K, A> Waiting<K, A> {
    /// Nothing waits; what comes gathers in `load`.
    pub(super) fn gathering_in(load: Boxed<K, A>) -> Self {
        Waiting { front: VecDeque::new(), gathered: load, paused: BTreeMap::new() }
    }

    /// Whether nothing had gathered before.
    #[inline]
    pub(super) fn gather(&mut self, waiter: Waiter, key: K) -> bool {
        let first = self.gathered.is_empty();
        self.gathered.waiters.push(waiter);
        self.gathered.keys.push(key);
        first
    }

    /// The same, if there is room for it; gives back the key if there is none. Nothing in it can call the allocator, which saves the registers that `push` keeps for that.
    #[inline(always)]
    pub(super) fn gather_within_capacity(&mut self, waiter: Waiter, key: K) -> Result<bool, K> {
        let Load { waiters, keys, .. } = &mut *self.gathered;
        let (before, keys_before) = (waiters.len(), keys.len());
        match (waiters.spare_capacity_mut(), keys.spare_capacity_mut()) {
            ([of_waiter, ..], [of_key, ..]) => {
                of_waiter.write(waiter);
                of_key.write(key);
            }
            _ => return Err(key),
        }
        // SAFETY: the place behind the last has just been written in both.
        unsafe {
            waiters.set_len(before + 1);
            keys.set_len(keys_before + 1);
        }
        Ok(before == 0)
    }

    #[inline]
    pub(super) fn gathered_len(&self) -> usize {
        self.gathered.len()
    }

    /// Takes what has gathered, and gathers in `spare` from now on.
    pub(super) fn take_gathered(&mut self, spare: Boxed<K, A>) -> Boxed<K, A> {
        std::mem::replace(&mut self.gathered, spare)
    }

    /// Gathers in the roomier of two loads; gives the other.
    pub(super) fn gather_in_roomier(&mut self, mut spare: Boxed<K, A>) -> Boxed<K, A> {
        debug_assert!(self.gathered.is_empty());
        if spare.waiters.capacity() > self.gathered.waiters.capacity() {
            std::mem::swap(&mut spare, &mut self.gathered);
        }
        spare
    }

    /// Takes what waits elsewhere.
    pub(super) fn take_others(&mut self) -> impl Sized + use<K, A> {
        (std::mem::take(&mut self.front), std::mem::take(&mut self.paused))
    }

    /// Puts a request to its place in front.
    pub(super) fn put_in_front(&mut self, entry: Entry<K>) {
        let at = self.front.partition_point(|other| other.ticket <= entry.ticket);
        self.front.insert(at, entry);
    }

    pub(super) fn has_front(&self) -> bool {
        !self.front.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.front.is_empty() && self.gathered.is_empty()
    }

    /// Takes the first in front, as many as may leave.
    pub(super) fn take_front(&mut self, at_most: usize) -> impl Iterator<Item = Entry<K>> + '_ {
        let many = at_most.min(self.front.len());
        self.front.drain(..many)
    }

    pub(super) fn pause(&mut self, until: Alarm, entries: Vec<Entry<K>>) {
        self.paused.insert(until, entries);
    }

    pub(super) fn is_pausing(&self) -> bool {
        !self.paused.is_empty()
    }

    /// A pause is over.
    pub(super) fn end_pause(&mut self, alarm: Alarm) {
        for entry in self.paused.remove(&alarm).unwrap_or_default() {
            self.put_in_front(entry);
        }
    }

    /// Takes those that pause and are not wanted any more, and the alarms that nobody waits for then.
    pub(super) fn take_paused(&mut self, is_wanted: &mut dyn FnMut(&Entry<K>) -> bool) -> (Vec<Entry<K>>, Vec<Alarm>) {
        let mut gone = Vec::new();
        let mut alarms = Vec::new();
        self.paused.retain(|alarm, entries| {
            let (wanted, unwanted) = std::mem::take(entries).into_iter().partition(&mut *is_wanted);
            let unwanted: Vec<Entry<K>> = unwanted;
            *entries = wanted;
            gone.extend(unwanted);
            if entries.is_empty() {
                alarms.push(*alarm);
            }
            !entries.is_empty()
        });
        (gone, alarms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: u32, ticket: u64) -> Entry<u32> {
        Entry { waiter: Waiter(0), key, attempts: 0, ticket }
    }

    #[test]
    fn in_front_everything_is_in_the_order_of_asking() {
        let mut waiting: Waiting<u32, ()> = Waiting::gathering_in(Box::default());
        for (key, ticket) in [(30, 3), (50, 5), (10, 1), (40, 4)] {
            waiting.put_in_front(entry(key, ticket));
        }
        let first: Vec<u32> = waiting.take_front(3).map(|entry| entry.key).collect();
        assert_eq!(first, [10, 30, 40]);
        assert!(!waiting.is_empty());
    }

    #[test]
    fn without_tickets_it_is_the_order_of_coming() {
        let mut waiting: Waiting<u32, ()> = Waiting::gathering_in(Box::default());
        for key in [3, 1, 2] {
            waiting.put_in_front(entry(key, 0));
        }
        let all: Vec<u32> = waiting.take_front(usize::MAX).map(|entry| entry.key).collect();
        assert_eq!(all, [3, 1, 2]);
    }
}
