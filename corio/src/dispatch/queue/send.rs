//! How requests leave: as far as limits allow, as one batch or in parts.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::grouped::Grouped;
use super::state::{LoadOf, Queue};
use crate::dispatch::buffer::{Entry, NO_TICKET};
use crate::dispatch::error::Fault;
use crate::dispatch::ids::FlightId;
use crate::dispatch::in_flight::{Flight, Part};
use crate::dispatch::keys::{ShownKeys, Ticket};
use crate::dispatch::options::Options;
use crate::dispatch::request::Request;
use crate::dispatch::shared::Due;
use crate::observe::Event;
use crate::util::Alarm;

/// Where batches go: to the dispatcher.
pub(crate) trait Outlet<R: Request> {
    /// Whether anything may leave. Looked at before each batch.
    fn is_open(&self) -> bool;

    /// Hands a batch over. What becomes of it comes back to the queue, now or later.
    fn hand_over(&self, load: LoadOf<R>, part: Part);
}

impl<R: Request> Queue<R> {
    /// Sends what waits, unless a limit holds it; what stays is listed again.
    pub(crate) fn send(&self, outlet: &impl Outlet<R>) {
        self.listed.set(false);
        self.give_kept_now();
        if self.is_held() {
            self.hear_of_drops();
            return self.list();
        }
        // From here on: comparing keys, to find groups, runs code of the user's too.
        self.board.blame(R::name(), || self.send_waiting(outlet));
    }

    /// Gives what was kept to those who would get it with the answers of a batch.
    pub(crate) fn give_kept_now(&self) {
        if let Some(kept) = self.kept.take() {
            self.come_back(kept);
        }
    }

    /// Whether something waits that no limit holds.
    pub(crate) fn can_send(&self) -> bool {
        let has_ready_group = || self.grouped.as_ref().is_some_and(|grouped| grouped.borrow().next_ready().is_some());
        !self.is_held() && (!self.waiting.borrow().is_empty() || has_ready_group())
    }

    /// Whether what waits has to wait on.
    pub(crate) fn is_held(&self) -> bool {
        let Options { in_flight, ordered, lone, .. } = self.options;
        if lone {
            return false;
        }
        let limit = if ordered { 1 } else { in_flight };
        self.places.get() >= limit || self.is_held_by_others() || ordered && self.waiting.borrow().is_pausing()
    }

    /// Whether nothing may leave whatever is on its way of this dispatcher.
    fn is_held_by_others(&self) -> bool {
        let board = &self.board;
        // One that answers in place is never in flight.
        board.barred.get() || self.is_concurrent && board.places.get() >= board.limits.in_flight
    }

    #[inline]
    pub(crate) fn send_waiting(&self, outlet: &impl Outlet<R>) {
        match self.take_plain() {
            Some(load) => self.send_now(load, self.board.next_batch(), Part::default(), outlet),
            None => self.send_otherwise(outlet),
        }
    }

    /// Takes what has gathered, if it may leave as it is.
    #[inline]
    fn take_plain(&self) -> Option<LoadOf<R>> {
        let mut waiting = self.waiting.borrow_mut();
        let is_plain = self.is_plain && !waiting.has_backlog() && self.drops.get() == self.board.drops.get();
        let fits = (1..=self.options.max_batch).contains(&waiting.gathered_len());
        (is_plain && fits).then(|| waiting.take_gathered(self.spare()))
    }

    #[inline(never)]
    fn send_otherwise(&self, outlet: &impl Outlet<R>) {
        let settled = self.take_settled();
        self.drop_unwanted_gathered();
        let waits_before = self.waiting.borrow().has_backlog();
        if let Some(load) = settled {
            self.send_parts(load, None, outlet);
        } else if self.is_plain && !waits_before {
            let load = self.waiting.borrow_mut().take_gathered(self.spare());
            self.send_parts(load, None, outlet);
        } else if !waits_before && self.is_next_in_order() {
            let mut load = self.waiting.borrow_mut().take_gathered(self.spare());
            self.last_ticket.set(load.number(self.last_ticket.get()));
            self.send_parts(load, None, outlet);
        } else {
            self.add_gathered_to_backlog();
            if self.options.ordered {
                self.send_first_in_order(outlet);
            } else if let Some(grouped) = &self.grouped {
                self.find_groups(grouped);
                self.send_groups(grouped, outlet);
            } else {
                let load = self.load_from(&mut || self.waiting.borrow_mut().pop());
                self.send_parts(load, None, outlet);
            }
        }
        if self.waits() {
            self.hear_of_drops();
            self.list();
        }
    }

