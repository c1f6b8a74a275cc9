//! Batches that will be answered later. Those who wait stay here; only keys go out, and only answers come back.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::Waiter;
use super::dedup::Ticket;
use super::load::{Marks, NO_TICKET};
use super::post::Posts;
use super::timers::Alarm;

/// Names a flight that is on its way. Its place is used again; its number is not, in no later run either, so that late news find nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FlightId {
    place: u32,
    number: u64,
}

/// A batch that has left, with those who wait for it.
pub(super) struct Flight<K, A> {
    /// Its number while it is on its way; 0 otherwise.
    pub(super) number: u64,
    /// Which batch of the run it is.
    pub(super) batch: u64,
    /// By position. Those that have been answered are `GONE`.
    pub(super) waiters: Vec<Waiter>,
    /// How many have not been answered.
    pub(super) left: usize,
    /// Everybody before this position was answered or is gone.
    pub(super) wanted_from: usize,
    /// The batch that it was split from.
    pub(super) whole: Option<Whole>,
    /// By position.
    pub(super) marks: Option<Box<Marks>>,
    /// What most flights do without.
    pub(super) extras: Option<Box<Extras<K, A>>>,
}

/// Names a batch that left in parts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Whole(u64);

/// Who waited at a position that was answered.
pub(super) const GONE: Waiter = Waiter(u64::MAX);

pub(super) struct Extras<K, A> {
    /// With dedup, copies of the keys by position.
    pub(super) keys: Vec<K>,
    /// Goes off when it takes too long.
    pub(super) alarm: Option<Alarm>,
    /// The number of the future that answers it.
    pub(super) future: Option<u32>,
    /// A function on a thread pool has its slots: when it panics, they are dropped before the panic is known here.
    pub(super) is_with_a_job: bool,
    /// Slots that were dropped by a panic, perhaps the job's: position and key.
    pub(super) dropped: Vec<(usize, Option<String>)>,
    /// Where its slots put their answers.
    pub(super) posts: Option<Rc<dyn Posts<K, A>>>,
}

impl<K, A> Default for Extras<K, A> {
    fn default() -> Self {
        Extras { keys: Vec::new(), alarm: None, future: None, is_with_a_job: false, dropped: Vec::new(), posts: None }
    }
}

impl<K, A> Flight<K, A> {
    fn none() -> Self {
        Flight { number: 0, batch: 0, waiters: Vec::new(), left: 0, wanted_from: 0, whole: None, marks: None, extras: None }
    }

    pub(super) fn extras(&mut self) -> &mut Extras<K, A> {
        self.extras.get_or_insert_default()
    }

    /// How often the request at a position was sent before.
    pub(super) fn attempts(&self, position: usize) -> u32 {
        self.marks.as_ref().map_or(0, |marks| marks.attempts(position))
    }

    pub(super) fn ticket(&self, position: usize) -> Ticket {
        self.marks.as_ref().map_or(NO_TICKET, |marks| marks.ticket(position))
    }
}

pub(super) struct Flights<K, A> {
    places: RefCell<Vec<Flight<K, A>>>,
    free: RefCell<Vec<u32>>,
    /// The number of the newest.
    last: Cell<u64>,
    /// How many parts of each batch that was split are on their way.
    wholes: RefCell<HashMap<Whole, usize>>,
    last_whole: Cell<u64>,
}

impl<K, A> Default for Flights<K, A> {
    fn default() -> Self {
        Flights { places: RefCell::default(), free: RefCell::default(), last: Cell::new(0), wholes: RefCell::default(), last_whole: Cell::new(0) }
    }
}

impl<K, A> Flights<K, A> {
    pub(super) fn is_empty(&self) -> bool {
        self.free.borrow().len() == self.places.borrow().len()
    }

    /// The name for the next flight.
    pub(super) fn next(&self) -> FlightId {
        let place = self.free.borrow_mut().pop().unwrap_or_else(|| {
            let mut places = self.places.borrow_mut();
            places.push(Flight::none());
            places.len() as u32 - 1
        });
        self.last.set(self.last.get() + 1);
        FlightId { place, number: self.last.get() }
    }

    pub(super) fn put(&self, id: FlightId, flight: Flight<K, A>) {
        self.places.borrow_mut()[id.place as usize] = Flight { number: id.number, ..flight };
    }

    /// Takes a flight out, if it is still there.
    pub(super) fn take(&self, id: FlightId) -> Option<Flight<K, A>> {
        let mut places = self.places.borrow_mut();
        let flight = places.get_mut(id.place as usize).filter(|flight| flight.number == id.number)?;
        let taken = std::mem::replace(flight, Flight::none());
        self.free.borrow_mut().push(id.place);
        Some(taken)
    }

    /// Takes a flight off its place, which stays its own.
    pub(super) fn lift(&self, id: FlightId) -> Option<Flight<K, A>> {
        let lifted = Flight { number: id.number, left: usize::MAX, ..Flight::none() };
        self.with(id, |flight| std::mem::replace(flight, lifted))
    }

    pub(super) fn put_back(&self, id: FlightId, lifted: Flight<K, A>) {
        self.with(id, |flight| *flight = lifted);
    }

    /// Runs no code of the user's while it lends the flight.
    pub(super) fn with<T>(&self, id: FlightId, use_it: impl FnOnce(&mut Flight<K, A>) -> T) -> Option<T> {
        self.places.borrow_mut().get_mut(id.place as usize).filter(|flight| flight.number == id.number).map(use_it)
    }

    /// A batch leaves in parts.
    pub(super) fn split(&self) -> Whole {
        self.last_whole.set(self.last_whole.get() + 1);
        Whole(self.last_whole.get())
    }

    /// A part will be answered later; whether no other is on its way.
    pub(super) fn part_leaves(&self, whole: Whole) -> bool {
        let mut wholes = self.wholes.borrow_mut();
        let parts = wholes.entry(whole).or_default();
        *parts += 1;
        *parts == 1
    }

    /// A part has come back; whether no other is on its way.
    pub(super) fn part_is_back(&self, whole: Whole) -> bool {
        let mut wholes = self.wholes.borrow_mut();
        let Some(parts) = wholes.get_mut(&whole) else { return true };
        *parts -= 1;
        let was_last = *parts == 0;
        if was_last {
            wholes.remove(&whole);
        }
        was_last
    }

    /// The flights that are on their way.
    pub(super) fn all(&self) -> Vec<FlightId> {
        let places = self.places.borrow();
        places.iter().zip(0..).filter(|(flight, _)| flight.number != 0).map(|(flight, place)| FlightId { place, number: flight.number }).collect()
    }

    /// All of them, when a run is over.
    pub(super) fn take_all(&self) -> Vec<Flight<K, A>> {
        self.free.borrow_mut().clear();
        self.wholes.borrow_mut().clear();
        self.places.borrow_mut().drain(..).filter(|flight| flight.number != 0).collect()
    }
}
