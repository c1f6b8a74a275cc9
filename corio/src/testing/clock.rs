//! A clock that moves on when nothing else can happen.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::util::Clock;

/// Time for tests: it stands still while anything can run, and jumps to the next time that somebody
/// waits for when nothing can (as the autojump clock of Python's Trio does). So an hour of retries
/// takes no time, and the same program always shows the same times.
///
/// Clones show the same time. A dispatcher sleeps by [`sleep`](VirtualClock::sleep).
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
/// let mut schedule = corio::Schedule::new(&clock);
/// schedule.clock(clock.clone());
/// assert_eq!(schedule.run(slow(7))?, 7);
/// assert_eq!(clock.now(), Duration::from_secs(3600));
/// # Ok::<(), corio::Error>(())
/// ```
///
/// It knows nothing of threads: while a batch is with one, time jumps on to the next limit all the
/// same.
#[derive(Clone, Debug, Default)]
pub struct VirtualClock {
    state: Arc<Mutex<ClockState>>,
}

#[derive(Debug, Default)]
struct ClockState {
    now: Duration,
    /// By the time until which they sleep, and by number: in the order in which they began to.
    sleepers: BTreeMap<(Duration, u64), Waker>,
    last: u64,
}

impl VirtualClock {
    /// A clock that shows zero.
    pub fn new() -> Self {
        VirtualClock::default()
    }

    fn state(&self) -> MutexGuard<'_, ClockState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it shows.
    pub fn now(&self) -> Duration {
        self.state().now
    }

    /// Moves on by so much, and wakes those who slept until then: by time, and at the same time in
    /// the order in which they began to sleep.
    pub fn advance(&self, by: Duration) {
        self.move_to(|now| now.saturating_add(by));
    }

    fn move_to(&self, to: impl FnOnce(Duration) -> Duration) {
        let woken = {
            let state = &mut *self.state();
            state.now = to(state.now);
            let mut woken = Vec::new();
            while let Some(next) = state.sleepers.first_entry()
                && next.key().0 <= state.now
            {
                woken.push(next.remove());
            }
            woken
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// Ends when so much time has passed.
    pub fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send + 'static {
        Sleeping { until: self.now().saturating_add(time), clock: self.clone(), number: None }
    }
}

struct Sleeping {
    clock: VirtualClock,
    until: Duration,
    /// Among the sleepers.
    number: Option<u64>,
}

impl Future for Sleeping {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let waker = context.waker().clone();
        let Sleeping { clock, until, number } = &mut *self;
        let before = {
            let mut state = clock.state();
            if state.now >= *until {
                return Poll::Ready(());
            }
            state.last += 1;
            let next = state.last;
            state.sleepers.insert((*until, *number.get_or_insert(next)), waker)
        };
        // Not under the lock: a waker's destructor may run anything.
        drop(before);
        Poll::Pending
    }
}

// Time must not stop where nobody sleeps any more.
impl Drop for Sleeping {
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

    fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(Sleeping { clock: self.clone(), until: time, number: None })
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

    struct Tells {
        name: &'static str,
        told: Arc<Mutex<Vec<&'static str>>>,
    }

    impl Wake for Tells {
        fn wake(self: Arc<Self>) {
            self.told.lock().unwrap().push(self.name);
        }
    }

    #[test]
    fn sleepers_wake_by_time_and_then_in_the_order_in_which_they_began() {
        let clock = VirtualClock::new();
        let told = Arc::new(Mutex::new(Vec::new()));
        let mut sleepers: Vec<_> =
            [("third", 3), ("first", 1), ("dropped", 2), ("second", 2), ("also second", 2)]
                .map(|(name, seconds)| {
                    let waker = Waker::from(Arc::new(Tells { name, told: told.clone() }));
                    let mut sleeps = Box::pin(clock.sleep(Duration::from_secs(seconds)));
                    // Polled once more it keeps its place.
                    (0..2).for_each(|_| {
                        assert!(sleeps.as_mut().poll(&mut Context::from_waker(&waker)).is_pending())
                    });
                    sleeps
                })
                .into();
        drop(sleepers.remove(2));
        clock.idle();
        assert_eq!(
            (clock.now(), told.lock().unwrap().split_off(0)),
            (Duration::from_secs(1), vec!["first"])
        );
        clock.advance(Duration::from_secs(5));
        assert_eq!(*told.lock().unwrap(), ["second", "also second", "third"]);
    }
}
