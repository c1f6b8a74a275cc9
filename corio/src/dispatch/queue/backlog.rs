//! A wait queue in the order of asking.
//!
//! New requests join at the end. A requeued request has an older sequence number, and is taken
//! before everything that was asked after it. Requeued requests arrive in any order and one at a
//! time, so they lie in a heap: n of them among m newer requests cost O(n log n), whenever they
//! arrive. Requeued requests without sequence numbers are taken first, in the order of their
//! return.
//!
//! Invariant: `fresh` is sorted by sequence number. No method runs user code.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use crate::dispatch::buffer::QueuedRequest;

/// Requests in the order of asking.
pub(super) struct Backlog<K> {
    /// Requests that were sent before, or that arrived out of order.
    requeued: BinaryHeap<Requeued<K>>,
    /// Number of requests that were ever put into `requeued`. Breaks ties between equal sequence
    /// numbers.
    requeue_count: u64,
    /// Requests that were never sent, and any that was put back, sorted by sequence number.
    fresh: VecDeque<QueuedRequest<K>>,
}

/// An entry of the heap.
struct Requeued<K> {
    entry: QueuedRequest<K>,
    /// Value of `requeue_count` when the entry was added.
    order: u64,
}

impl<K> Requeued<K> {
    fn rank(&self) -> (u64, u64) {
        (self.entry.seq.number, self.order)
    }
}

// The order is reversed: `BinaryHeap` takes the greatest entry first, which has to be the lowest
// rank.
impl<K> Ord for Requeued<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.rank().cmp(&self.rank())
    }
}

impl<K> PartialOrd for Requeued<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> PartialEq for Requeued<K> {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl<K> Eq for Requeued<K> {}

impl<K> Default for Backlog<K> {
    fn default() -> Self {
        Backlog { requeued: BinaryHeap::new(), requeue_count: 0, fresh: VecDeque::new() }
    }
}

impl<K> Backlog<K> {
    /// Number of requests.
    pub(super) fn len(&self) -> usize {
        self.requeued.len() + self.fresh.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.requeued.is_empty() && self.fresh.is_empty()
    }

    /// Adds a request: at the end, if it was never sent and no later one is there; otherwise to the
    /// heap.
    pub(super) fn push(&mut self, entry: QueuedRequest<K>) {
        let is_newest =
            self.fresh.back().is_none_or(|newest| newest.seq.number <= entry.seq.number);
        if entry.attempts == 0 && is_newest {
            self.fresh.push_back(entry);
        } else {
            self.requeue_count += 1;
            self.requeued.push(Requeued { entry, order: self.requeue_count });
        }
    }

    /// Takes the first request.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<QueuedRequest<K>> {
        let requeued = self.requeued.peek().map(|requeued| requeued.entry.seq.number);
        match (requeued, self.fresh.front()) {
            (Some(requeued), Some(fresh)) if fresh.seq.number < requeued => self.fresh.pop_front(),
            (Some(_), _) => self.requeued.pop().map(|requeued| requeued.entry),
            (None, _) => self.fresh.pop_front(),
        }
    }

    /// Puts back the request that was popped last.
    pub(super) fn put_back(&mut self, entry: QueuedRequest<K>) {
        debug_assert!(self.fresh.front().is_none_or(|first| entry.seq.number <= first.seq.number));
        self.fresh.push_front(entry);
    }

