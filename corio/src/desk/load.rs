//! Requests that are to go out: side by side, in the order asked.

use super::Waiter;
use super::dedup::Ticket;

pub(super) struct Load<K> {
    pub(super) waiters: Vec<Waiter>,
    pub(super) keys: Vec<K>,
    /// How often each was sent before; empty if none was.
    pub(super) attempts: Vec<u32>,
    /// With dedup the ticket of each, up to the last that was settled; otherwise empty.
    pub(super) tickets: Vec<Ticket>,
}

/// One of them.
pub(super) struct Entry<K> {
    pub(super) waiter: Waiter,
    pub(super) key: K,
    pub(super) attempts: u32,
    pub(super) ticket: Ticket,
}

/// Where there is no dedup.
pub(super) const NO_TICKET: Ticket = 0;

impl<K> Default for Load<K> {
    fn default() -> Self {
        Load { waiters: Vec::new(), keys: Vec::new(), attempts: Vec::new(), tickets: Vec::new() }
    }
}

impl<K> Load<K> {
    pub(super) fn len(&self) -> usize {
        self.waiters.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    pub(super) fn push(&mut self, entry: Entry<K>) {
        let at = self.waiters.len();
        self.waiters.push(entry.waiter);
        self.keys.push(entry.key);
        if entry.attempts > 0 || !self.attempts.is_empty() {
            self.attempts.resize(at, 0);
            self.attempts.push(entry.attempts);
        }
        if entry.ticket != NO_TICKET {
            self.tickets.push(entry.ticket);
        }
    }

    pub(super) fn append(&mut self, other: &mut Load<K>) {
        for entry in other.drain() {
            self.push(entry);
        }
    }

    /// Takes everything out, and leaves the memory.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Entry<K>> + '_ {
        let (mut attempts, mut tickets) = (self.attempts.drain(..), self.tickets.drain(..));
        let entry = move |(waiter, key)| Entry { waiter, key, attempts: attempts.next().unwrap_or(0), ticket: tickets.next().unwrap_or(NO_TICKET) };
        self.waiters.drain(..).zip(self.keys.drain(..)).map(entry)
    }

    /// Keeps those that `keep` says, from waiter, key and ticket.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(Waiter, &K, Ticket) -> bool) {
        let kept: Vec<bool> = (0..self.len()).map(|at| keep(self.waiters[at], &self.keys[at], self.tickets.get(at).copied().unwrap_or(NO_TICKET))).collect();
        if kept.iter().all(|kept| *kept) {
            return;
        }
        let is_kept = |at: &mut usize| {
            *at += 1;
            kept[*at - 1]
        };
        let (mut a, mut b, mut c, mut d) = (0, 0, 0, 0);
        self.waiters.retain(|_| is_kept(&mut a));
        self.keys.retain(|_| is_kept(&mut b));
        self.attempts.retain(|_| is_kept(&mut c));
        self.tickets.retain(|_| is_kept(&mut d));
    }

    /// Parts of at most `max` requests, of one group each where there are groups.
    pub(super) fn drain_into_parts(&mut self, groups: &[usize], max: usize, empty: impl Fn() -> Load<K>) -> Vec<Load<K>> {
        let mut parts: Vec<Load<K>> = Vec::with_capacity(self.len().div_ceil(max));
        // By group, the part that its next request goes into. Without groups it is the last.
        let mut open: Vec<Option<usize>> = Vec::new();
        for (at, entry) in self.drain().enumerate() {
            let part = match groups.get(at) {
                None => parts.len().checked_sub(1),
                Some(group) => open.get(*group).copied().flatten(),
            };
            let part = part.filter(|part| parts[*part].len() < max).unwrap_or_else(|| {
                parts.push(empty());
                parts.len() - 1
            });
            parts[part].push(entry);
            if let Some(group) = groups.get(at) {
                open.resize(open.len().max(group + 1), None);
                open[*group] = Some(part);
            }
        }
        parts
    }

    /// The longest beginning that may go out as one batch, and the rest.
    pub(super) fn split_front(mut self, groups: &[usize], max: usize) -> (Load<K>, Load<K>) {
        let of_one_group = groups.iter().take_while(|group| **group == groups[0]).count();
        let len = if groups.is_empty() { max } else { max.min(of_one_group) };
        let (mut front, mut rest) = (Load::default(), Load::default());
        for (at, entry) in self.drain().enumerate() {
            if at < len { front.push(entry) } else { rest.push(entry) }
        }
        (front, rest)
    }

    pub(super) fn clear(&mut self) {
        self.waiters.clear();
        self.keys.clear();
        self.attempts.clear();
        self.tickets.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(keys: &[u32]) -> Load<u32> {
        let mut load = Load::default();
        for (at, key) in keys.iter().enumerate() {
            load.push(Entry { waiter: Waiter(at as u64), key: *key, attempts: u32::from(*key == 9), ticket: NO_TICKET });
        }
        load
    }

    fn keys(loads: Vec<Load<u32>>) -> Vec<Vec<u32>> {
        loads.into_iter().map(|load| load.keys).collect()
    }

    #[test]
    fn parts_are_filled_in_order() {
        assert_eq!(keys(load(&[1, 2, 3, 4, 5]).drain_into_parts(&[], 2, Load::default)), [vec![1, 2], vec![3, 4], vec![5]]);
        assert_eq!(keys(load(&[1, 2]).drain_into_parts(&[], 2, Load::default)), [vec![1, 2]]);
    }

    #[test]
    fn a_part_has_one_group() {
        assert_eq!(
            keys(load(&[1, 2, 3, 4, 5, 6, 7]).drain_into_parts(&[0, 1, 0, 1, 0, 1, 2], 2, Load::default)),
            [vec![1, 3], vec![2, 4], vec![5], vec![6], vec![7]]
        );
    }

    #[test]
    fn a_front_ends_where_its_group_does() {
        let (front, rest) = load(&[1, 2, 3, 4]).split_front(&[0, 0, 1, 0], 9);
        assert_eq!((front.keys, rest.keys), (vec![1, 2], vec![3, 4]));
        let (front, rest) = load(&[1, 2, 3]).split_front(&[], 1);
        assert_eq!((front.keys, rest.keys), (vec![1], vec![2, 3]));
    }

    #[test]
    fn attempts_stay_with_their_requests() {
        let mut load = load(&[1, 9, 2]);
        assert_eq!(load.attempts, [0, 1, 0]);
        load.retain(|_, key, _| *key != 1);
        assert_eq!((load.keys, load.attempts, load.waiters), (vec![9, 2], vec![1, 0], vec![Waiter(1), Waiter(2)]));
    }
}
