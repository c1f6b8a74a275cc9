//! A queue with the option `rate`: which requests it holds back, and until when.
//!
//! The groups of a queue have a rate each, so `GroupedRequests` counts for them; the window tells
//! when a batch no longer counts. Without groups, and where they keep their order, all batches of
//! the queue count together.
//!
//! While something waits for the rate, and only then, an alarm is set: by `can_send`, which is
//! asked before a run waits. So a run that waits for nothing else goes on in time, and one that
//! waits for itself is told so at once.

use std::time::Duration;

use super::state::Queue;
use crate::dispatch::in_flight::Part;
use crate::dispatch::request::Request;
use crate::dispatch::shared_state::Due;

impl<R: Request> Queue<R> {
    /// Brings the counts up to date. Returns whether the rate holds all requests back.
    #[inline]
    pub(super) fn is_held_by_rate(&self) -> bool {
        self.rate.is_some() && self.update_rate()
    }

    #[inline(never)]
    fn update_rate(&self) -> bool {
        let Some(rate) = &self.rate else { return false };
        let now = self.shared.now();
        let mut rate = rate.borrow_mut();
        while let Some(group) = rate.next_over(now) {
            if let Some(grouped) = &self.grouped {
                grouped.borrow_mut().batch_is_over(group);
            }
        }
        self.grouped.is_none() && rate.room() == 0
    }

    /// How many requests may leave together, where they are in no groups.
    pub(super) fn room_for_requests(&self) -> usize {
        let max_batch = self.options.max_batch;
        // A listener lets one batch leave at a time.
        match &self.rate {
            _ if self.has_listener() => max_batch,
            None => usize::MAX,
            Some(rate) => rate.borrow().room().saturating_mul(max_batch),
        }
    }

    /// Counts a batch that leaves.
    pub(super) fn count_for_rate(&self, part: Part) {
        let Some(rate) = &self.rate else { return };
        let now = self.shared.now();
        rate.borrow_mut().leaves(now, part.group.unwrap_or_default());
        if let (Some(grouped), Some(group)) = (&self.grouped, part.group) {
            grouped.borrow_mut().batch_leaves(group);
        }
    }

    /// Sets the alarm, if something waits for the rate.
    pub(super) fn wait_for_rate(&self) {
        let Some(rate) = &self.rate else { return };
        // By the counts as they are: what is over since then makes the alarm due at once.
        let waits = match &self.grouped {
            Some(grouped) => grouped.borrow().has_held(),
            None => self.has_waiting() && rate.borrow().room() == 0,
        };
        let first_over = rate.borrow().first_over();
        if let Some(at) = first_over.filter(|_| waits && self.rate_alarm.get().is_none()) {
            let after = at.saturating_sub(self.shared.now());
            let alarm = self.shared.set_alarm(after, Due::Rate { queue: self.number });
            self.rate_alarm.set(Some(alarm));
        }
    }

    /// Nothing waits for the rate any more.
    pub(super) fn unset_rate_alarm(&self) {
        if let Some(alarm) = self.rate_alarm.take() {
            self.shared.due.borrow_mut().unset(alarm);
        }
    }

    /// The alarm was due.
    pub(crate) fn rate_allows_more(&self) {
        self.rate_alarm.set(None);
        self.update_rate();
    }

    /// When the first batch that counts for the rate no longer does, and when the last.
    pub(crate) fn rate_window(&self) -> Option<(Duration, Duration)> {
        self.is_held_by_rate();
        let rate = self.rate.as_ref()?.borrow();
        rate.first_over().zip(rate.last_over())
    }
}
