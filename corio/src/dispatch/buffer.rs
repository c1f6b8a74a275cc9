//! Requests that are to go out: side by side, in the order asked. And the memory for them, which goes round in a box: a load is filled, sent, answered, delivered and filled
//! again.

use super::ids::Waiter;
use super::progress::Progress;
use crate::dispatch::keys::Ticket;

/// As it goes round.
pub(crate) type Boxed<K, A> = Box<Load<K, A>>;

// In this order: see `Answered`.
#[repr(C)]
pub(crate) struct Load<K, A> {
    pub(crate) progress: Progress,
    /// Which batch of the run it is; 0 before it is sent, and for answers that were kept.
    pub(crate) batch: u64,
    pub(crate) waiters: Vec<Waiter>,
    pub(crate) keys: Vec<K>,
    /// Empty on the way out. On the way to those who wait the last is the first to be taken; when there are fewer than waiters, the first of these have got theirs.
    pub(crate) answers: Vec<A>,
    /// What most requests do without.
    pub(crate) marks: Option<Box<Marks<K>>>,
}

pub(crate) struct Marks<K> {
    /// How often each was sent before; empty if none was.
    pub(crate) attempts: Vec<u32>,
    /// The ticket of each, or empty if they have none.
    pub(crate) tickets: Vec<Ticket>,
    /// Copies of the keys that were sent, where a batch that timed out is sent again.
    pub(crate) names: Vec<K>,
}

impl<K> Default for Marks<K> {
    fn default() -> Self {
        Marks { attempts: Vec::new(), tickets: Vec::new(), names: Vec::new() }
    }
}

impl<K> Marks<K> {
    fn is_empty(&self) -> bool {
        self.attempts.is_empty() && self.tickets.is_empty() && self.names.is_empty()
    }

    fn clear(&mut self) {
        self.attempts.clear();
        self.tickets.clear();
        self.names.clear();
    }

    pub(crate) fn attempts(&self, at: usize) -> u32 {
        self.attempts.get(at).copied().unwrap_or(0)
    }

    pub(crate) fn ticket(&self, at: usize) -> Ticket {
        self.tickets.get(at).copied().unwrap_or(NO_TICKET)
    }
}

/// One of them.
pub(crate) struct Entry<K> {
    pub(crate) waiter: Waiter,
    pub(crate) key: K,
    pub(crate) attempts: u32,
    pub(crate) ticket: Ticket,
}

/// Where requests have no numbers.
pub(crate) const NO_TICKET: Ticket = Ticket::numbered(0);

impl<K, A> Default for Load<K, A> {
    fn default() -> Self {
        Load { progress: Progress::none(), batch: 0, waiters: Vec::new(), keys: Vec::new(), answers: Vec::new(), marks: None }
    }
}

impl<K, A> Load<K, A> {
    pub(crate) fn len(&self) -> usize {
        self.waiters.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    pub(crate) fn push(&mut self, entry: Entry<K>) {
        let at = self.waiters.len();
        self.waiters.push(entry.waiter);
        self.keys.push(entry.key);
        if self.marks.is_some() || entry.attempts > 0 || entry.ticket.is_some() {
            let Marks { attempts, tickets, .. } = &mut **self.marks.get_or_insert_default();
            if entry.attempts > 0 || !attempts.is_empty() {
                attempts.resize(at, 0);
                attempts.push(entry.attempts);
            }
            if entry.ticket.is_some() {
                debug_assert_eq!(tickets.len(), at, "all have a ticket, or none");
                tickets.push(entry.ticket);
            }
        }
    }

    /// Adds a request that was not sent before, where each has a ticket.
    pub(crate) fn push_with(&mut self, ticket: Ticket, waiter: Waiter, key: K) {
        self.waiters.push(waiter);
        self.keys.push(key);
        self.marks.get_or_insert_default().tickets.push(ticket);
    }

    /// Gives each a ticket, of those that follow on `last`; gives the last of them.
    pub(crate) fn number(&mut self, last: u64) -> u64 {
        let newest = last + self.len() as u64;
        self.marks.get_or_insert_default().tickets.extend((last + 1..=newest).map(Ticket::numbered));
        newest
    }

    /// Adds one who gets an answer, with the number in the order of asking if there is one.
    #[inline]
    pub(crate) fn give(&mut self, ticket: Ticket, waiter: Waiter, answer: A) {
        self.waiters.push(waiter);
        self.answers.push(answer);
        if ticket.is_some() {
            self.marks.get_or_insert_default().tickets.push(ticket);
        }
    }

    /// Adds all who get answers from another.
    pub(crate) fn append_given(&mut self, other: &mut Self) {
        self.waiters.append(&mut other.waiters);
        self.answers.append(&mut other.answers);
        if let (Some(marks), Some(others)) = (&mut self.marks, &mut other.marks) {
            marks.tickets.append(&mut others.tickets);
        }
    }

    /// Puts those who get answers into the order of asking, where they have numbers.
    pub(crate) fn sort_given(&mut self) {
        let Some(Marks { tickets, .. }) = self.marks.as_deref_mut().filter(|marks| !marks.tickets.is_sorted_by_key(|ticket| ticket.number)) else { return };
        let mut given: Vec<_> = tickets.drain(..).zip(self.waiters.drain(..).zip(self.answers.drain(..))).collect();
        given.sort_by_key(|(ticket, _)| ticket.number);
        for (ticket, (waiter, answer)) in given {
            self.give(ticket, waiter, answer);
        }
    }

    /// Takes everything out, and leaves the memory.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Entry<K>> + '_ {
        let Load { waiters, keys, marks, .. } = self;
        let entry = |(at, (waiter, key))| match marks {
            Some(marks) => Entry { waiter, key, attempts: marks.attempts(at), ticket: marks.ticket(at) },
            None => Entry { waiter, key, attempts: 0, ticket: NO_TICKET },
        };
        waiters.drain(..).zip(keys.drain(..)).enumerate().map(entry)
    }