    /// Moves requests that `is_wanted` rejects to `unwanted`. The caller drops them, and so their
    /// keys, when nothing is borrowed.
    pub(super) fn take_unwanted(
        &mut self,
        is_wanted: &mut dyn FnMut(&QueuedRequest<K>) -> bool,
        unwanted: &mut Vec<QueuedRequest<K>>,
    ) {
        let (requeued, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.requeued)
            .into_vec()
            .into_iter()
            .partition(|requeued| is_wanted(&requeued.entry));
        self.requeued = requeued.into();
        unwanted.extend(rest.into_iter().map(|requeued| requeued.entry));
        for _ in 0..self.fresh.len() {
            let Some(entry) = self.fresh.pop_front() else { break };
            if is_wanted(&entry) {
                self.fresh.push_back(entry);
            } else {
                unwanted.push(entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::ids::Waiter;
    use crate::dispatch::keys::Seq;

    fn entry(key: u32, seq: u64, attempts: u32) -> QueuedRequest<u32> {
        QueuedRequest { waiter: Waiter(0), key, attempts, seq: Seq::numbered(seq) }
    }

    fn keys(backlog: &mut Backlog<u32>) -> Vec<u32> {
        std::iter::from_fn(|| backlog.pop()).map(|entry| entry.key).collect()
    }

    #[test]
    fn requeued_requests_are_taken_in_the_order_of_asking() {
        let mut backlog = Backlog::default();
        for (key, seq, attempts) in
            [(40, 4, 0), (30, 3, 1), (50, 5, 0), (10, 1, 2), (60, 6, 1), (70, 7, 0)]
        {
            backlog.push(entry(key, seq, attempts));
        }
        assert_eq!(keys(&mut backlog), [10, 30, 40, 50, 60, 70]);
    }

    #[test]
    fn unnumbered_requeued_requests_are_first_in_the_order_of_return() {
        let mut backlog = Backlog::default();
        for (key, attempts) in [(4, 0), (3, 1), (5, 0), (1, 1), (2, 1)] {
            backlog.push(entry(key, 0, attempts));
        }
        assert_eq!(keys(&mut backlog), [3, 1, 2, 4, 5]);
    }

    #[test]
    fn a_request_that_is_put_back_is_first_again() {
        let mut backlog = Backlog::default();
        for (key, seq, attempts) in [(20, 2, 0), (10, 1, 1), (30, 3, 1)] {
            backlog.push(entry(key, seq, attempts));
        }
        let first = backlog.pop().unwrap();
        backlog.put_back(first);
        assert_eq!(keys(&mut backlog), [10, 20, 30]);
    }

    #[test]
    fn unwanted_requests_are_taken_out_and_the_rest_stays_in_order() {
        let mut backlog = Backlog::default();
        for (key, seq, attempts) in [(40, 4, 0), (30, 3, 1), (50, 5, 0), (10, 1, 1)] {
            backlog.push(entry(key, seq, attempts));
        }
        let mut unwanted = Vec::new();
        backlog.take_unwanted(&mut |entry| entry.key % 20 == 10, &mut unwanted);
        assert_eq!(unwanted.iter().map(|entry| entry.key).collect::<Vec<_>>(), [40]);
        assert_eq!(keys(&mut backlog), [10, 30, 50]);
    }

    /// A model of `Backlog`: one sorted list.
    #[derive(Default)]
    struct Naive {
        /// Rank (sequence number, whether the request was never sent, order of arrival) and key.
        entries: Vec<((u64, bool, u32), u32)>,
        arrivals: u32,
    }

    impl Naive {
        fn push(&mut self, key: u32, seq: u64, attempts: u32) {
            self.arrivals += 1;
            self.entries.push(((seq, attempts == 0, self.arrivals), key));
            self.entries.sort();
        }
    }

    #[test]
    fn random_operations_agree_with_a_sorted_list() {
        let mut random = fastrand::Rng::with_seed(7);
        for with_seqs in [true, false].repeat(if cfg!(miri) { 1 } else { 100 }) {
            let (mut backlog, mut naive) = (Backlog::default(), Naive::default());
            // Requests that were popped, and may be requeued.
            let mut sent: Vec<QueuedRequest<u32>> = Vec::new();
            let mut last = 0;
            for _ in 0..if cfg!(miri) { 50 } else { 300 } {
                match random.u32(0..8) {
                    0..3 => {
                        last += 1;
                        let seq = if with_seqs { u64::from(last) } else { 0 };
                        backlog.push(entry(last, seq, 0));
                        naive.push(last, seq, 0);
                    }
                    3..6 => {
                        let first = if naive.entries.is_empty() {
                            None
                        } else {
                            Some(naive.entries.remove(0))
                        };
                        let taken = backlog.pop();
                        assert_eq!(
                            taken.as_ref().map(|entry| entry.key),
                            first.map(|(_, key)| key)
                        );
                        match (taken, first) {
                            (Some(taken), Some(first)) if with_seqs && random.u32(0..3) == 0 => {
                                backlog.put_back(taken);
                                naive.entries.insert(0, first);
                            }
                            (taken, _) => sent.extend(taken),
                        }
                    }
                    6 => {
                        if sent.is_empty() {
                            continue;
                        }
                        let QueuedRequest { key, seq, attempts, .. } =
                            sent.swap_remove(random.usize(0..sent.len()));
                        backlog.push(entry(key, seq.number, attempts + 1));
                        naive.push(key, seq.number, attempts + 1);
                    }
                    _ => {
                        let (by, mut unwanted) = (random.u32(3..9), Vec::new());
                        backlog.take_unwanted(&mut |entry| entry.key % by > 0, &mut unwanted);
                        let before = naive.entries.len();
                        naive.entries.retain(|(_, key)| key % by > 0);
                        assert_eq!(unwanted.len(), before - naive.entries.len());
                    }
                }
                assert_eq!(backlog.len(), naive.entries.len());
            }
            assert_eq!(
                keys(&mut backlog),
                naive.entries.iter().map(|(_, key)| *key).collect::<Vec<_>>()
            );
        }
    }
}
