//! What tasks that were dropped have asked for: it must neither leave, nor keep the run waiting, nor hold others.
//!
//! Requests that wait to be sent are left out when their batch leaves (`sending.rs`). Here is what cannot wait until then.

use super::Waiter;
use super::flights::{FlightId, GONE};
use super::queue::Queue;
use super::request::Request;
use crate::observe::Event;

impl<R: Request> Queue<R> {
    /// Tasks were dropped, these among them.
    pub(super) fn withdraw(&self, dropped: &[Waiter]) {
        if self.options.lone {
            let flights: Vec<FlightId> = dropped.iter().filter_map(|waiter| self.lone.borrow().get(waiter).copied()).collect();
            flights.into_iter().for_each(|flight| self.abandon(flight));
        } else {
            self.drop_paused();
            // What has begun to be written is seen to its end: what is asked after it is to find it written, or not.
            if !self.options.ordered {
                self.flights.all().into_iter().filter(|flight| !self.is_flight_wanted(*flight)).for_each(|flight| self.abandon(flight));
            }
        }
        if self.flights.is_empty() && !self.waiting.borrow().is_pausing() {
            self.board.hear_of_drops.borrow_mut().remove(&self.number);
        }
    }

    /// Nobody waits for a flight: its future is dropped, late answers are thrown away, and its place is free.
    fn abandon(&self, id: FlightId) {
        // What is there counts: it may be kept.
        self.take_posts(id);
        if let Some(flight) = self.land(id) {
            self.board.watch().emit(|| Event::Abandoned { dispatcher: R::name(), batch: flight.load.batch });
            if let Some(sharing) = &self.sharing {
                for (position, name) in flight.load.names().iter().enumerate() {
                    sharing.borrow_mut().take(name, flight.load.ticket(position));
                }
            }
        }
    }

    fn is_flight_wanted(&self, id: FlightId) -> bool {
        let is_alive = |waiter| self.board.is_alive(waiter);
        let asker_is_there = self.flights.with(id, |flight| {
            // From where the last one was found: nobody comes back to life, and so all of this is linear.
            let rest = &flight.load.waiters[flight.wanted_from..];
            let found = rest.iter().position(|waiter| *waiter != GONE && is_alive(*waiter));
            flight.wanted_from += found.unwrap_or(rest.len());
            // Whoever has answered everything may still have something to do.
            found.is_some() || flight.left == 0
        });
        if asker_is_there != Some(false) {
            return true;
        }
        let Some(sharing) = &self.sharing else { return false };
        // Off its place meanwhile, as comparing keys runs code of the user's.
        let Some(flight) = self.flights.lift(id) else { return true };
        let has_joined = |(position, name)| sharing.borrow_mut().has_joined(name, flight.load.ticket(position), &is_alive);
        let somebody_has_joined = flight.load.names().iter().enumerate().any(has_joined);
        self.flights.put_back(id, flight);
        somebody_has_joined
    }

    fn drop_paused(&self) {
        let (gone, alarms) = self.waiting.borrow_mut().take_paused(&mut |entry| self.is_wanted(entry));
        alarms.into_iter().for_each(|alarm| self.board.due.borrow_mut().unset(alarm));
        drop(gone);
        if !self.waiting.borrow().is_empty() {
            self.list();
        }
    }
}