    /// Takes out those that `is_wanted` does not want; gives their keys, to be dropped where nothing is borrowed.
    pub(crate) fn take_unwanted(&mut self, is_wanted: &mut dyn FnMut(Waiter) -> bool) -> Vec<K> {
        debug_assert!(self.marks.as_ref().is_none_or(|marks| marks.is_empty()), "what has tickets waits elsewhere");
        let mut wanted = 0;
        for at in 0..self.waiters.len() {
            if is_wanted(self.waiters[at]) {
                self.waiters.swap(wanted, at);
                self.keys.swap(wanted, at);
                wanted += 1;
            }
        }
        self.waiters.truncate(wanted);
        self.keys.split_off(wanted)
    }

    /// Parts of at most `max` requests.
    pub(crate) fn drain_into_parts(&mut self, max: usize, empty: impl Fn() -> Boxed<K, A>) -> Vec<Boxed<K, A>> {
        let mut parts: Vec<Boxed<K, A>> = Vec::with_capacity(self.len().div_ceil(max));
        for entry in self.drain() {
            match parts.last_mut().filter(|part| part.len() < max) {
                Some(part) => part.push(entry),
                None => {
                    let mut part = empty();
                    part.push(entry);
                    parts.push(part);
                }
            }
        }
        parts
    }

    /// How often the request at a position was sent before.
    pub(crate) fn attempts(&self, position: usize) -> u32 {
        self.marks.as_ref().map_or(0, |marks| marks.attempts(position))
    }

    pub(crate) fn ticket(&self, position: usize) -> Ticket {
        self.marks.as_ref().map_or(NO_TICKET, |marks| marks.ticket(position))
    }

    /// Keeps copies of the keys.
    pub(crate) fn copy_keys(&mut self, copy: fn(&K) -> K) {
        self.marks.get_or_insert_default().names.extend(self.keys.iter().map(copy));
    }

    pub(crate) fn names(&self) -> &[K] {
        self.marks.as_ref().map_or(&[], |marks| &marks.names)
    }

    /// Holds this request and no other. Where one was before nothing is allocated.
    #[inline]
    pub(crate) fn fill_with_one(&mut self, waiter: Waiter, key: K) {
        debug_assert!(self.marks.as_ref().is_none_or(|marks| marks.is_empty()), "what has marks goes another way");
        self.waiters.clear();
        self.waiters.push(waiter);
        self.keys.clear();
        self.keys.push(key);
        self.answers.clear();
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.batch = 0;
        self.waiters.clear();
        self.keys.clear();
        self.answers.clear();
        if let Some(marks) = &mut self.marks {
            marks.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(keys: &[u32]) -> Load<u32, ()> {
        let mut load = Load::default();
        for (at, key) in keys.iter().enumerate() {
            load.push(Entry { waiter: Waiter(at as u64), key: *key, attempts: u32::from(*key == 9), ticket: NO_TICKET });
        }
        load
    }

    fn keys(loads: Vec<Boxed<u32, ()>>) -> Vec<Vec<u32>> {
        loads.into_iter().map(|load| load.keys).collect()
    }

    #[test]
    fn parts_are_filled_in_order() {
        assert_eq!(keys(load(&[1, 2, 3, 4, 5]).drain_into_parts(2, Box::default)), [vec![1, 2], vec![3, 4], vec![5]]);
        assert_eq!(keys(load(&[1, 2]).drain_into_parts(2, Box::default)), [vec![1, 2]]);
    }

    #[test]
    fn those_that_are_wanted_keep_their_keys() {
        let mut load = load(&[1, 2, 3]);
        assert_eq!(load.take_unwanted(&mut |waiter| waiter != Waiter(1)), [2]);
        assert_eq!((load.waiters, load.keys), (vec![Waiter(0), Waiter(2)], vec![1, 3]));
    }
}
