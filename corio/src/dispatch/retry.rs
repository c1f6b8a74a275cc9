//! Retries: how often a request is sent again, which answers ask for it, and the back-off between.

use std::fmt;
use std::time::Duration;

use crate::util::LONGEST;

/// How often requests are sent again, after which pauses, and for which answers; for
/// [`Options::retry`](crate::Options::retry).
///
/// A request is sent again when its slot says [`retry`](crate::Slot::retry), when `when` returns
/// true for its answer, or with [`timeouts`](Retry::timeouts) when its batch has timed out. When
/// all attempts are used up, the task gets the last answer; for a slot that asks for one more
/// attempt, that is the error [`RetriesExhausted`](crate::RequestError::RetriesExhausted). A pause
/// holds no other request. After its pause, a request leaves with the next batch of its dispatcher,
/// before requests that were asked later.
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
    /// Maximum number of times that a request is sent; at least 1.
    attempts: u32,
    /// The first and the longest pause; `None` for no pauses.
    backoff: Option<(Duration, Duration)>,
    jitter: bool,
    /// Whether an answer asks for another attempt.
    when: Option<fn(&A) -> bool>,
    /// Whether a time-out asks for another attempt.
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
    /// Sends a request at most `attempts` times in all, without a pause.
    ///
    /// # Panics
    /// If `attempts` is 0; in constants, such as [`Request::OPTIONS`](crate::Request::OPTIONS),
    /// this is a compile error.
    pub const fn attempts(attempts: u32) -> Self {
        assert!(attempts > 0, "a request is sent at least once");
        Retry { attempts, backoff: None, jitter: false, when: None, timeouts: false }
    }

    /// The default when no `retry` is configured: five attempts, only for `Slot::retry`, no
    /// back-off.
    pub(super) const fn unless_told() -> Self {
        Retry::attempts(5)
    }

    /// Pauses before each further attempt: `first`, then each time twice as long, but never longer
    /// than `longest`.
    pub const fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.backoff = Some((first, longest));
        self
    }

    /// Shortens each pause by a random part, up to half, so that requests that failed together are
    /// not retried together (M. Brooker, "Exponential Backoff And Jitter"). With a
    /// [seed](crate::Config::seed) the pauses are the same in every run.
    pub const fn jitter(mut self) -> Self {
        self.jitter = true;
        self
    }

    /// Sends a request again if `when` returns true for its answer.
    pub const fn when(mut self, when: fn(&A) -> bool) -> Self {
        self.when = Some(when);
        self
    }

    /// Also sends requests again whose batch has timed out (see
    /// [`Options::timeout`](crate::Options::timeout)), as long as there are attempts left. The last
    /// time-out is the outcome of the request.
    ///
    /// Use it only where it does no harm to do something twice: whether the abandoned batch had an
    /// effect is unknown.
    pub const fn timeouts(mut self) -> Self {
        self.timeouts = true;
        self
    }

    /// Whether requests whose batch has timed out are sent again.
    pub(super) const fn wants_timeouts(&self) -> bool {
        self.timeouts
    }

    /// Whether `wants` may return true.
    pub(super) fn looks_at_answers(&self) -> bool {
        self.when.is_some()
    }

    /// Whether a request is sent again because of `answer`; `before` is how often the request was
    /// sent before this answer's attempt. Runs code of the user's.
    pub(super) fn wants(&self, answer: &A, before: u32) -> bool {
        !self.is_last(before) && self.when.is_some_and(|when| when(answer))
    }

    /// Whether the attempt after `before` earlier ones is the last.
    pub(super) fn is_last(&self, before: u32) -> bool {
        before + 1 >= self.attempts
    }

    /// Returns the pause after the attempt that had `before` earlier ones. `random` gives a number
    /// from 0 to 1.
    pub(super) fn pause(&self, before: u32, random: impl FnOnce() -> f64) -> Duration {
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
