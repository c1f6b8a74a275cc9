//! A queue of alarms, ordered by time.
//!
//! The queue reads no clock: times are durations since some moment that the caller has fixed.
//! Setting, unsetting and taking an alarm take time logarithmic in the number of alarms.

use std::collections::BTreeMap;
use std::time::Duration;

/// A thousand years: a duration of this length or longer counts as endless. The bound keeps sums of
/// times from overflowing, also in clocks that the user implements.
pub(crate) const LONGEST: Duration = Duration::from_secs(1000 * 366 * 24 * 3600);

/// Returns `time` as a time limit, or `None` if `time` counts as endless (see `LONGEST`).
pub(crate) const fn limit(time: Duration) -> Option<Duration> {
    if time.as_secs() < LONGEST.as_secs() { Some(time) } else { None }
}

/// Alarms with a value each, ordered by the time when they are due. Alarms that are due at the same
/// time keep the order in which they were set.
pub(crate) struct Timers<T> {
    alarms: BTreeMap<Alarm, T>,
    /// The number of the alarm that was set last.
    last: u64,
}

/// Identifies an alarm. Never reused, as every alarm has its own number. Alarms compare by time
/// first and by number second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Alarm {
    at: Duration,
    number: u64,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Timers { alarms: BTreeMap::new(), last: 0 }
    }
}

impl<T> Timers<T> {
    /// Sets an alarm that is due at `at` and carries `value`.
    pub(crate) fn set(&mut self, at: Duration, value: T) -> Alarm {
        self.last += 1;
        let alarm = Alarm { at, number: self.last };
        self.alarms.insert(alarm, value);
        alarm
    }

    /// Removes an alarm, if the alarm is still set.
    pub(crate) fn unset(&mut self, alarm: Alarm) {
        self.alarms.remove(&alarm);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.alarms.is_empty()
    }

    /// Returns the time of the next alarm, or `None` if no alarm is set.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.alarms.first_key_value().map(|(alarm, _)| alarm.at)
    }

    /// Removes and returns the next alarm, if the alarm is due at the time `now`.
    pub(crate) fn take_due(&mut self, now: Duration) -> Option<(Alarm, T)> {
        let entry = self.alarms.first_entry()?;
        (entry.key().at <= now).then(|| entry.remove_entry())
    }

    pub(crate) fn clear(&mut self) {
        self.alarms.clear();
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
        let unset = timers.set(second, "unset");
        timers.set(second, "early too");
        timers.unset(unset);
        assert_eq!(timers.next(), Some(second));
        assert_eq!(timers.take_due(second / 2), None);
        let due: Vec<_> =
            std::iter::from_fn(|| timers.take_due(second)).map(|(_, value)| value).collect();
        assert_eq!(due, ["early", "early too"]);
        assert_eq!(timers.next(), Some(2 * second));
    }
}