    /// Whether something waits to be sent, though a limit may hold it.
    pub(crate) fn waits(&self) -> bool {
        !self.waiting.borrow().is_empty() || self.grouped.as_ref().is_some_and(|grouped| grouped.borrow().len() > 0)
    }

    /// With dedup: takes what was settled, if it may leave as it is. Somebody waits for each of it unless tasks were dropped, or primed a key, since.
    fn take_settled(&self) -> Option<LoadOf<R>> {
        let is_wanted = !self.sharing.as_ref()?.borrow().has_answered() && self.drops.get() == self.board.drops.get();
        let Options { ordered, max_batch, groups, .. } = self.options;
        let at_most = if ordered { max_batch } else { usize::MAX };
        if is_wanted && groups.is_none() { self.waiting.borrow_mut().take_settled(at_most) } else { None }
    }

    /// Whether, with nothing waiting before it, what has gathered may leave in order as one batch.
    fn is_next_in_order(&self) -> bool {
        let Options { ordered, max_batch, .. } = self.options;
        ordered && self.sharing.is_none() && self.groups_in_order.is_none() && self.waiting.borrow().gathered_len() <= max_batch
    }

    fn add_gathered_to_backlog(&self) {
        let mut gathered = self.waiting.borrow_mut().take_gathered(self.spare());
        // With dedup each has a ticket already, and nothing has gathered since.
        let numbers = self.options.ordered && self.sharing.is_none();
        for entry in gathered.drain() {
            let ticket = if numbers { Ticket::numbered(self.last_ticket.get() + 1) } else { entry.ticket };
            self.last_ticket.set(ticket.number.max(self.last_ticket.get()));
            self.waiting.borrow_mut().push(Entry { ticket, ..entry });
        }
        self.put_back(gathered);
    }

    /// A load of those that somebody waits for.
    fn load_from(&self, next: &mut dyn FnMut() -> Option<Entry<R::Key>>) -> LoadOf<R> {
        let mut load = self.spare();
        while let Some(entry) = next() {
            if self.is_wanted(&entry) {
                load.push(entry);
            } else {
                self.forget(entry);
            }
        }
        load
    }

    /// In order, only those before the first of another group may leave.
    fn send_first_in_order(&self, outlet: &impl Outlet<R>) {
        let mut load = self.spare();
        let mut group = None;
        if let Some(groups) = &self.groups_in_order {
            groups.borrow_mut().forget_all();
        }
        while load.len() < self.options.max_batch {
            let Some(entry) = self.waiting.borrow_mut().pop() else { break };
            if !self.is_wanted(&entry) {
                self.forget(entry);
                continue;
            }
            if let Some(groups) = &self.groups_in_order {
                match self.guarded(|| groups.borrow_mut().number(&entry.key)) {
                    Ok(number) if *group.get_or_insert(number) == number => {}
                    Ok(_) => {
                        self.waiting.borrow_mut().put_back(entry);
                        break;
                    }
                    Err(fault) => {
                        self.fail_one(entry, &fault);
                        continue;
                    }
                }
            }
            load.push(entry);
        }
        self.send_parts(load, None, outlet);
    }

    /// Puts those that are in no group yet into theirs.
    fn find_groups(&self, grouped: &RefCell<Grouped<R::Key>>) {
        loop {
            let Some(entry) = self.waiting.borrow_mut().pop() else { return };
            if !self.is_wanted(&entry) {
                self.forget(entry);
                continue;
            }
            match self.guarded(|| grouped.borrow_mut().number(&entry.key)) {
                Ok(group) => grouped.borrow_mut().push(group, entry),
                Err(fault) => self.fail_one(entry, &fault),
            }
        }
    }

    /// Each group that its own limit does not hold leaves, as far as there is room for it beside all others.
    fn send_groups(&self, grouped: &RefCell<Grouped<R::Key>>, outlet: &impl Outlet<R>) {
        while outlet.is_open() && !self.is_held_by_others() {
            let Some(group) = grouped.borrow().next_ready() else { return };
            let load = self.load_from(&mut || grouped.borrow_mut().pop(group));
            self.send_parts(load, Some(group), outlet);
        }
    }

