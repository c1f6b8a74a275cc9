//! Single-flight: one task for all tasks that want the value of the same key at the same time.
//!
//! A *flight* is the making of the value of one key. The *leader* of the flight runs its task; the
//! *followers* wait in the queue of the flight.
//!
//! # Invariants
//!
//! - A flight is in the set from its start until its value is made, or no participant is left to
//!   make it: a task that wants the key afterwards starts a new flight.
//! - A flight in the set has one leader, or one follower that was granted the lead and has not run
//!   yet.
//! - When the value is made, it is stored in the flight only if the flight has followers, and all
//!   followers are granted; each clones the value.
//! - A leader that is dropped hands the lead to the first follower, which runs its own task.
//! - Destructors and clones of the user's keys and values run while the set and the flight are not
//!   borrowed, because they may use both.

#![expect(
    clippy::mutable_key_type,
    reason = "flights are hashed and compared by their keys, and a key is not changed"
)]

use std::borrow::Borrow;
use std::collections::HashSet;
use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::{Hash, Hasher};
use std::mem;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use super::state_cell::StateCell;
use super::wait_queue::{Ticket, TicketState, WaitQueue};
use crate::executor::{Id, WaitCause, WaitReason};
use crate::runtime::{RunRef, RunState, current};
use crate::task::{Call, Task, TaskOver, task_with};

/// Runs one task at a time for each key; tasks that want the same key meanwhile wait and get a
/// clone of the value.
///
/// Values are not cached: a task that asks for the key after the value was made runs its own task.
/// A value that is an `Err` is shared like any other. If the task that makes the value is dropped
/// before its end, the one that has waited longest runs its own, and the others wait for that one.
///
/// ```
/// use corio::sync::SingleFlight;
///
/// #[corio::dispatcher]
/// fn render(pages: &[u64]) -> Vec<String> {
///     assert_eq!(pages.len(), 1, "asked once");
///     pages.iter().map(|page| format!("page {page}")).collect()
/// }
///
/// #[corio::task]
/// fn shows(flights: &SingleFlight<u64, String>, page: u64) -> String {
///     call!(flights.run(page, render(page)))
/// }
///
/// #[corio::task]
/// fn program() -> Vec<String> {
///     let flights = SingleFlight::new();
///     all!((0..3).map(|_| shows(&flights, 7)))
/// }
///
/// assert_eq!(corio::Schedule::new(()).run(program())?, ["page 7", "page 7", "page 7"]);
/// # Ok::<(), corio::Error>(())
/// ```
///
/// A task that asks for the key whose value the task itself is making waits forever, and the run
/// ends with [`Error::Deadlock`](crate::Error::Deadlock).
pub struct SingleFlight<K, V> {
    flights: StateCell<Flights<K, V>>,
}

/// The flights of one run.
struct Flights<K, V> {
    by_key: HashSet<ByKey<K, V>>,
    /// Queues of flights that are over, for new flights: so a flight allocates no queue.
    spare_queues: Vec<WaitQueue<()>>,
    /// The run whose tasks the flights belong to.
    run: RunRef,
}

/// A flight: the making of the value of one key.
struct OngoingCall<K, V> {
    key: K,
    /// The value, once it is made, if the flight had followers by then.
    value: OnceLock<V>,
    state: StateCell<CallState>,
}

struct CallState {
    /// The followers.
    queue: WaitQueue<()>,
    /// The task that makes the value, for deadlock reports.
    leader: Id,
}

/// Returns what a following task waits for.
#[cold]
fn wait_reason(leader: Id, task: Id) -> WaitReason {
    let cause = WaitCause::SingleFlightValue { is_leader: leader == task };
    WaitReason::ends(cause, vec![leader])
}

/// A flight in the set, hashed and compared by its key.
struct ByKey<K, V>(Arc<OngoingCall<K, V>>);

impl<K, V> Borrow<K> for ByKey<K, V> {
    fn borrow(&self) -> &K {
        &self.0.key
    }
}

impl<K: Hash, V> Hash for ByKey<K, V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key.hash(state);
    }
}

impl<K: PartialEq, V> PartialEq for ByKey<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl<K: Eq, V> Eq for ByKey<K, V> {}

impl<K: Hash + Eq, V: Clone> SingleFlight<K, V> {
    /// Creates a `SingleFlight` without keys in flight.
    pub fn new() -> Self {
        SingleFlight::default()
    }

    /// Returns the value of the key: `let value = call!(flights.run(key, load(key)));`.
    ///
    /// Runs the task `maker`, unless a task is running for this key: then the calling task waits
    /// and gets a clone of that one's value.
    ///
    /// # Panics
    /// When called, if tasks of another run are in flight.
    pub fn run<'a, S, T>(
        &'a self,
        key: K,
        maker: T,
    ) -> TaskOver<S, impl Future<Output = V> + use<'a, K, V, S, T>>
    where
        T: Task<S, Output = V>,
    {
        task_with::<S, _>(|over| {
            let maker = maker.into_future(over);
            async move {
                let mut participant = current::with(|run| self.join(run, key));
                if let Some(value) = poll_fn(|_| participant.poll()).await {
                    return value;
                }
                let value = Call::new(maker).await;
                participant.complete(value)
            }
        })
    }

    /// Joins the flight of the key as a follower, or starts one as leader.
    #[inline]
    fn join(&self, run: &RunState, key: K) -> Participant<'_, K, V> {
        let mut flights = self.flights.borrow();
        let former = if flights.run.is(run) { HashSet::new() } else { flights.bind_to(run) };
        let found = flights.by_key.get(&key).map(|ByKey(flight)| flight.clone());
        let is_leader = found.is_none();
        let flight = found.unwrap_or_else(|| flights.start(run, key));
        drop(flights);
        drop(former);
        Participant { flights: self, flight, is_leader, ticket: 0 }
    }
}

