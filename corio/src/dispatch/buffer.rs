//! Requests that are to go out: side by side, in the order asked. And the memory for them, which
//! goes round in a box: a load is filled, sent, answered, delivered and filled again.

use super::cursor::Cursor;
use super::ids::Waiter;
use crate::dispatch::keys::Seq;

/// As it goes round.
pub(crate) type PooledBuf<K, A> = Box<BatchBuf<K, A>>;

// In this order: see `ReadyBatch`.
#[repr(C)]
pub(crate) struct BatchBuf<K, A> {
    pub(crate) cursor: Cursor,
    /// Which batch of the run it is; 0 before it is sent, and for answers that were kept.
    pub(crate) batch: u64,
    pub(crate) waiters: Vec<Waiter>,
    pub(crate) keys: Vec<K>,
    /// Empty on the way out. On the way to those who wait the last is the first to be taken; when
    /// there are fewer than waiters, the first of these have got theirs.
    pub(crate) answers: Vec<A>,
    /// What most requests do without.
    pub(crate) meta: Option<Box<BatchMeta<K>>>,
}

pub(crate) struct BatchMeta<K> {
    /// How often each was sent before; empty if none was.
    pub(crate) attempts: Vec<u32>,
    /// The ticket of each, or empty if they have none.
    pub(crate) seqs: Vec<Seq>,
    /// Copies of the keys that were sent, where a batch that timed out is sent again.
    pub(crate) sent_keys: Vec<K>,
}

impl<K> Default for BatchMeta<K> {
    fn default() -> Self {
        BatchMeta { attempts: Vec::new(), seqs: Vec::new(), sent_keys: Vec::new() }
    }
}

impl<K> BatchMeta<K> {
    fn is_empty(&self) -> bool {
        self.attempts.is_empty() && self.seqs.is_empty() && self.sent_keys.is_empty()
    }

    fn clear(&mut self) {
        self.attempts.clear();
        self.seqs.clear();
        self.sent_keys.clear();
    }

    pub(crate) fn attempts(&self, at: usize) -> u32 {
        self.attempts.get(at).copied().unwrap_or(0)
    }

    pub(crate) fn seq(&self, at: usize) -> Seq {
        self.seqs.get(at).copied().unwrap_or(NO_SEQ)
    }
}

/// One of them.
pub(crate) struct QueuedRequest<K> {
    pub(crate) waiter: Waiter,
    pub(crate) key: K,
    pub(crate) attempts: u32,
    pub(crate) seq: Seq,
}

/// Where requests have no numbers.
pub(crate) const NO_SEQ: Seq = Seq::numbered(0);

impl<K, A> Default for BatchBuf<K, A> {
    fn default() -> Self {
        BatchBuf {
            cursor: Cursor::none(),
            batch: 0,
            waiters: Vec::new(),
            keys: Vec::new(),
            answers: Vec::new(),
            meta: None,
        }
    }
}

impl<K, A> BatchBuf<K, A> {
    pub(crate) fn len(&self) -> usize {
        self.waiters.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    pub(crate) fn push(&mut self, entry: QueuedRequest<K>) {
        let at = self.waiters.len();
        self.waiters.push(entry.waiter);
        self.keys.push(entry.key);
        if self.meta.is_some() || entry.attempts > 0 || entry.seq.is_some() {
            let BatchMeta { attempts, seqs, .. } = &mut **self.meta.get_or_insert_default();
            if entry.attempts > 0 || !attempts.is_empty() {
                attempts.resize(at, 0);
                attempts.push(entry.attempts);
            }
            if entry.seq.is_some() {
                debug_assert_eq!(seqs.len(), at, "all have a ticket, or none");
                seqs.push(entry.seq);
            }
        }
    }

    /// Adds a request that was not sent before, where each has a ticket.
    pub(crate) fn push_with(&mut self, seq: Seq, waiter: Waiter, key: K) {
        self.waiters.push(waiter);
        self.keys.push(key);
        self.meta.get_or_insert_default().seqs.push(seq);
    }

    /// Gives each a ticket, of those that follow on `last`; gives the last of them.
    pub(crate) fn number(&mut self, last: u64) -> u64 {
        let newest = last + self.len() as u64;
        self.meta.get_or_insert_default().seqs.extend((last + 1..=newest).map(Seq::numbered));
        newest
    }

    /// Adds one who gets an answer, with the number in the order of asking if there is one.
    #[inline]
    pub(crate) fn give(&mut self, seq: Seq, waiter: Waiter, answer: A) {
        self.waiters.push(waiter);
        self.answers.push(answer);
        if seq.is_some() {
            self.meta.get_or_insert_default().seqs.push(seq);
        }
    }

    /// Adds all who get answers from another.
    pub(crate) fn append_given(&mut self, other: &mut Self) {
        self.waiters.append(&mut other.waiters);
        self.answers.append(&mut other.answers);
        if let (Some(meta), Some(others)) = (&mut self.meta, &mut other.meta) {
            meta.seqs.append(&mut others.seqs);
        }
    }

    /// Puts those who get answers into the order of asking, where they have numbers.
    pub(crate) fn sort_given(&mut self) {
        let Some(BatchMeta { seqs, .. }) =
            self.meta.as_deref_mut().filter(|meta| !meta.seqs.is_sorted_by_key(|seq| seq.number))
        else {
            return;
        };
        let mut given: Vec<_> =
            seqs.drain(..).zip(self.waiters.drain(..).zip(self.answers.drain(..))).collect();
        given.sort_by_key(|(seq, _)| seq.number);
        for (seq, (waiter, answer)) in given {
            self.give(seq, waiter, answer);
        }
    }

    /// Takes everything out, and leaves the memory.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = QueuedRequest<K>> + '_ {
        let BatchBuf { waiters, keys, meta, .. } = self;
        let entry = |(at, (waiter, key))| match meta {
            Some(meta) => {
                QueuedRequest { waiter, key, attempts: meta.attempts(at), seq: meta.seq(at) }
            }
            None => QueuedRequest { waiter, key, attempts: 0, seq: NO_SEQ },
        };
        waiters.drain(..).zip(keys.drain(..)).enumerate().map(entry)
    }

