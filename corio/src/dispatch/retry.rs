//! When a request is tried again: the budget, and the pauses between.

use std::fmt;
use std::time::Duration;

use crate::util::LONGEST;

/// How often requests are tried again, after which pauses, and which answers ask for it; for
/// [`Options::retry`](crate::Options::retry).
///
/// A request goes out again when its slot says [`retry`](crate::Slot::retry), when `when` calls its
/// answer worth another try, or with [`timeouts`](Retry::timeouts) when its batch has timed out.
/// When all attempts are used up, the task gets the last answer (a slot that asks for one more is
/// [`RetriesSpent`](crate::RequestError::RetriesSpent)). A request that waits for its pause holds
/// nobody; afterwards it leaves with the next batch of its dispatcher, before what was asked later.
///
/// ```
/// # use std::time::Duration;
/// use corio::Retry;
///
/// const RETRY: Retry<Result<u64, String>> = Retry::attempts(5)
///     .backoff(Duration::from_millis(10), Duration::from_secs(1)) // 10, 20, 40, 80 ms
///     .jitter()
///     .when(|answer| answer.is_err());
/// ```
pub struct Retry<A> {
    attempts: u32,
    /// The first pause, and the longest.
    backoff: Option<(Duration, Duration)>,
    jitter: bool,
    when: Option<fn(&A) -> bool>,
    timeouts: bool,
}

impl<A> Clone for Retry<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Retry<A> {}

impl<A> fmt::Debug for Retry<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("attempts", &self.attempts)
            .field("backoff", &self.backoff)
            .field("jitter", &self.jitter)
            .field("when", &self.when.is_some())
            .field("timeouts", &self.timeouts)
            .finish()
    }
}

impl<A> Retry<A> {
    /// At most so many attempts in all, without a pause.
    ///
    /// # Panics
    /// If it is 0; when compiled, where options are constants.
    pub const fn attempts(attempts: u32) -> Self {
        assert!(attempts > 0, "a request is sent at least once");
        Retry { attempts, backoff: None, jitter: false, when: None, timeouts: false }
    }

    /// What holds for a dispatcher that says nothing of retries, and whose slots ask for them.
    pub(crate) const fn unless_told() -> Self {
        Retry::attempts(5)
    }

    /// Pauses of `first`, then each time twice as long, but never longer than `longest`.
    pub const fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.backoff = Some((first, longest));
        self
    }

    /// Takes a random part, up to half, off each pause, so that those who failed together do not
    /// come back together (M. Brooker, "Exponential Backoff And Jitter"). With a
    /// [seed](crate::Schedule::seed) the parts are the same in every run.
    pub const fn jitter(mut self) -> Self {
        self.jitter = true;
        self
    }

    /// Answers that are worth another try.
    pub const fn when(mut self, when: fn(&A) -> bool) -> Self {
        self.when = Some(when);
        self
    }

    /// Requests whose batch has timed out (see [`Options::timeout`](crate::Options::timeout)) are
    /// sent again as well, as long as there are attempts left; the last time-out is what comes
    /// of them.
    ///
    /// Only where it does no harm to do something twice: whether the batch that was given up had an
    /// effect, nobody knows.
    pub const fn timeouts(mut self) -> Self {
        self.timeouts = true;
        self
    }

    pub(crate) const fn wants_timeouts(&self) -> bool {
        self.timeouts
    }

    pub(crate) fn looks_at_answers(&self) -> bool {
        self.when.is_some()
    }

    /// Whether an answer to a request that was sent so often before is to be asked for again.
    pub(crate) fn wants(&self, answer: &A, before: u32) -> bool {
        !self.is_last(before) && self.when.is_some_and(|when| when(answer))
    }

    /// Whether a request that was sent so often before its last sending may not go out again.
    pub(crate) fn is_last(&self, before: u32) -> bool {
        before + 1 >= self.attempts
    }

    /// How long a request pauses that was sent so often before its last sending.
    pub(crate) fn pause(&self, before: u32, random: impl FnOnce() -> f64) -> Duration {
        let Some((first, longest)) = self.backoff else { return Duration::ZERO };
        let pause = first.saturating_mul(1 << before.min(31)).min(longest).min(LONGEST);
        if self.jitter { pause.mul_f64(1.0 - random() / 2.0) } else { pause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Retry<u8> =
        Retry::attempts(5).backoff(Duration::from_millis(10), Duration::from_millis(60));

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<u128> =
            (0..40).map(|before| RETRY.pause(before, || 0.0).as_millis()).collect();
        assert_eq!(pauses[..5], [10, 20, 40, 60, 60]);
        assert_eq!(pauses[39], 60);
    }

    #[test]
    fn jitter_takes_off_at_most_half() {
        let jittered = RETRY.jitter();
        assert_eq!(jittered.pause(1, || 0.0), Duration::from_millis(20));
        assert_eq!(jittered.pause(1, || 0.5), Duration::from_millis(15));
        assert_eq!(jittered.pause(1, || 1.0), Duration::from_millis(10));
    }

    #[test]
    fn the_longest_pause_can_be_jittered() {
        const ENDLESS: Retry<u8> =
            Retry::attempts(5).backoff(Duration::MAX, Duration::MAX).jitter();
        assert_eq!(ENDLESS.pause(0, || 0.0), LONGEST);
    }

    #[test]
    fn the_last_attempt_is_the_last() {
        let retry = RETRY.when(|answer| *answer == 0);
        assert!(retry.wants(&0, 3) && !retry.wants(&1, 3));
        assert!(!retry.wants(&0, 4));
    }
}
