//! Requests that are to go out: side by side, in the order asked. And the memory for them, which goes round: a load is filled, sent, answered, delivered and filled again.

use super::Waiter;
use super::dedup::Ticket;

pub(super) struct Load<K, A> {
    pub(super) waiters: Vec<Waiter>,
    pub(super) keys: Vec<K>,
    /// Room for the answers; empty on the way out.
    pub(super) answers: Vec<A>,
    /// What most requests do without.
    pub(super) marks: Option<Box<Marks>>,
}

#[derive(Default)]
pub(super) struct Marks {
    /// How often each was sent before; empty if none was.
    pub(super) attempts: Vec<u32>,
    /// With dedup the ticket of each, up to the last that was settled; otherwise empty.
    pub(super) tickets: Vec<Ticket>,
}

impl Marks {
    pub(super) fn attempts(&self, at: usize) -> u32 {
        self.attempts.get(at).copied().unwrap_or(0)
    }

    pub(super) fn ticket(&self, at: usize) -> Ticket {
        self.tickets.get(at).copied().unwrap_or(NO_TICKET)
    }
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

impl<K, A> Default for Load<K, A> {
    fn default() -> Self {
        Load { waiters: Vec::new(), keys: Vec::new(), answers: Vec::new(), marks: None }
    }
}

impl<K, A> Load<K, A> {
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
        if self.marks.is_some() || entry.attempts > 0 || entry.ticket != NO_TICKET {
            let Marks { attempts, tickets } = &mut **self.marks.get_or_insert_default();
            if entry.attempts > 0 || !attempts.is_empty() {
                attempts.resize(at, 0);
                attempts.push(entry.attempts);
            }
            if entry.ticket != NO_TICKET {
                tickets.push(entry.ticket);
            }
        }
    }

    pub(super) fn append(&mut self, other: &mut Load<K, A>) {
        for entry in other.drain() {
            self.push(entry);
        }
    }

    /// Takes everything out, and leaves the memory.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Entry<K>> + '_ {
        let marks = self.marks.take().map_or_else(Marks::default, |marks| *marks);
        let entry = move |(at, (waiter, key))| Entry { waiter, key, attempts: marks.attempts(at), ticket: marks.ticket(at) };
        self.waiters.drain(..).zip(self.keys.drain(..)).enumerate().map(entry)
    }

    /// How many have a ticket: the first of them.
    pub(super) fn settled(&self) -> usize {
        self.marks.as_ref().map_or(0, |marks| marks.tickets.len())
    }

    /// Keeps those that `keep` says, from waiter, key and ticket.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(Waiter, &K, Ticket) -> bool) {
        let ticket = |at: usize| self.marks.as_ref().map_or(NO_TICKET, |marks| marks.ticket(at));
        let kept: Vec<bool> = (0..self.len()).map(|at| keep(self.waiters[at], &self.keys[at], ticket(at))).collect();
        if kept.iter().all(|kept| *kept) {
            return;
        }
        keep_those(&mut self.waiters, &kept);
        keep_those(&mut self.keys, &kept);
        if let Some(marks) = &mut self.marks {
            keep_those(&mut marks.attempts, &kept);
            keep_those(&mut marks.tickets, &kept);
        }
    }

    /// Parts of at most `max` requests, of one group each where there are groups.
    pub(super) fn drain_into_parts(&mut self, groups: &[usize], max: usize, empty: impl Fn() -> Load<K, A>) -> Vec<Load<K, A>> {
        let mut parts: Vec<Load<K, A>> = Vec::with_capacity(self.len().div_ceil(max));
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
    pub(super) fn split_front(mut self, groups: &[usize], max: usize) -> (Load<K, A>, Load<K, A>) {
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
        self.answers.clear();
        self.marks = None;
    }
}

fn keep_those<T>(list: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    list.retain(|_| kept.next().is_some_and(|kept| *kept));
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

    fn keys(loads: Vec<Load<u32, ()>>) -> Vec<Vec<u32>> {
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
        load.retain(|_, key, _| *key != 1);
        let entries: Vec<_> = load.drain().map(|entry| (entry.waiter, entry.key, entry.attempts)).collect();
        assert_eq!(entries, [(Waiter(1), 9, 1), (Waiter(2), 2, 0)]);
    }
}