impl<K: Hash + Eq, V> Flights<K, V> {
    /// Starts a flight, led by the running task.
    fn start(&mut self, run: &RunState, key: K) -> Arc<OngoingCall<K, V>> {
        let queue = self.spare_queues.pop().unwrap_or_default();
        let state = StateCell::new(CallState { queue, leader: run.executor.current() });
        let flight = Arc::new(OngoingCall { key, value: OnceLock::new(), state });
        self.by_key.insert(ByKey(flight.clone()));
        flight
    }

    /// Binds the flights to `run`, and returns the flights of a run that is over, to be dropped
    /// when nothing is borrowed.
    ///
    /// # Panics
    /// If tasks of another run are in flight.
    #[cold]
    #[must_use]
    fn bind_to(&mut self, run: &RunState) -> HashSet<ByKey<K, V>> {
        assert!(
            self.by_key.is_empty() || self.run.is_over(),
            "corio: this single-flight is in use in another run; a single-flight belongs to one \
             run at a time"
        );
        self.run = RunRef::to(run);
        mem::take(&mut self.by_key)
    }
}

impl<K, V> SingleFlight<K, V> {
    /// Returns the number of keys in flight.
    pub fn len(&self) -> usize {
        self.flights.borrow().by_key.len()
    }

    /// Whether no key is in flight.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K, V> Default for SingleFlight<K, V> {
    fn default() -> Self {
        SingleFlight {
            flights: StateCell::new(Flights {
                by_key: HashSet::new(),
                spare_queues: Vec::new(),
                run: RunRef::default(),
            }),
        }
    }
}

impl<K: fmt::Debug, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flights: Vec<_> =
            self.flights.borrow().by_key.iter().map(|ByKey(flight)| flight.clone()).collect();
        f.debug_set().entries(flights.iter().map(|flight| &flight.key)).finish()
    }
}

/// Part of one task in a flight, as leader or follower. Dropping it withdraws from the flight.
struct Participant<'a, K: Hash + Eq, V> {
    flights: &'a SingleFlight<K, V>,
    flight: Arc<OngoingCall<K, V>>,
    is_leader: bool,
    /// 0 before a follower waits, and after it has continued.
    ticket: Ticket,
}

impl<K: Hash + Eq, V: Clone> Participant<'_, K, V> {
    /// Waits for the value; `None` if this participant leads and has to make it.
    #[inline]
    fn poll(&mut self) -> Poll<Option<V>> {
        if let Some(value) = self.flight.value.get() {
            self.ticket = 0;
            return Poll::Ready(Some(value.clone()));
        }
        if self.is_leader || self.poll_follower() { Poll::Ready(None) } else { Poll::Pending }
    }

    /// Returns whether this follower has become the leader. If not, the running task waits.
    ///
    /// Not a part of `poll`, so that `poll` is small enough to be inlined.
    fn poll_follower(&mut self) -> bool {
        current::with(|run| {
            let CallState { queue, leader } = &mut *self.flight.state.borrow();
            queue.bind_to(run, || false, "corio: a flight of another run");
            let task = run.executor.waiting_task();
            match queue.ticket_state(&mut self.ticket) {
                TicketState::Granted => {
                    (self.is_leader, self.ticket) = (true, 0);
                    *leader = task;
                    return true;
                }
                TicketState::Waiting => queue.set_task(self.ticket, task),
                TicketState::NotQueued => self.ticket = queue.join(task, ()),
            }
            run.executor.park_for(|| wait_reason(*leader, task));
            false
        })
    }

    /// Ends the flight with the value that the leader has made, and returns the value.
    fn complete(mut self, value: V) -> V {
        let has_followers = !self.flight.state.borrow().queue.is_empty();
        if has_followers {
            self.flight.value.get_or_init(|| value.clone());
            let mut state = self.flight.state.borrow();
            state.queue.grant_all();
            let queue = mem::take(&mut state.queue);
            drop(state);
            self.flights.flights.borrow().spare_queues.push(queue);
        }
        self.is_leader = false;
        self.remove_flight();
        value
    }
}

impl<K: Hash + Eq, V> Participant<'_, K, V> {
    /// Removes the flight from the set: the next task that wants the key starts a new one.
    fn remove_flight(&self) {
        self.flights.flights.borrow().by_key.remove(&self.flight.key);
    }

    #[cold]
    fn withdraw(&mut self) {
        if !self.is_leader && self.flight.value.get().is_some() {
            return;
        }
        let mut state = self.flight.state.borrow();
        let queue = &mut state.queue;
        if !self.is_leader && queue.ticket_state(&mut self.ticket) != TicketState::Granted {
            queue.withdraw(self.ticket);
            return;
        }
        // This participant leads, or was granted the lead and has not run since. It is a part of a
        // task, and so is dropped where the run is being turned.
        let has_leader = queue.grant_next_alive().is_ok_and(|granted| granted.is_some());
        drop(state);
        if !has_leader {
            self.remove_flight();
        }
    }
}

impl<K: Hash + Eq, V> Drop for Participant<'_, K, V> {
    #[inline]
    fn drop(&mut self) {
        if self.is_leader || self.ticket != 0 {
            self.withdraw();
        }
    }
}