    /// Takes out those that `is_wanted` does not want; gives their keys, to be dropped where
    /// nothing is borrowed.
    pub(crate) fn take_unwanted(&mut self, is_wanted: &mut dyn FnMut(Waiter) -> bool) -> Vec<K> {
        debug_assert!(
            self.meta.as_ref().is_none_or(|meta| meta.is_empty()),
            "what has tickets waits elsewhere"
        );
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
    pub(crate) fn drain_into_parts(
        &mut self,
        max: usize,
        empty: impl Fn() -> PooledBuf<K, A>,
    ) -> Vec<PooledBuf<K, A>> {
        let mut parts: Vec<PooledBuf<K, A>> = Vec::with_capacity(self.len().div_ceil(max));
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
        self.meta.as_ref().map_or(0, |meta| meta.attempts(position))
    }

    pub(crate) fn seq(&self, position: usize) -> Seq {
        self.meta.as_ref().map_or(NO_SEQ, |meta| meta.seq(position))
    }

    /// Keeps copies of the keys.
    pub(crate) fn copy_keys(&mut self, copy: fn(&K) -> K) {
        self.meta.get_or_insert_default().sent_keys.extend(self.keys.iter().map(copy));
    }

    pub(crate) fn sent_keys(&self) -> &[K] {
        self.meta.as_ref().map_or(&[], |meta| &meta.sent_keys)
    }

    /// Holds this request and no other. Where one was before nothing is allocated.
    #[inline]
    pub(crate) fn fill_with_one(&mut self, waiter: Waiter, key: K) {
        debug_assert!(
            self.meta.as_ref().is_none_or(|meta| meta.is_empty()),
            "what has marks goes another way"
        );
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
        if let Some(meta) = &mut self.meta {
            meta.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(keys: &[u32]) -> BatchBuf<u32, ()> {
        let mut buf = BatchBuf::default();
        for (at, key) in keys.iter().enumerate() {
            buf.push(QueuedRequest {
                waiter: Waiter(at as u64),
                key: *key,
                attempts: u32::from(*key == 9),
                seq: NO_SEQ,
            });
        }
        buf
    }

    fn keys(bufs: Vec<PooledBuf<u32, ()>>) -> Vec<Vec<u32>> {
        bufs.into_iter().map(|buf| buf.keys).collect()
    }

    #[test]
    fn parts_are_filled_in_order() {
        assert_eq!(
            keys(load(&[1, 2, 3, 4, 5]).drain_into_parts(2, Box::default)),
            [vec![1, 2], vec![3, 4], vec![5]]
        );
        assert_eq!(keys(load(&[1, 2]).drain_into_parts(2, Box::default)), [vec![1, 2]]);
    }

    #[test]
    fn those_that_are_wanted_keep_their_keys() {
        let mut buf = load(&[1, 2, 3]);
        assert_eq!(buf.take_unwanted(&mut |waiter| waiter != Waiter(1)), [2]);
        assert_eq!((buf.waiters, buf.keys), (vec![Waiter(0), Waiter(2)], vec![1, 3]));
    }
}
