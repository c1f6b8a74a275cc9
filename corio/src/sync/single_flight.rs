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

use std::borrow::Borrow;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashSet;
use std::fmt;
use std::future::poll_fn;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::task::Poll;

use super::state_cell::StateCell;
use super::wait_queue::{Ticket, TicketState, WaitQueue};
use crate::executor::{Id, WaitCause, WaitReason};
use crate::runtime::{RunRef, RunState, current};
use crate::task::{Call, Task, task_with};

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
    flights: RefCell<HashSet<ByKey<K, V>>>,
    /// Queues of flights that are over, for new flights: so a flight allocates no queue.
    spare_queues: RefCell<Vec<WaitQueue<()>>>,
    /// The run whose tasks the flights belong to.
    run: RefCell<RunRef>,
}

/// A flight: the making of the value of one key.
struct OngoingCall<K, V> {
    key: K,
    /// The value, once it is made, if the flight had followers by then.
    value: OnceCell<V>,
    /// The followers.
    queue: StateCell<WaitQueue<()>>,
    /// The task that makes the value, for deadlock reports.
    leader: Cell<Id>,
}

impl<K, V> OngoingCall<K, V> {
    /// Returns what a following task waits for.
    #[cold]
    fn wait_reason(&self, task: Id) -> WaitReason {
        let leader = self.leader.get();
        let cause = WaitCause::SingleFlightValue { is_leader: leader == task };
        WaitReason::ends(cause, vec![leader])
    }
}

/// A flight in the set, hashed and compared by its key.
struct ByKey<K, V>(Rc<OngoingCall<K, V>>);

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
    ) -> impl Task<S, Output = V> + use<'a, K, V, S, T>
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
        if !self.run.borrow().is(run) {
            self.bind_to_slow(run);
        }
        let found = self.flights.borrow().get(&key).map(|ByKey(flight)| flight.clone());
        let is_leader = found.is_none();
        Participant {
            flights: self,
            flight: found.unwrap_or_else(|| self.start(run, key)),
            is_leader,
            ticket: 0,
        }
    }

    /// Starts a flight, led by the running task.
    fn start(&self, run: &RunState, key: K) -> Rc<OngoingCall<K, V>> {
        let queue = StateCell::new(self.spare_queues.borrow_mut().pop().unwrap_or_default());
        let flight = Rc::new(OngoingCall {
            key,
            value: OnceCell::new(),
            queue,
            leader: Cell::new(run.executor.current()),
        });
        self.flights.borrow_mut().insert(ByKey(flight.clone()));
        flight
    }

    /// Binds the flights to `run`, and drops the flights of a run that is over.
    ///
    /// # Panics
    /// If tasks of another run are in flight.
    #[cold]
    fn bind_to_slow(&self, run: &RunState) {
        let is_over = self.run.borrow().upgrade().is_none();
        assert!(
            is_over || self.is_empty(),
            "corio: this single-flight is in use in another run; a single-flight belongs to one \
             run at a time"
        );
        if !self.is_empty() {
            // Moved out of the cell before the drop: destructors of keys may use `self`.
            drop(self.flights.take());
        }
        self.run.replace(run.this_run());
    }
}

impl<K, V> SingleFlight<K, V> {
    /// Returns the number of keys in flight.
    pub fn len(&self) -> usize {
        self.flights.borrow().len()
    }

    /// Whether no key is in flight.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K, V> Default for SingleFlight<K, V> {
    fn default() -> Self {
        SingleFlight {
            flights: RefCell::default(),
            spare_queues: RefCell::default(),
            run: RefCell::default(),
        }
    }
}

impl<K: fmt::Debug, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.flights.borrow().iter().map(|flight| &flight.0.key)).finish()
    }
}

/// Part of one task in a flight, as leader or follower. Dropping it withdraws from the flight.
struct Participant<'a, K: Hash + Eq, V> {
    flights: &'a SingleFlight<K, V>,
    flight: Rc<OngoingCall<K, V>>,
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
            let mut queue = self.flight.queue.borrow_mut();
            queue.bind_to(run, || false, "corio: a flight of another run");
            let task = run.executor.waiting_task();
            match queue.ticket_state(self.ticket) {
                TicketState::Granted => {
                    (self.is_leader, self.ticket) = (true, 0);
                    self.flight.leader.set(task);
                    return true;
                }
                TicketState::Waiting => queue.set_task(self.ticket, task),
                TicketState::NotQueued => self.ticket = queue.join(task, ()),
            }
            run.executor.park_for(|| self.flight.wait_reason(task));
            false
        })
    }

    /// Ends the flight with the value that the leader has made, and returns the value.
    fn complete(mut self, value: V) -> V {
        let has_followers = !self.flight.queue.borrow().is_empty();
        if has_followers {
            self.flight.value.get_or_init(|| value.clone());
            let mut state = self.flight.queue.borrow_mut();
            state.grant_all();
            let queue = std::mem::take(&mut *state);
            drop(state);
            self.flights.spare_queues.borrow_mut().push(queue);
        }
        self.is_leader = false;
        self.remove_flight();
        value
    }
}

impl<K: Hash + Eq, V> Participant<'_, K, V> {
    /// Removes the flight from the set: the next task that wants the key starts a new one.
    fn remove_flight(&self) {
        self.flights.flights.borrow_mut().remove(&self.flight.key);
    }

    #[cold]
    fn withdraw(&self) {
        if !self.is_leader && self.flight.value.get().is_some() {
            return;
        }
        let mut queue = self.flight.queue.borrow_mut();
        if !self.is_leader && queue.ticket_state(self.ticket) != TicketState::Granted {
            queue.withdraw(self.ticket);
            return;
        }
        // This participant leads, or was granted the lead and has not run since.
        let has_leader = queue.grant_next_alive().is_some();
        drop(queue);
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
