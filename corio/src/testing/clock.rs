//! A clock that moves on when nothing else can happen.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::time::Clock;

/// Time for tests: it stands still while anything can run, and jumps to the next time that somebody waits for when nothing can (as the autojump clock of Python's Trio does).
/// So an hour of retries takes no time, and the same program always shows the same times.
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
/// It knows nothing of threads: while a batch is with one, time jumps on to the next limit all the same.
#[derive(Clone, Debug, Default)]
pub struct VirtualClock {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    now: Duration,
    /// By number, and so in the order in which they began to sleep.
    sleepers: BTreeMap<u64, (Duration, Waker)>,
    last: u64,
}

impl VirtualClock {
    /// A clock that shows zero.
    pub fn new() -> Self {
        VirtualClock::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it shows.
    pub fn now(&self) -> Duration {
        self.state().now
    }

    /// Moves on by so much, and wakes whoever slept until then.
    pub fn advance(&self, by: Duration) {
        self.move_to(|now| now.saturating_add(by));
    }

    fn move_to(&self, to: impl FnOnce(Duration) -> Duration) {
        let mut woken = {
            let mut state = self.state();
            let to = to(state.now);
            state.now = to;
            let due: Vec<u64> = state.sleepers.iter().filter(|(_, (until, _))| *until <= to).map(|(number, _)| *number).collect();
            due.iter().filter_map(|number| state.sleepers.remove(number)).collect::<Vec<_>>()
        };
        woken.sort_by_key(|(until, _)| *until);
        woken.into_iter().for_each(|(_, waker)| waker.wake());
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
            state.sleepers.insert(*number.get_or_insert(next), (*until, waker))
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
            let sleeper = self.clock.state().sleepers.remove(&number);
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
        let next = self.state().sleepers.values().map(|(until, _)| *until).min();
        if let Some(next) = next {
            self.move_to(|_| next);
        }
    }
}
