//! One task for all that want the same thing at the same time.
//!
//! A *flight* is on the way to the value of a key. Its leader runs its task; the others wait in the
//! line of the flight. When the value is there, the flight is taken out of the set first, so that
//! who comes later begins anew, and those in line find the value on the flight. A leader that is
//! dropped calls the first in line to lead.

use std::borrow::Borrow;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashSet;
use std::fmt;
use std::future::poll_fn;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::task::Poll;

use super::wait_queue::{Ticket, TicketState, WaitQueue};
use crate::executor::{Id, WaitReason};
use crate::runtime::{RunRef, RunState, current};
use crate::task::{Call, Sealed, Task, task};

/// For each key one task at a time: who wants the same key meanwhile waits and gets a clone of the
/// value.
///
/// It keeps nothing: who comes when the value is there runs its task anew. A value that is an `Err`
/// is shared like any other. If the one that runs its task is dropped half-way, whoever has waited
/// longest runs its own, and the others wait for that.
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
/// A task that runs the key it is running already waits for itself, and the run ends with
/// [`Error::Deadlock`](crate::Error::Deadlock).
pub struct SingleFlight<K, V> {
    flights: RefCell<HashSet<ByKey<K, V>>>,
    /// Of flights that are over, for new ones.
    lines: RefCell<Vec<WaitQueue<()>>>,
    /// The run that the flights are of.
    run: RefCell<RunRef>,
}

struct OngoingCall<K, V> {
    key: K,
    /// There as soon as it has landed, if anybody waits.
    value: OnceCell<V>,
    queue: RefCell<WaitQueue<()>>,
    /// For deadlock reports.
    leader: Cell<Id>,
}

impl<K, V> OngoingCall<K, V> {
    /// What this task waits for.
    #[cold]
    fn waits(&self, task: Id) -> WaitReason {
        let leader = self.leader.get();
        let whose = if leader == task { "which it leads itself" } else { "which is on the way" };
        WaitReason::ends(format!("the single-flight of a key, {whose}"), vec![leader])
    }
}

/// Found by its key.
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
    /// Nothing is on the way.
    pub fn new() -> Self {
        SingleFlight::default()
    }

    /// The value of the key: `let value = call!(flights.run(key, load(key)));`. Runs the task, or
    /// waits for the one that runs for this key already.
    ///
    /// # Panics
    /// When called, if another run has flights on the way.
    pub fn run<'a, S, T>(
        &'a self,
        key: K,
        maker: T,
    ) -> impl Task<S, Output = V> + use<'a, K, V, S, T>
    where
        T: Task<S, Output = V>,
    {
        task::<S, _>(async move {
            let mut seat = current::with(|run| self.board(run, key));
            if let Some(value) = poll_fn(|_| seat.poll()).await {
                return value;
            }
            let value = Call::new(maker.into_future(Sealed)).await;
            seat.land(value)
        })
    }

    #[inline]
    fn board(&self, run: &RunState, key: K) -> Seat<'_, K, V> {
        if !self.run.borrow().is(run) {
            self.move_to(run);
        }
        let found = self.flights.borrow().get(&key).map(|ByKey(flight)| flight.clone());
        let leads = found.is_none();
        Seat {
            flights: self,
            flight: found.unwrap_or_else(|| self.take_off(run, key)),
            leads,
            ticket: 0,
        }
    }

    /// Begins a flight, which the running task leads.
    fn take_off(&self, run: &RunState, key: K) -> Rc<OngoingCall<K, V>> {
        let queue = RefCell::new(self.lines.borrow_mut().pop().unwrap_or_default());
        let flight = Rc::new(OngoingCall {
            key,
            value: OnceCell::new(),
            queue,
            leader: Cell::new(run.executor.current()),
        });
        self.flights.borrow_mut().insert(ByKey(flight.clone()));
        flight
    }

    #[cold]
    fn move_to(&self, run: &RunState) {
        let is_over = self.run.borrow().upgrade().is_none();
        assert!(
            is_over || self.is_empty(),
            "corio: this single-flight is in use in another run; a single-flight belongs to one \
             run at a time"
        );
        if !self.is_empty() {
            // Taken out first: keys are the user's, and their destructors may come back here.
            drop(self.flights.take());
        }
        self.run.replace(run.this_run());
    }
}

impl<K, V> SingleFlight<K, V> {
    /// How many flights are on the way.
    pub fn len(&self) -> usize {
        self.flights.borrow().len()
    }

    /// Whether none is on the way.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K, V> Default for SingleFlight<K, V> {
    fn default() -> Self {
        SingleFlight {
            flights: RefCell::default(),
            lines: RefCell::default(),
            run: RefCell::default(),
        }
    }
}

impl<K: fmt::Debug, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.flights.borrow().iter().map(|flight| &flight.0.key)).finish()
    }
}

/// A place on a flight.
struct Seat<'a, K: Hash + Eq, V> {
    flights: &'a SingleFlight<K, V>,
    flight: Rc<OngoingCall<K, V>>,
    leads: bool,
    /// 0 before it waits, and when it goes on.
    ticket: Ticket,
}

impl<K: Hash + Eq, V: Clone> Seat<'_, K, V> {
    /// The value, or nothing if it is up to this one to make it.
    #[inline]
    fn poll(&mut self) -> Poll<Option<V>> {
        if let Some(value) = self.flight.value.get() {
            self.ticket = 0;
            return Poll::Ready(Some(value.clone()));
        }
        if self.leads || self.comes_to_lead() { Poll::Ready(None) } else { Poll::Pending }
    }

    /// If not, it waits. Not a part of `poll`, which so is small enough to become one of its
    /// caller.
    fn comes_to_lead(&mut self) -> bool {
        current::with(|run| {
            let mut queue = self.flight.queue.borrow_mut();
            queue.belong_to(run, || false, "corio: a flight of another run");
            let task = run.executor.waiting_task();
            match queue.ticket_state(self.ticket) {
                TicketState::Called => {
                    (self.leads, self.ticket) = (true, 0);
                    self.flight.leader.set(task);
                    return true;
                }
                TicketState::Waits => queue.stay(self.ticket, task),
                TicketState::NotQueued => self.ticket = queue.join(task, ()),
            }
            run.executor.park_for(|| self.flight.waits(task));
            false
        })
    }

    /// The leader has the value.
    fn land(mut self, value: V) -> V {
        let has_followers = !self.flight.queue.borrow().is_empty();
        if has_followers {
            self.flight.value.get_or_init(|| value.clone());
            let mut queue = self.flight.queue.take();
            queue.grant_all();
            self.flights.lines.borrow_mut().push(queue);
        }
        self.leads = false;
        self.leave_set();
        value
    }
}

impl<K: Hash + Eq, V> Seat<'_, K, V> {
    /// Who comes from here on begins anew.
    fn leave_set(&self) {
        self.flights.flights.borrow_mut().remove(&self.flight.key);
    }

    #[cold]
    fn give_up(&self) {
        if !self.leads && self.flight.value.get().is_some() {
            return;
        }
        let mut queue = self.flight.queue.borrow_mut();
        if !self.leads && queue.ticket_state(self.ticket) != TicketState::Called {
            queue.leave(self.ticket);
            return;
        }
        // It leads, or was called to and has not begun.
        let has_leader = queue.grant_first().is_some();
        drop(queue);
        if !has_leader {
            self.leave_set();
        }
    }
}

impl<K: Hash + Eq, V> Drop for Seat<'_, K, V> {
    #[inline]
    fn drop(&mut self) {
        if self.leads || self.ticket != 0 {
            self.give_up();
        }
    }
}
