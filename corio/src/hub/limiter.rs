//! How many batches of a lane may be in flight, where no number was told.
//!
//! The rule: one batch is in flight, and requests gather meanwhile; but a batch that has taken
//! longer than twice what is typical does not count any more, and what fills a batch already need
//! not wait for more. It is looked at when something arrives or a batch is back: there is no timer.
//! Whether the server could do more at once is not asked: it can, in smaller batches.
//!
//! *Typical* is the median of the latencies, followed in steps of a tenth: a batch that is very
//! slow counts no more than one that is a little slow.

use std::time::Duration;

use crate::dispatch::InFlightId;

/// Finds out how many batches may be in flight.
pub(super) struct Limiter {
    at_most: usize,
    typical: Option<Duration>,
    /// The batches in flight, with the time when they left.
    in_flight: Vec<(InFlightId, Duration)>,
}

/// A batch that takes so many times longer than is typical does not count any more.
const OVERDUE: u32 = 2;

impl Limiter {
    pub(super) fn new(at_most: usize) -> Self {
        Limiter { at_most, typical: None, in_flight: Vec::new() }
    }

    /// Whether one more batch may leave at the time `now`. `is_full`: it can't grow by waiting.
    pub(super) fn has_room(&self, is_full: bool, now: impl FnOnce() -> Duration) -> bool {
        let Some((_, last)) = self.in_flight.last() else { return true };
        if self.in_flight.len() >= self.at_most {
            return false;
        }
        // If the last that left is overdue, so are all.
        is_full || self.typical.is_some_and(|typical| *last + OVERDUE * typical <= now())
    }

    pub(super) fn begins(&mut self, batch: InFlightId, now: Duration) {
        self.in_flight.push((batch, now));
    }

    /// A batch is back, or was given up, which is no measure of anything.
    pub(super) fn ends(&mut self, batch: InFlightId, now: Duration, is_given_up: bool) {
        let Some(at) = self.in_flight.iter().position(|(other, _)| *other == batch) else { return };
        let (_, began) = self.in_flight.remove(at);
        if is_given_up {
            return;
        }
        let latency = now.saturating_sub(began);
        self.typical = Some(match self.typical {
            None => latency,
            Some(typical) if latency > typical => typical + typical / 10,
            Some(typical) => typical - typical / 11,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    fn batch(number: u64) -> InFlightId {
        InFlightId { index: number as u32, number }
    }

    /// A limiter that has seen a batch of 10 ms, at the time 10 ms.
    fn seen() -> Limiter {
        let mut limiter = Limiter::new(3);
        limiter.begins(batch(1), Duration::ZERO);
        limiter.ends(batch(1), 10 * MILLISECOND, false);
        limiter
    }

    #[test]
    fn one_batch_holds_the_next_until_it_is_overdue() {
        let mut limiter = seen();
        limiter.begins(batch(2), 10 * MILLISECOND);
        assert!(!limiter.has_room(false, || 29 * MILLISECOND));
        assert!(limiter.has_room(false, || 30 * MILLISECOND));
        limiter.begins(batch(3), 30 * MILLISECOND);
        assert!(!limiter.has_room(false, || 49 * MILLISECOND));
        assert!(limiter.has_room(false, || 50 * MILLISECOND));
    }

    #[test]
    fn before_the_first_is_back_nothing_is_overdue() {
        let mut limiter = Limiter::new(3);
        assert!(limiter.has_room(false, || Duration::ZERO));
        limiter.begins(batch(1), Duration::ZERO);
        assert!(!limiter.has_room(false, || Duration::from_secs(1000)));
    }

    #[test]
    fn what_is_full_may_leave_up_to_the_limit() {
        let mut limiter = seen();
        (2..5).for_each(|number| {
            assert!(limiter.has_room(true, || 10 * MILLISECOND));
            limiter.begins(batch(number), 10 * MILLISECOND);
        });
        assert!(!limiter.has_room(true, || Duration::from_secs(1)));
    }

    #[test]
    fn a_slow_batch_moves_what_is_typical_by_a_tenth_and_one_given_up_not_at_all() {
        let mut limiter = seen();
        limiter.begins(batch(2), Duration::ZERO);
        limiter.ends(batch(2), Duration::from_secs(1), false);
        assert_eq!(limiter.typical, Some(11 * MILLISECOND));
        limiter.begins(batch(3), Duration::ZERO);
        limiter.ends(batch(3), Duration::ZERO, true);
        assert_eq!(limiter.typical, Some(11 * MILLISECOND));
    }
}
