//! Batches that will be answered later. Those who wait stay here; only keys go out, and only answers come back.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::rc::Rc;

use super::mailbox::Posts;
use crate::dispatch::buffer::Boxed;
use crate::dispatch::ids::{FlightId, Waiter};
use crate::util::Alarm;

/// A batch that has left, with those who wait for it.
pub(crate) struct Flight<K, A> {
    /// Waiters that have been answered are `GONE`. The keys are with the dispatcher.
    pub(crate) load: Boxed<K, A>,
    /// How many have not been answered.
    pub(crate) left: usize,
    /// Everybody before this position was answered or is gone.
    pub(crate) wanted_from: usize,
    /// Somebody who waits, as far as one is known: when he is gone, the flight may be given up.
    pub(crate) watched_by: Option<Waiter>,
    pub(crate) part: Part,
    /// Goes off when it takes too long.
    pub(crate) alarm: Option<Alarm>,
    /// The number of the future that answers it.
    pub(crate) future: Option<u32>,
    /// A function on a thread pool has its slots: when it panics, they are dropped before the panic is known here.
    pub(crate) is_with_a_job: bool,
    /// Slots that were dropped by a panic, perhaps the job's: position and key.
    pub(crate) dropped: Vec<(usize, Option<String>)>,
    /// Where its slots put their answers.
    pub(crate) posts: Option<Rc<dyn Posts<K, A>>>,
    /// How many were answered from elsewhere, and not by the dispatcher yet.
    pub(crate) elsewhere: usize,
    /// With dedup, when all who asked are gone: the positions where one who has joined may still be there.
    pub(crate) unwatched: Option<Vec<usize>>,
}

/// Which part a batch is of what left together.
#[derive(Clone, Copy, Default)]
pub(crate) struct Part {
    /// Where groups may overtake each other, the number of its group, whose limit it counts for.
    pub(crate) group: Option<u32>,
    /// The batch that it was split from. The parts of one count as one.
    pub(crate) whole: Option<Whole>,
}

/// Names a batch that left in parts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Whole(NonZeroU64);

/// Who waited at a position that was answered.
pub(crate) const GONE: Waiter = Waiter(u64::MAX);

impl<K, A> Flight<K, A> {
    pub(crate) fn new(load: Boxed<K, A>, part: Part) -> Self {
        Flight {
            left: load.waiters.len(),
            wanted_from: 0,
            watched_by: None,
            part,
            alarm: None,
            future: None,
            is_with_a_job: false,
            dropped: Vec::new(),
            posts: None,
            elsewhere: 0,
            unwatched: None,
            load,
        }
    }
}

/// A place for a flight.
struct Place<K, A> {
    /// That of the flight whose place it is; 0 if it is free.
    number: u64,
    /// Absent while it is lifted off.
    flight: Option<Flight<K, A>>,
}

pub(crate) struct Flights<K, A> {
    places: RefCell<Vec<Place<K, A>>>,
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
    pub(crate) fn is_empty(&self) -> bool {
        self.free.borrow().len() == self.places.borrow().len()
    }

    /// The name for the next flight.
    pub(crate) fn next(&self) -> FlightId {
        let place = self.free.borrow_mut().pop().unwrap_or_else(|| {
            let mut places = self.places.borrow_mut();
            places.push(Place { number: 0, flight: None });
            places.len() as u32 - 1
        });
        self.last.set(self.last.get() + 1);
        FlightId { place, number: self.last.get() }
    }

    pub(crate) fn put(&self, id: FlightId, flight: Flight<K, A>) {
        self.places.borrow_mut()[id.place as usize] = Place { number: id.number, flight: Some(flight) };
    }

    /// Takes a flight out, if it is still there.
    pub(crate) fn take(&self, id: FlightId) -> Option<Flight<K, A>> {
        let mut places = self.places.borrow_mut();
        let place = places.get_mut(id.place as usize).filter(|place| place.number == id.number)?;
        place.number = 0;
        self.free.borrow_mut().push(id.place);
        place.flight.take()
    }

    /// Takes a flight off its place, which stays its own.
    pub(crate) fn lift(&self, id: FlightId) -> Option<Flight<K, A>> {
        self.at(id, |place| place.flight.take())?
    }

    pub(crate) fn put_back(&self, id: FlightId, lifted: Flight<K, A>) {
        self.at(id, |place| place.flight = Some(lifted));
    }

    /// Runs no code of the user's while it lends the flight.
    pub(crate) fn with<T>(&self, id: FlightId, use_it: impl FnOnce(&mut Flight<K, A>) -> T) -> Option<T> {
        self.at(id, |place| place.flight.as_mut().map(use_it))?
    }

    fn at<T>(&self, id: FlightId, use_it: impl FnOnce(&mut Place<K, A>) -> T) -> Option<T> {
        self.places.borrow_mut().get_mut(id.place as usize).filter(|place| place.number == id.number).map(use_it)
    }

    /// A batch leaves in parts.
    pub(crate) fn split(&self) -> Whole {
        let whole = Whole(NonZeroU64::MIN.saturating_add(self.last_whole.get()));
        self.last_whole.set(whole.0.get());
        whole
    }

    /// A part will be answered later; whether no other is on its way.
    pub(crate) fn part_leaves(&self, whole: Whole) -> bool {
        let mut wholes = self.wholes.borrow_mut();
        let parts = wholes.entry(whole).or_default();
        *parts += 1;
        *parts == 1
    }

    /// A part has come back; whether no other is on its way.
    pub(crate) fn part_is_back(&self, whole: Whole) -> bool {
        let mut wholes = self.wholes.borrow_mut();
        let Some(parts) = wholes.get_mut(&whole) else { return true };
        *parts -= 1;
        let was_last = *parts == 0;
        if was_last {
            wholes.remove(&whole);
        }
        was_last
    }

    /// All of them, when a run is over.
    pub(crate) fn take_all(&self) -> Vec<Flight<K, A>> {
        self.free.borrow_mut().clear();
        self.wholes.borrow_mut().clear();
        self.places.borrow_mut().drain(..).filter_map(|place| place.flight).collect()
    }
}
