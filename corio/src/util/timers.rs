//! What is to happen at a time. It knows no clock: times are durations since some moment that its
//! user has fixed.

use std::collections::BTreeMap;
use std::time::Duration;

/// A thousand years: what is longer never ends. So a time that a clock is asked for can be added to
/// any other, also by clocks of the user's.
pub(crate) const LONGEST: Duration = Duration::from_secs(1000 * 366 * 24 * 3600);

/// A limit, unless it is so long that it is none.
pub(crate) const fn limit(time: Duration) -> Option<Duration> {
    if time.as_secs() < LONGEST.as_secs() { Some(time) } else { None }
}

/// Alarms, by the time when they are due; those of one time in the order in which they were set.
pub(crate) struct Timers<T> {
    due: BTreeMap<Alarm, T>,
    last: u64,
}

/// Names an alarm that is set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Alarm {
    at: Duration,
    number: u64,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Timers { due: BTreeMap::new(), last: 0 }
    }
}

impl<T> Timers<T> {
    pub(crate) fn set(&mut self, at: Duration, then: T) -> Alarm {
        self.last += 1;
        let alarm = Alarm { at, number: self.last };
        self.due.insert(alarm, then);
        alarm
    }

    /// Takes back an alarm, if it is still set.
    pub(crate) fn unset(&mut self, alarm: Alarm) {
        self.due.remove(&alarm);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    /// The time of the next alarm.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.due.first_key_value().map(|(alarm, _)| alarm.at)
    }

    /// Takes out the next alarm that is due.
    pub(crate) fn take_due(&mut self, now: Duration) -> Option<(Alarm, T)> {
        let entry = self.due.first_entry()?;
        (entry.key().at <= now).then(|| entry.remove_entry())
    }

    pub(crate) fn clear(&mut self) {
        self.due.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_come_in_the_order_of_their_times() {
        let mut timers = Timers::default();
        let second = Duration::from_secs(1);
        timers.set(2 * second, "late");
        timers.set(second, "early");
        let gone = timers.set(second, "taken back");
        timers.set(second, "early too");
        timers.unset(gone);
        assert_eq!(timers.next(), Some(second));
        assert_eq!(timers.take_due(second / 2), None);
        let due: Vec<_> =
            std::iter::from_fn(|| timers.take_due(second)).map(|(_, then)| then).collect();
        assert_eq!(due, ["early", "early too"]);
        assert_eq!(timers.next(), Some(2 * second));
    }
}
