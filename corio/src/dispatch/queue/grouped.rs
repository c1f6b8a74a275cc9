//! Requests by group: keys of one group may leave together. Each group has a wait queue and a limit
//! of its own, so that a group whose batch is slow holds back no other.
//!
//! Invariants:
//!
//! - A group keeps its number as long as requests of it wait, or batches of it are in flight or
//!   count for its rate; no other group has the number meanwhile. Unused groups are forgotten when
//!   they are half of all, so that groups which come and go leave nothing behind.
//! - A group with waiting requests is either in `ready` or in `held`, once; a group without is in
//!   neither.
//! - `in_use` is the number of groups that are in use in this sense, `waiting` the number of
//!   waiting requests.
//!
//! Only `number` and `clear` may run user code.

use std::collections::{BTreeSet, VecDeque};
use std::mem;

use super::backlog::Backlog;
use crate::dispatch::buffer::QueuedRequest;
use crate::dispatch::keys::Groups;
use crate::dispatch::rate::Rate;

/// The waiting requests of a queue, in their groups.
pub(super) struct GroupedRequests<K> {
    /// Numbers the groups of keys.
    groups: Groups<K>,
    /// The groups, indexed by number.
    all: Vec<KeyGroup<K>>,
    /// Groups with waiting requests whose batches are below the limits, in the order in which the
    /// groups became so.
    ready: VecDeque<u32>,
    /// Groups with waiting requests whose batches are at a limit.
    held: BTreeSet<u32>,
    limits: GroupLimits,
    /// Number of groups that are in use.
    in_use: usize,
    /// Number of waiting requests in all groups.
    waiting: usize,
}

/// One group of keys.
struct KeyGroup<K> {
    waiting: Backlog<K>,
    /// Number of batches in flight, the parts of one batch counted once.
    in_flight: usize,
    /// Number of batches that count for the rate.
    recent: usize,
}

/// What each group has at most.
#[derive(Clone, Copy)]
struct GroupLimits {
    in_flight: usize,
    recent: usize,
}

impl<K> KeyGroup<K> {
    /// Whether requests wait, or batches are in flight or count for the rate.
    fn is_in_use(&self) -> bool {
        self.in_flight > 0 || self.recent > 0 || !self.waiting.is_empty()
    }

    fn is_at(&self, limits: GroupLimits) -> bool {
        self.in_flight >= limits.in_flight || self.recent >= limits.recent
    }
}

/// Number of unused groups that are never worth a search.
const SLACK: usize = 32;

impl<K> GroupedRequests<K> {
    /// No requests. Each group may have so many batches in flight, and has this rate.
    pub(super) fn new(groups: Groups<K>, in_flight: usize, rate: Option<Rate>) -> Self {
        let recent = rate.map_or(usize::MAX, |rate| rate.batches);
        GroupedRequests {
            groups,
            all: Vec::new(),
            ready: VecDeque::new(),
            held: BTreeSet::new(),
            limits: GroupLimits { in_flight, recent },
            in_use: 0,
            waiting: 0,
        }
    }

    /// Returns the number of the group of a key, after forgetting unused groups if they are too
    /// many. Runs user code.
    pub(super) fn number(&mut self, key: &K) -> u32 {
        if self.groups.len() > 2 * self.in_use + SLACK {
            let all = &self.all;
            self.groups
                .retain(&mut |group| all.get(group as usize).is_some_and(KeyGroup::is_in_use));
        }
        self.groups.number(key)
    }

    /// Adds a request to its group.
    pub(super) fn push(&mut self, group: u32, entry: QueuedRequest<K>) {
        let index = group as usize;
        if self.all.len() <= index {
            let unused = || KeyGroup { waiting: Backlog::default(), in_flight: 0, recent: 0 };
            self.all.resize_with(index + 1, unused);
        }
        self.update(group, |group| group.waiting.push(entry));
        self.waiting += 1;
    }

    /// Returns the first group that may send.
    pub(super) fn next_ready(&self) -> Option<u32> {
        self.ready.front().copied()
    }

    /// Takes the first request of `group`, which must be the first group that may send.
    pub(super) fn pop(&mut self, group: u32) -> Option<QueuedRequest<K>> {
        let of_group = &mut self.all[group as usize];
        let entry = of_group.waiting.pop()?;
        self.waiting -= 1;
        if of_group.waiting.is_empty() {
            self.in_use -= usize::from(!of_group.is_in_use());
            let first = self.ready.pop_front();
            debug_assert_eq!(first, Some(group));
        }
        Some(entry)
    }

    /// How many batches the rate lets a group send now.
    pub(super) fn room(&self, group: u32) -> usize {
        self.limits.recent.saturating_sub(self.all[group as usize].recent)
    }

    /// Whether requests wait in groups that are at a limit.
    pub(super) fn has_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// Counts a batch of this group for its rate. Its requests must have been popped before.
    pub(super) fn batch_leaves(&mut self, group: u32) {
        self.update(group, |group| group.recent += 1);
    }

    /// A batch of this group counts for its rate no more.
    pub(super) fn batch_is_over(&mut self, group: u32) {
        self.update(group, |group| group.recent -= 1);
    }

