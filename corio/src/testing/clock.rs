//! The virtual clock: time that advances when nothing else can happen.
//!
//! Invariant: wakers are woken and dropped while the state is not locked, because both may run any
//! code, the clock included.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::util::Clock;

/// A clock for tests, whose time advances only when no task can run.
///
/// The time stands still while anything can run. When nothing can, the time jumps to the earliest
/// one that a sleeper waits for (like the autojump clock of Python's Trio). So an hour of retries
/// takes no time, and the same program always sees the same times.
///
/// Clones share their time. A dispatcher sleeps by [`sleep`](VirtualClock::sleep).
///
/// ```
/// use std::time::Duration;
/// use corio::testing::VirtualClock;
///
/// #[corio::dispatcher]
/// async fn slow(clock: &VirtualClock, keys: &[u64]) -> Vec<u64> {
///     clock.sleep(Duration::from_secs(3600)).await;
///     keys.to_vec()
/// }
///
/// let clock = VirtualClock::new();
/// let mut schedule = corio::Schedule::new(&clock).clock(clock.clone());
/// assert_eq!(schedule.run(slow(7))?, 7);
/// assert_eq!(clock.now(), Duration::from_secs(3600));
/// # Ok::<(), corio::Error>(())
/// ```
///
/// The clock knows nothing of threads: while a batch is being answered on another thread, the time
/// still jumps to the next time limit.
#[derive(Clone, Debug, Default)]
pub struct VirtualClock {
    state: Arc<Mutex<ClockState>>,
}

#[derive(Debug, Default)]
struct ClockState {
    now: Duration,
    /// Wakers by the time until which their futures sleep, and then by number: in the order in
    /// which the futures began to sleep.
    sleepers: BTreeMap<(Duration, u64), Waker>,
    /// The last number that was given to a sleeper.
    last_number: u64,
}

impl VirtualClock {
    /// Creates a clock that shows zero.
    pub fn new() -> Self {
        VirtualClock::default()
    }

    fn state(&self) -> MutexGuard<'_, ClockState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the current time of the clock.
    pub fn now(&self) -> Duration {
        self.state().now
    }

    /// Advances the time, and wakes all sleepers whose time has come.
    ///
    /// Sleepers are woken in the order of their times, and sleepers of the same time in the order
    /// in which they began to sleep.
    pub fn advance(&self, by: Duration) {
        self.move_to(|now| now.saturating_add(by));
    }

    fn move_to(&self, to: impl FnOnce(Duration) -> Duration) {
        let woken = {
            let state = &mut *self.state();
            state.now = to(state.now);
            let mut woken = Vec::new();
            while let Some(next) = state.sleepers.first_entry() {
                if next.key().0 > state.now {
                    break;
                }
                woken.push(next.remove());
            }
            woken
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// Completes when this amount of time has passed.
    pub fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send + 'static {
        Sleep { until: self.now().saturating_add(time), clock: self.clone(), number: None }
    }
}

/// Future of `VirtualClock::sleep`.
struct Sleep {
    clock: VirtualClock,
    until: Duration,
    /// Number in `ClockState::sleepers`, from the first poll on.
    number: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let waker = context.waker().clone();
        let Sleep { clock, until, number } = &mut *self;
        let replaced = {
            let mut state = clock.state();
            if state.now >= *until {
                return Poll::Ready(());
            }
            state.last_number += 1;
            let next = state.last_number;
            state.sleepers.insert((*until, *number.get_or_insert(next)), waker)
        };
        drop(replaced);
        Poll::Pending
    }
}

// Removes the sleeper: the time must not jump to one for which no future waits any more.
impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let sleeper = self.clock.state().sleepers.remove(&(self.until, number));
            drop(sleeper);
        }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Duration {
        VirtualClock::now(self)
    }

    fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(Sleep { clock: self.clone(), until: time, number: None })
    }

    fn idle(&self) {
        let next = self.state().sleepers.first_key_value().map(|((until, _), _)| *until);
        if let Some(next) = next {
            self.move_to(|_| next);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use super::*;

    struct RecordingWaker {
        name: &'static str,
        woken: Arc<Mutex<Vec<&'static str>>>,
    }

    impl Wake for RecordingWaker {
        fn wake(self: Arc<Self>) {
            self.woken.lock().unwrap().push(self.name);
        }
    }

    #[test]
    fn sleepers_wake_by_time_and_then_in_the_order_in_which_they_began() {
        let clock = VirtualClock::new();
        let woken = Arc::new(Mutex::new(Vec::new()));
        let mut sleepers: Vec<_> =
            [("third", 3), ("first", 1), ("dropped", 2), ("second", 2), ("also second", 2)]
                .map(|(name, seconds)| {
                    let waker =
                        Waker::from(Arc::new(RecordingWaker { name, woken: woken.clone() }));
                    let mut sleeps = Box::pin(clock.sleep(Duration::from_secs(seconds)));
                    // The second poll does not change the order.
                    (0..2).for_each(|_| {
                        assert!(sleeps.as_mut().poll(&mut Context::from_waker(&waker)).is_pending())
                    });
                    sleeps
                })
                .into();
        drop(sleepers.remove(2));
        clock.idle();
        assert_eq!(
            (clock.now(), woken.lock().unwrap().split_off(0)),
            (Duration::from_secs(1), vec!["first"])
        );
        clock.advance(Duration::from_secs(5));
        assert_eq!(*woken.lock().unwrap(), ["second", "also second", "third"]);
    }
}
