//! The buffer of a batch: requests side by side in the order asked, later their answers.
//!
//! A buffer circulates in a box (queue → dispatcher → delivery → pool): it is filled, sent,
//! answered, delivered, and filled again, so a warm queue allocates nothing for a batch.

use super::cursor::Cursor;
use super::ids::Waiter;
use crate::dispatch::keys::Seq;

/// A `BatchBuf` in the box in which it circulates.
pub(crate) type PooledBuf<K, A> = Box<BatchBuf<K, A>>;

/// The requests or answers of one batch, by position.
///
/// Invariants: before it is sent, `keys` is as long as `waiters`, and `answers` is empty; when it
/// is ready, `answers` is as long as `waiters`. Either all positions have a seq or none has.
// `repr(C)`, and the cursor first: a `ReadyBatch` points to the cursor.
#[repr(C)]
pub(crate) struct BatchBuf<K, A> {
    /// How far the answers have been delivered.
    pub(super) cursor: Cursor,
    /// The number of the batch in its run; 0 before it is sent, and for cached answers.
    pub(super) batch: u64,
    pub(super) waiters: Vec<Waiter>,
    pub(super) keys: Vec<K>,
    /// Empty until the batch is answered. During delivery the answers are in reverse, the last one
    /// being the next; if there are fewer answers than waiters, the first waiters have theirs.
    pub(super) answers: Vec<A>,
    /// What most requests do without.
    meta: Option<Box<BatchMeta<K>>>,
}

/// The rarely used parts of a `BatchBuf`. Each vector is empty where no request needs it.
struct BatchMeta<K> {
    /// How often each request was sent before; missing ones at the end were not.
    attempts: Vec<u32>,
    /// The seq of each request.
    seqs: Vec<Seq>,
    /// Copies of the keys that were sent, where a batch that timed out may be sent again.
    sent_keys: Vec<K>,
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

    fn attempts(&self, position: usize) -> u32 {
        self.attempts.get(position).copied().unwrap_or(0)
    }

    fn seq(&self, position: usize) -> Seq {
        self.seqs.get(position).copied().unwrap_or(NO_SEQ)
    }
}

/// One request of a queue.
pub(crate) struct QueuedRequest<K> {
    pub(super) waiter: Waiter,
    pub(super) key: K,
    /// How often the request was sent before.
    pub(super) attempts: u32,
    /// `NO_SEQ` where requests have no numbers.
    pub(super) seq: Seq,
}