    /// Counts a batch of this group as in flight. Its requests must have been popped before.
    pub(super) fn begin_batch(&mut self, group: u32) {
        self.update(group, |group| group.in_flight += 1);
    }

    /// Counts a batch of this group as no longer in flight.
    pub(super) fn finish_batch(&mut self, group: u32) {
        self.update(group, |group| group.in_flight -= 1);
    }

    /// Applies a change to a group, then updates `ready`, `held` and `in_use`.
    fn update(&mut self, number: u32, change: impl FnOnce(&mut KeyGroup<K>)) {
        let group = &mut self.all[number as usize];
        let (was_in_use, was_waiting, was_at_limit) =
            (group.is_in_use(), !group.waiting.is_empty(), group.is_at(self.limits));
        change(group);
        let (waits, is_at_limit) = (!group.waiting.is_empty(), group.is_at(self.limits));
        self.in_use = self.in_use + usize::from(group.is_in_use()) - usize::from(was_in_use);
        if !waits || was_waiting && was_at_limit == is_at_limit {
            return;
        }
        if is_at_limit {
            if was_waiting {
                // What its rate does not let go with the batch that leaves: it was ready first.
                let place = self.ready.iter().position(|ready| *ready == number);
                place.and_then(|place| self.ready.remove(place));
            }
            self.held.insert(number);
        } else {
            self.held.remove(&number);
            self.ready.push_back(number);
        }
    }

    /// Number of waiting requests in all groups.
    pub(super) fn len(&self) -> usize {
        self.waiting
    }

    /// Moves requests that `is_wanted` rejects to `unwanted`.
    pub(super) fn take_unwanted(
        &mut self,
        is_wanted: &mut dyn FnMut(&QueuedRequest<K>) -> bool,
        unwanted: &mut Vec<QueuedRequest<K>>,
    ) {
        let before = unwanted.len();
        let GroupedRequests { all, ready, held, in_use, .. } = self;
        let mut has_requests = |number: u32| {
            let group = &mut all[number as usize];
            group.waiting.take_unwanted(is_wanted, unwanted);
            *in_use -= usize::from(!group.is_in_use());
            !group.waiting.is_empty()
        };
        ready.retain(|group| has_requests(*group));
        held.retain(|group| has_requests(*group));
        self.waiting -= unwanted.len() - before;
    }

