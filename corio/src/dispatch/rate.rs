//! The option `rate`: how many batches may leave within any period of that length.
//!
//! The window slides: each batch is remembered until a period has passed since it left. So `10/s`
//! never becomes nineteen within a second, as with a bucket that is full after a pause, or with
//! windows that begin at the full second.

use std::collections::VecDeque;
use std::time::Duration;

/// So many batches in any period of this length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) batches: usize,
    pub(super) period: Duration,
}

/// The batches that left within the last period, whether or not they are back.
pub(super) struct RateWindow {
    pub(super) rate: Rate,
    /// When each is out of the window, and the number of its group; the first is out first.
    recent: VecDeque<(Duration, u32)>,
}

impl RateWindow {
    pub(super) fn new(rate: Rate) -> Self {
        RateWindow { rate, recent: VecDeque::new() }
    }

    /// Counts a batch of this group.
    pub(super) fn leaves(&mut self, now: Duration, group: u32) {
        self.recent.push_back((now.saturating_add(self.rate.period), group));
    }

    /// Takes a batch that is out of the window: its group.
    pub(super) fn next_over(&mut self, now: Duration) -> Option<u32> {
        let (over, group) = *self.recent.front()?;
        (over <= now).then(|| {
            self.recent.pop_front();
            group
        })
    }

    /// How many batches may leave now, those of all groups counted together.
    pub(super) fn room(&self) -> usize {
        self.rate.batches.saturating_sub(self.recent.len())
    }

    /// When the first batch is out of the window.
    pub(super) fn first_over(&self) -> Option<Duration> {
        self.recent.front().map(|(over, _)| *over)
    }

    /// When the last batch is out of the window.
    pub(super) fn last_over(&self) -> Option<Duration> {
        self.recent.back().map(|(over, _)| *over)
    }
}