/// The seq of requests that have no number.
pub(super) const NO_SEQ: Seq = Seq::numbered(0);

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
    /// Number of requests.
    pub(super) fn len(&self) -> usize {
        self.waiters.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Appends a request.
    pub(super) fn push(&mut self, request: QueuedRequest<K>) {
        let position = self.waiters.len();
        self.waiters.push(request.waiter);
        self.keys.push(request.key);
        if self.meta.is_some() || request.attempts > 0 || request.seq.is_some() {
            let BatchMeta { attempts, seqs, .. } = &mut **self.meta.get_or_insert_default();
            if request.attempts > 0 || !attempts.is_empty() {
                attempts.resize(position, 0);
                attempts.push(request.attempts);
            }
            if request.seq.is_some() {
                debug_assert_eq!(seqs.len(), position, "all requests have a seq, or none");
                seqs.push(request.seq);
            }
        }
    }

    /// Appends a request that was not sent before to a buffer whose requests have seqs.
    pub(super) fn push_with(&mut self, seq: Seq, waiter: Waiter, key: K) {
        self.waiters.push(waiter);
        self.keys.push(key);
        self.meta.get_or_insert_default().seqs.push(seq);
    }

    /// Numbers the requests from `last + 1` on. Returns the last number.
    pub(super) fn number(&mut self, last: u64) -> u64 {
        let newest = last + self.len() as u64;
        self.meta.get_or_insert_default().seqs.extend((last + 1..=newest).map(Seq::numbered));
        newest
    }

    /// Appends an answer with its waiter, and with its seq if there is one.
    #[inline]
    pub(super) fn give(&mut self, seq: Seq, waiter: Waiter, answer: A) {
        self.waiters.push(waiter);
        self.answers.push(answer);
        if seq.is_some() {
            self.meta.get_or_insert_default().seqs.push(seq);
        }
    }

    /// Moves all answers with their waiters from `other` to the end of this buffer.
    pub(super) fn append_given(&mut self, other: &mut Self) {
        self.waiters.append(&mut other.waiters);
        self.answers.append(&mut other.answers);
        if let (Some(meta), Some(others)) = (&mut self.meta, &mut other.meta) {
            meta.seqs.append(&mut others.seqs);
        }
    }

    /// Sorts the answers with their waiters into the order of asking, if they have seqs.
    pub(super) fn sort_given(&mut self) {
        let Some(BatchMeta { seqs, .. }) =
            self.meta.as_deref_mut().filter(|meta| !meta.seqs.is_sorted_by_key(|seq| seq.number))
        else {
            return;
        };
        let mut delivered: Vec<_> =
            seqs.drain(..).zip(self.waiters.drain(..).zip(self.answers.drain(..))).collect();
        delivered.sort_by_key(|(seq, _)| seq.number);
        for (seq, (waiter, answer)) in delivered {
            self.give(seq, waiter, answer);
        }
    }

    /// Removes all requests; the buffer keeps its capacity. The seqs and attempts stay until the
    /// buffer is cleared.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = QueuedRequest<K>> + '_ {
        let BatchBuf { waiters, keys, meta, .. } = self;
        let request = move |(position, (waiter, key))| match meta {
            Some(meta) => {
                let (attempts, seq) = (meta.attempts(position), meta.seq(position));
                QueuedRequest { waiter, key, attempts, seq }
            }
            None => QueuedRequest { waiter, key, attempts: 0, seq: NO_SEQ },
        };
        waiters.drain(..).zip(keys.drain(..)).enumerate().map(request)
    }

    /// Removes the requests whose waiters are not wanted. Returns their keys, to be dropped where
    /// nothing is borrowed. Linear.
    pub(super) fn take_unwanted(&mut self, is_wanted: &mut dyn FnMut(Waiter) -> bool) -> Vec<K> {
        debug_assert!(
            self.meta.as_ref().is_none_or(|meta| meta.is_empty()),
            "requests with a seq are in the backlog"
        );
        let mut wanted = 0;
        for position in 0..self.waiters.len() {
            if is_wanted(self.waiters[position]) {
                self.waiters.swap(wanted, position);
                self.keys.swap(wanted, position);
                wanted += 1;
            }
        }
        self.waiters.truncate(wanted);
        self.keys.split_off(wanted)
    }

    /// Moves all requests into parts of at most `max` requests, in order; `empty` makes a buffer.
    pub(super) fn drain_into_parts(
        &mut self,
        max: usize,
        empty: impl Fn() -> PooledBuf<K, A>,
    ) -> Vec<PooledBuf<K, A>> {
        let mut parts: Vec<PooledBuf<K, A>> = Vec::with_capacity(self.len().div_ceil(max));
        for request in self.drain() {
            match parts.last_mut().filter(|part| part.len() < max) {
                Some(part) => part.push(request),
                None => {
                    let mut part = empty();
                    part.push(request);
                    parts.push(part);
                }
            }
        }
        parts
    }

    /// How often the request at `position` was sent before.
    pub(super) fn attempts(&self, position: usize) -> u32 {
        self.meta.as_ref().map_or(0, |meta| meta.attempts(position))
    }

    /// The seq of the request at `position`, or `NO_SEQ`.
    pub(super) fn seq(&self, position: usize) -> Seq {
        self.meta.as_ref().map_or(NO_SEQ, |meta| meta.seq(position))
    }

    /// Stores copies of the keys, for `sent_keys`. Runs code of the user's.
    pub(super) fn copy_keys(&mut self, copy: fn(&K) -> K) {
        self.meta.get_or_insert_default().sent_keys.extend(self.keys.iter().map(copy));
    }

    /// The copies that `copy_keys` made; empty without any.
    pub(super) fn sent_keys(&self) -> &[K] {
        self.meta.as_ref().map_or(&[], |meta| &meta.sent_keys)
    }

    /// Replaces the content with one request. Allocates nothing if the buffer held a request
    /// before. Runs destructors of the user's.
    #[inline]
    pub(super) fn fill_with_one(&mut self, waiter: Waiter, key: K) {
        debug_assert!(
            self.meta.as_ref().is_none_or(|meta| meta.is_empty()),
            "a request with a seq or attempts is not answered inline"
        );
        self.waiters.clear();
        self.waiters.push(waiter);
        self.keys.clear();
        self.keys.push(key);
        self.answers.clear();
    }

    /// Removes everything; the buffer keeps its capacity. Runs destructors of the user's.
    #[inline]
    pub(super) fn clear(&mut self) {
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

    fn buf_of(keys: &[u32]) -> BatchBuf<u32, ()> {
        let mut buf = BatchBuf::default();
        for (position, key) in keys.iter().enumerate() {
            buf.push(QueuedRequest {
                waiter: Waiter(position as u64),
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
            keys(buf_of(&[1, 2, 3, 4, 5]).drain_into_parts(2, Box::default)),
            [vec![1, 2], vec![3, 4], vec![5]]
        );
        assert_eq!(keys(buf_of(&[1, 2]).drain_into_parts(2, Box::default)), [vec![1, 2]]);
    }

    #[test]
    fn requests_that_are_wanted_keep_their_keys() {
        let mut buf = buf_of(&[1, 2, 3]);
        assert_eq!(buf.take_unwanted(&mut |waiter| waiter != Waiter(1)), [2]);
        assert_eq!((buf.waiters, buf.keys), (vec![Waiter(0), Waiter(2)], vec![1, 3]));
    }
}