    /// Sends what may leave together, in parts if it is too much for one batch.
    fn send_parts(&self, mut load: LoadOf<R>, group: Option<u32>, outlet: &impl Outlet<R>) {
        if load.is_empty() {
            return self.put_back(load);
        }
        if load.len() <= self.options.max_batch {
            return self.send_one(load, Part { group, whole: None }, outlet);
        }
        let parts = load.drain_into_parts(self.options.max_batch, || self.spare());
        self.put_back(load);
        let whole = Some(self.flights.split());
        for part in parts.into_iter().take_while(|_| outlet.is_open()) {
            self.send_one(part, Part { group, whole }, outlet);
        }
    }

    /// Sends a batch; out of line, for all places but the most frequent one.
    #[inline(never)]
    fn send_one(&self, load: LoadOf<R>, part: Part, outlet: &impl Outlet<R>) {
        self.send_now(load, self.board.next_batch(), part, outlet);
    }

    /// The same, in line, as the batch of that number: most leave as they have gathered.
    #[inline(always)]
    pub(crate) fn send_now(&self, mut load: LoadOf<R>, batch: u64, part: Part, outlet: &impl Outlet<R>) {
        load.batch = batch;
        if self.board.observers().has_observer() {
            self.tell_sent(&load);
        }
        if let Some(copy_key) = self.copies_keys {
            if let Err(fault) = self.guarded(|| load.copy_keys(copy_key)) {
                return self.fail_all(load, &fault);
            }
        }
        outlet.hand_over(load, part);
    }

    /// Fails a request that code around the dispatcher has failed, as a batch of its own.
    #[cold]
    pub(crate) fn fail_one(&self, entry: Entry<R::Key>, fault: &Fault) {
        let mut load = self.spare();
        load.push(entry);
        load.batch = self.board.next_batch();
        if self.board.observers().has_observer() {
            self.tell_sent(&load);
        }
        self.fail_all(load, fault);
    }

    #[cold]
    fn tell_sent(&self, load: &LoadOf<R>) {
        let shown = ShownKeys { keys: &load.keys, show: self.options.show_key };
        self.board.observers().emit(|| Event::BatchSent { dispatcher: R::name(), batch: load.batch, len: load.keys.len(), keys: &shown });
    }

    /// A flight will be answered later.
    pub(crate) fn take_off(&self, load: LoadOf<R>, part: Part) -> FlightId {
        let board = &self.board;
        board.outside.inline_budget.end();
        let mut flight = Flight::new(load, part);
        board.in_flight.set(board.in_flight.get() + 1);
        let is_first = part.whole.is_none_or(|whole| self.flights.part_leaves(whole));
        if is_first && !self.options.lone {
            match (&self.grouped, part.group) {
                (Some(grouped), Some(group)) => grouped.borrow_mut().batch_leaves(group),
                _ => self.places.set(self.places.get() + 1),
            }
            board.places.set(board.places.get() + 1);
        }
        let id = self.flights.next();
        if let Some(limit) = self.options.timeout {
            flight.alarm = Some(board.set_alarm(limit, Due::Flight { queue: self.number, flight: id }));
        }
        if let Some(sharing) = &self.sharing {
            let mut sharing = sharing.borrow_mut();
            (0..flight.load.len()).for_each(|position| sharing.set_place(flight.load.ticket(position), Some((id, position))));
        }
        self.flights.put(id, flight);
        self.hear_of_drops();
        self.observers(id);
        id
    }

    /// Some requests have paused long enough.
    pub(crate) fn end_pause(&self, alarm: Alarm) {
        self.waiting.borrow_mut().end_pause(alarm);
        self.list();
    }

    /// Has requests go out again after a pause, those with the same pause together.
    pub(crate) fn try_again(&self, entries: Vec<(Duration, Entry<R::Key>)>) {
        let mut by_pause: BTreeMap<Duration, Vec<Entry<R::Key>>> = BTreeMap::new();
        for (pause, entry) in entries {
            if let Some(sharing) = &self.sharing {
                sharing.borrow_mut().set_place(entry.ticket, None);
            }
            by_pause.entry(pause).or_default().push(entry);
        }
        for (pause, entries) in by_pause {
            if pause.is_zero() {
                entries.into_iter().for_each(|entry| self.waiting.borrow_mut().push(entry));
                self.list();
            } else {
                let alarm = self.board.set_alarm(pause, Due::Retries { queue: self.number });
                self.waiting.borrow_mut().pause(alarm, entries);
                self.hear_of_drops();
            }
        }
    }
}

const _: () = assert!(NO_TICKET.number == 0, "numbers of requests begin behind it");
