//! SingleFlight: for each key one leads, and all that ask meanwhile get its value; if it is
//! dropped, the one that waits longest leads.

use std::collections::{BTreeMap, VecDeque};

use super::{Rules, Waiter};

#[derive(Default)]
pub(crate) struct Flights {
    /// By key.
    flights: BTreeMap<usize, Flight>,
    /// Each with what it has to get.
    ready: BTreeMap<Waiter, u64>,
}

struct Flight {
    leads: Waiter,
    begun: bool,
    followers: VecDeque<Waiter>,
}

impl Flights {
    pub(crate) fn asks(&mut self, waiter: Waiter, key: usize) {
        match self.flights.get_mut(&key) {
            Some(flight) => flight.followers.push_back(waiter),
            None => {
                _ = self
                    .flights
                    .insert(key, Flight { leads: waiter, begun: false, followers: VecDeque::new() })
            }
        }
    }

    /// Its task begins. False if it does not lead.
    pub(crate) fn leads(&mut self, waiter: Waiter) -> bool {
        let flight = self.flights.values_mut().find(|flight| flight.leads == waiter);
        flight.is_some_and(|flight| !std::mem::replace(&mut flight.begun, true))
    }

    /// Its task has ended with this value.
    pub(crate) fn led(&mut self, waiter: Waiter, value: u64) {
        let key =
            self.flights.iter().find(|(_, flight)| flight.leads == waiter).map(|(key, _)| *key);
        if let Some(flight) = key.and_then(|key| self.flights.remove(&key)) {
            self.ready.insert(waiter, value);
            self.ready.extend(flight.followers.into_iter().map(|follower| (follower, value)));
        }
    }

    pub(crate) fn value_for(&self, waiter: Waiter) -> Option<u64> {
        self.ready.get(&waiter).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.flights.len()
    }
}

impl Rules for Flights {
    fn granted(&self, waiter: Waiter) -> bool {
        self.ready.contains_key(&waiter)
            || self.flights.values().any(|flight| flight.leads == waiter && !flight.begun)
    }

    fn passes(&mut self, waiter: Waiter) {
        self.ready.remove(&waiter);
    }

    fn leaves(&mut self, waiter: Waiter) {
        self.ready.remove(&waiter);
        self.flights
            .values_mut()
            .for_each(|flight| flight.followers.retain(|other| *other != waiter));
        self.flights.retain(|_, flight| {
            if flight.leads == waiter {
                match flight.followers.pop_front() {
                    Some(next) => (flight.leads, flight.begun) = (next, false),
                    None => return false,
                }
            }
            true
        });
    }

    fn at_rest(&self) -> bool {
        self.flights.is_empty() && self.ready.is_empty()
    }
}
