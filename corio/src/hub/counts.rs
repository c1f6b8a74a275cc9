//! What is going on in a queue, as numbers.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The numbers of one dispatcher; written by its lanes, read by a snapshot. Relaxed: no number
/// tells anything of another.
#[derive(Default)]
pub(super) struct Counts {
    /// Requests that wait, those that pause among them.
    queued: AtomicUsize,
    /// Requests in batches in flight.
    aboard: AtomicUsize,
    lanes: AtomicUsize,
    in_flight: AtomicUsize,
    batches: AtomicU64,
    requests: AtomicU64,
}

impl Counts {
    /// Counts requests that begin to wait. False if there would be more than `max`; but where none
    /// waits, any packet fits, or a large one never would.
    pub(super) fn queue(&self, requests: usize, max: usize) -> bool {
        let before = self.queued.fetch_add(requests, Ordering::Relaxed);
        let fits = before == 0 || before.saturating_add(requests) <= max;
        if !fits {
            self.unqueue(requests);
        }
        fits
    }

    /// Counts requests that no longer wait.
    pub(super) fn unqueue(&self, requests: usize) {
        self.queued.fetch_sub(requests, Ordering::Relaxed);
    }

    /// Counts requests that leave with a batch.
    pub(super) fn come_aboard(&self, requests: usize) {
        self.aboard.fetch_add(requests, Ordering::Relaxed);
        self.requests.fetch_add(requests as u64, Ordering::Relaxed);
    }

    /// Counts requests that have an outcome, or are withdrawn.
    pub(super) fn left_aboard(&self, requests: usize) {
        self.aboard.fetch_sub(requests, Ordering::Relaxed);
    }

    /// Counts the batches in flight of a lane, which were so many before.
    pub(super) fn in_flight_changed(&self, before: usize, now: usize) {
        self.in_flight.fetch_add(now, Ordering::Relaxed);
        self.in_flight.fetch_sub(before, Ordering::Relaxed);
    }

    /// Counts a batch.
    pub(super) fn batch_leaves(&self) {
        self.batches.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    pub(super) fn lane_opens(&self) {
        self.lanes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn lane_closes(&self) {
        self.lanes.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn lanes(&self) -> usize {
        self.lanes.load(Ordering::Relaxed)
    }

    pub(super) fn aboard(&self) -> usize {
        self.aboard.load(Ordering::Relaxed)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// Requests that are counted together when it is dropped, also if code of the user's panics before.
pub(super) struct Tally<'c> {
    counts: &'c Counts,
    count: fn(&Counts, usize),
    pub(super) requests: usize,
}

impl<'c> Tally<'c> {
    pub(super) fn new(counts: &'c Counts, count: fn(&Counts, usize), requests: usize) -> Self {
        Tally { counts, count, requests }
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        (self.count)(self.counts, self.requests);
    }
}