    /// Forgets all groups but those with batches that count for their rate. Returns the requests,
    /// to be dropped.
    pub(super) fn clear(&mut self) -> impl Sized + use<K> {
        self.ready.clear();
        self.held.clear();
        (self.in_use, self.waiting) = (0, 0);
        let mut dropped = Vec::new();
        for group in &mut self.all {
            group.in_flight = 0;
            dropped.push(mem::take(&mut group.waiting));
            self.in_use += usize::from(group.is_in_use());
        }
        if self.in_use == 0 {
            self.all.clear();
        }
        let all = &self.all;
        self.groups.retain(&mut |group| all.get(group as usize).is_some_and(KeyGroup::is_in_use));
        dropped
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::dispatch::buffer::NO_SEQ;
    use crate::dispatch::ids::Waiter;
    use crate::dispatch::keys::Seq;
    use crate::dispatch::keys::groups;

    fn grouped(limit: usize) -> GroupedRequests<u32> {
        GroupedRequests::new(groups(|key: &u32| key / 10), limit, None)
    }

    fn add(grouped: &mut GroupedRequests<u32>, keys: &[u32]) {
        for key in keys {
            let group = grouped.number(key);
            grouped.push(
                group,
                QueuedRequest {
                    waiter: Waiter(u64::from(*key)),
                    key: *key,
                    attempts: 0,
                    seq: NO_SEQ,
                },
            );
        }
    }

    /// Sends a batch of each group that may send.
    fn send(grouped: &mut GroupedRequests<u32>) -> Vec<(u32, Vec<u32>)> {
        let mut sent = Vec::new();
        while let Some(group) = grouped.next_ready() {
            sent.push((
                group,
                std::iter::from_fn(|| grouped.pop(group)).map(|entry| entry.key).collect(),
            ));
            grouped.begin_batch(group);
        }
        sent
    }

    #[test]
    fn a_group_at_its_limit_holds_back_no_other() {
        let mut grouped = grouped(1);
        add(&mut grouped, &[11, 21, 12]);
        assert_eq!(send(&mut grouped), [(0, vec![11, 12]), (1, vec![21])]);
        add(&mut grouped, &[13, 31, 22]);
        assert_eq!(send(&mut grouped), [(2, vec![31])]);
        grouped.finish_batch(1);
        assert_eq!((send(&mut grouped), grouped.len()), (vec![(1, vec![22])], 1));
        grouped.finish_batch(0);
        assert_eq!((send(&mut grouped), grouped.len()), (vec![(0, vec![13])], 0));
    }

    #[test]
    fn unused_groups_are_forgotten_and_used_ones_keep_their_numbers() {
        let mut grouped = grouped(1);
        add(&mut grouped, &[1]);
        send(&mut grouped);
        for group in 1..if cfg!(miri) { 200 } else { 10_000 } {
            add(&mut grouped, &[group * 10]);
            let sent = send(&mut grouped);
            grouped.finish_batch(sent[0].0);
        }
        assert!(grouped.all.len() < 100, "{} groups are known", grouped.all.len());
        assert_eq!(grouped.number(&2), 0);
        add(&mut grouped, &[3]);
        assert_eq!(send(&mut grouped), [], "its batch is still in flight");
    }

    #[test]
    fn unwanted_requests_are_taken_out_with_their_groups() {
        let mut grouped = grouped(1);
        add(&mut grouped, &[11, 21]);
        send(&mut grouped);
        add(&mut grouped, &[12, 31, 13]);
        let mut unwanted = Vec::new();
        grouped.take_unwanted(&mut |entry| entry.key == 13, &mut unwanted);
        assert_eq!((unwanted.len(), grouped.len(), grouped.next_ready()), (2, 1, None));
        grouped.finish_batch(0);
        assert_eq!(send(&mut grouped), [(0, vec![13])]);
    }

    /// A model of `GroupedRequests`: all requests in the order of asking, and the group of each
    /// batch in flight.
    #[derive(Default)]
    struct Naive {
        /// Group and key.
        waiting: Vec<(u32, u32)>,
        in_flight: Vec<u32>,
    }

    impl Naive {
        fn takes(&mut self, takes: impl Fn(&(u32, u32)) -> bool) -> Vec<u32> {
            let taken =
                self.waiting.iter().filter(|request| takes(request)).map(|(_, key)| *key).collect();
            self.waiting.retain(|request| !takes(request));
            taken
        }

        fn of(&self, of: u32) -> usize {
            self.in_flight.iter().filter(|other| **other == of).count()
        }
    }

    #[test]
    fn random_operations_agree_with_a_list() {
        let mut random = fastrand::Rng::with_seed(7);
        for limit in [1, 2, 3, usize::MAX].repeat(if cfg!(miri) { 1 } else { 50 }) {
            let (mut grouped, mut naive) = (grouped(limit), Naive::default());
            // By number, the group (a tenth of its keys).
            let mut group_of: HashMap<u32, u32> = HashMap::new();
            let groups = random.u32(1..100);
            for seq in 1..if cfg!(miri) { 60 } else { 300 } {
                match random.u32(0..10) {
                    0..4 => {
                        let key = random.u32(0..groups * 10);
                        let group = grouped.number(&key);
                        group_of.insert(group, key / 10);
                        grouped.push(
                            group,
                            QueuedRequest {
                                waiter: Waiter(0),
                                key,
                                attempts: 0,
                                seq: Seq::numbered(seq),
                            },
                        );
                        naive.waiting.push((key / 10, key));
                    }
                    4..7 => {
                        let Some(group) = grouped.next_ready() else { continue };
                        let of = group_of[&group];
                        let keys: Vec<u32> = std::iter::from_fn(|| grouped.pop(group))
                            .map(|entry| entry.key)
                            .collect();
                        assert_eq!(keys, naive.takes(|request| request.0 == of));
                        // Some batches are answered in place.
                        if random.bool() {
                            assert!(naive.of(of) < limit);
                            grouped.begin_batch(group);
                            naive.in_flight.push(of);
                        }
                    }
                    7..9 => {
                        if naive.in_flight.is_empty() {
                            continue;
                        }
                        let of =
                            naive.in_flight.swap_remove(random.usize(0..naive.in_flight.len()));
                        let group = grouped.number(&(of * 10));
                        assert_eq!(group_of[&group], of, "a group in use keeps its number");
                        grouped.finish_batch(group);
                    }
                    _ => {
                        let (by, mut unwanted) = (random.u32(2..5), Vec::new());
                        grouped.take_unwanted(&mut |entry| entry.key % by > 0, &mut unwanted);
                        let mut unwanted: Vec<u32> =
                            unwanted.into_iter().map(|entry| entry.key).collect();
                        let mut expected = naive.takes(|request| request.1 % by == 0);
                        unwanted.sort();
                        expected.sort();
                        assert_eq!(unwanted, expected);
                    }
                }
                let waiting: BTreeSet<u32> = naive.waiting.iter().map(|(of, _)| *of).collect();
                let named = |numbers: &mut dyn Iterator<Item = &u32>| {
                    numbers.map(|number| group_of[number]).collect::<Vec<u32>>()
                };
                let (mut ready, mut held) =
                    (named(&mut grouped.ready.iter()), named(&mut grouped.held.iter()));
                ready.sort();
                held.sort();
                assert_eq!(
                    ready,
                    waiting.iter().copied().filter(|of| naive.of(*of) < limit).collect::<Vec<_>>()
                );
                assert_eq!(
                    held,
                    waiting.iter().copied().filter(|of| naive.of(*of) >= limit).collect::<Vec<_>>()
                );
                let in_use: BTreeSet<u32> =
                    waiting.iter().chain(&naive.in_flight).copied().collect();
                assert_eq!((grouped.len(), grouped.in_use), (naive.waiting.len(), in_use.len()));
            }
        }
    }
}
