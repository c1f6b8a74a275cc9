//! What becomes of a flight: its answers go to those who wait, or back into the queue, or it is given up.
//!
//! What must hold: each position is settled once, by whatever comes first (an answer, a time-out, a panic); what comes afterwards finds no flight and is dropped. No borrow is held
//! while code of the user's runs: clones and destructors of keys and answers, predicates.

use std::mem;

use super::completion::Sorting;
use super::state::{FlightOf, LoadOf, Queue};
use crate::dispatch::batch::Cargo;
use crate::dispatch::error::Fault;
use crate::dispatch::ids::{FlightId, Waiter};
use crate::dispatch::in_flight::{Arrived, Flight, GONE, Part};
use crate::dispatch::keys::{Row, Ticket, shown};
use crate::dispatch::ready::Answered;
use crate::dispatch::request::Request;
use crate::observe::Event;
use crate::util::{Panic, discard};

impl<R: Request> Queue<R> {
    /// Takes the answers that came by post for a flight.
    pub(crate) fn collect(&self, flight: FlightId) {
        self.board.blame(R::name(), || self.take_posts(flight));
    }

    /// A flight has taken too long.
    pub(crate) fn time_out(&self, flight: FlightId) {
        self.board.blame(R::name(), || self.timed_out(flight));
    }

    /// Takes the answers of a whole flight that comes back late, if it was not given up.
    pub(crate) fn answered_later(&self, id: FlightId, cargo: Cargo<R>, shown: &[String]) {
        if let Some(Flight { mut load, .. }) = self.land(id) {
            (load.keys, load.answers) = (cargo.keys, cargo.answers);
            self.answered(load, shown);
        }
    }

    /// Takes the answers of a whole batch. `shown` are its keys, as far as they may be shown and the dispatcher has taken them.
    #[inline]
    pub(crate) fn answered(&self, load: LoadOf<R>, shown: &[String]) {
        if load.answers.len() == load.waiters.len() && !self.handles_answers {
            self.come_back(load);
        } else {
            self.answered_otherwise(load, shown);
        }
    }

    #[inline(never)]
    fn answered_otherwise(&self, mut load: LoadOf<R>, shown: &[String]) {
        let (requests, answers) = (load.waiters.len(), load.answers.len());
        if answers != requests {
            let key = load.keys.get(answers).and_then(|key| self.show(key)).or_else(|| shown.get(answers).cloned());
            return self.give_up(Flight::new(load, Part::default()), |_, _| Fault::WrongCount { dispatcher: R::name(), requests, answers, key: key.clone() });
        }
        let (first, mut wants_first) = match self.first_to_try_again(&load) {
            None if !load.waiters.contains(&GONE) => return self.give_all(load),
            None => (0, None),
            Some((first, wants)) => (first, Some(wants)),
        };
        let (mut keys, mut answers) = (mem::take(&mut load.keys), mem::take(&mut load.answers));
        let mut sorting = Sorting::new(self, Flight::new(load, Part::default()));
        {
            let mut keys = keys.drain(..);
            for (position, answer) in answers.drain(..).enumerate() {
                let key = keys.next();
                // Who had it from elsewhere meanwhile waits no more.
                if sorting.flight.load.waiters[position] == GONE {
                    continue;
                }
                let wants = if position < first { Ok(false) } else { wants_first.take().unwrap_or_else(|| sorting.wants(position, &answer, key.as_ref())) };
                sorting.answer(position, answer, key, wants);
            }
        }
        let Flight { mut load, .. } = sorting.finish();
        (load.keys, load.answers) = (keys, answers);
        self.put_back(load);
    }

    /// The first position of a batch whose answer is worth another try, or where the question has
    /// panicked: most batches have none, and go back as they are.
    fn first_to_try_again(&self, load: &LoadOf<R>) -> Option<(usize, Result<bool, Fault>)> {
        let retry = &self.options.retry;
        if !retry.looks_at_answers() {
            return None;
        }
        let mut position = 0;
        // An answer without its key is the last word.
        let wants = self.guarded(|| {
            load.answers.iter().zip(&load.keys).any(|(answer, _)| {
                let wants = load.waiters[position] != GONE && retry.wants(answer, load.attempts(position));
                position += usize::from(!wants);
                wants
            })
        });
        (!matches!(wants, Ok(false))).then_some((position, wants))
    }

    /// To all who asked, and to those who joined.
    fn give_all(&self, mut load: LoadOf<R>) {
        if self.sharing.is_some() {
            let mut others = self.spare();
            for position in 0..load.len() {
                let ticket = load.ticket(position);
                self.share(ticket, &mut load.answers[position], true, &mut others);
            }
            load.append_given(&mut others);
            load.sort_given();
            self.put_back(others);
        }
        self.come_back(load);
    }

    /// With dedup: an answer is there, and those who joined get copies. Trouble with it is the answer then, where it is one.
    pub(super) fn share(&self, ticket: Ticket, answer: &mut R::Answer, may_be_kept: bool, others: &mut LoadOf<R>) {
        let Some((sharing, dedup)) = self.sharing.as_ref().zip(self.options.dedup) else { return };
        // Without a valid ticket it was invalidated on its way, and is old news.
        let taken = sharing.borrow_mut().take(ticket);
        let Some(Row { registered, mut shared }) = taken else { return };
        let settled = self.guarded(|| {
            sharing.borrow_mut().forget(&registered);
            if let Some(cache) = self.cache.as_ref().filter(|cache| may_be_kept && cache.borrow().is_worth_keeping(answer)) {
                let copy = (dedup.copy_answer)(answer);
                cache.borrow_mut().put(registered.key, copy, &|| self.board.now());
            }
        });
        if let Err(fault) = settled {
            *answer = self.unless_failed(Err(fault));
        }
        if !shared.is_joined() {
            return;
        }
        for (number, waiter) in shared.drain_joined(|waiter| self.board.is_alive(waiter)) {
            let copy = self.unless_failed(self.guarded(|| (dedup.copy_answer)(answer)));
            others.give(Ticket::numbered(number), waiter, copy);
        }
        sharing.borrow_mut().put_back(&mut shared);
    }

    /// Queues answers, which are in the order of their waiters, for delivery.
    #[inline]
    pub(crate) fn come_back(&self, mut load: LoadOf<R>) {
        if self.is_in_hand.get() {
            return self.in_hand.set(Some(load));
        }
        self.board.outside.inline_budget.end();
        load.answers.reverse();
        self.board.answered.borrow_mut().push_back(Answered::new(self.number, load));
    }

    /// A flight that was on its way is over, and its place free.
    pub(crate) fn land(&self, id: FlightId) -> Option<FlightOf<R>> {
        let mut flight = self.flights.take(id)?;
        let board = &self.board;
        board.in_flight.set(board.in_flight.get() - 1);
        if let Some(alarm) = flight.alarm.take() {
            board.due.borrow_mut().unset(alarm);
        }
        if let Some(future) = flight.future.take() {
            board.cancelled.borrow_mut().push(future);
        }
        if let Some(waiter) = flight.watched_by {
            self.watched.borrow_mut().remove(&waiter);
        }
        let Part { group, whole } = flight.part;
        let was_last = whole.is_none_or(|whole| self.flights.part_is_back(whole));
        if was_last && !self.options.lone {
            match (&self.grouped, group) {
                (Some(grouped), Some(group)) => grouped.borrow_mut().batch_is_back(group),
                _ => self.places.set(self.places.get() - 1),
            }
            board.places.set(board.places.get() - 1);
        }
        Some(flight)
    }

    /// The future that was to answer a flight has ended. Its slots may still be with others.
    pub(crate) fn future_has_ended(&self, id: FlightId) {
        self.flights.with(id, |flight| flight.future = None);
        self.land_if_over(id);
    }

    /// Whoever has answered everything may still have something to do, and is in flight until then.
    fn land_if_over(&self, id: FlightId) {
        let is_over = |flight: &mut Flight<_, _>| flight.left == 0 && flight.elsewhere == 0 && flight.future.is_none();
        if self.flights.with(id, is_over) == Some(true) {
            self.land(id).into_iter().for_each(|flight| self.put_back(flight.load));
        }
    }

    /// Takes the answers that slots have put into the post.
    pub(crate) fn take_posts(&self, id: FlightId) {
        if let Some(flight) = self.with_posts(id) {
            self.go_on(id, flight);
        }
    }

    /// A flight that was on its way, with all that is in the post for it. Lifted off its place.
    pub(crate) fn with_posts(&self, id: FlightId) -> Option<FlightOf<R>> {
        let posts = self.flights.with(id, |flight| flight.posts.clone())??;
        let mut sorting = Sorting::new(self, self.flights.lift(id)?);
        posts.take_each(&mut |arrived| sorting.take(arrived));
        Some(sorting.finish())
    }

    /// Puts back a flight of which some were answered.
    pub(crate) fn go_on(&self, id: FlightId, flight: FlightOf<R>) {
        let is_watched = flight.watched_by.is_some();
        self.flights.put_back(id, flight);
        self.land_if_over(id);
        if !is_watched {
            self.watch_or_abandon(id);
        }
    }

    /// The function on a thread pool that had the slots of a flight has returned: whatever dropped some of them, it was not its panic.
    #[cfg(feature = "blocking")]
    pub(crate) fn job_has_ended(&self, id: FlightId) {
        self.take_posts(id);
        let Some(mut flight) = self.flights.lift(id) else { return };
        let dropped = mem::take(&mut flight.dropped);
        flight.is_with_a_job = false;
        let mut sorting = Sorting::new(self, flight);
        dropped.into_iter().for_each(|(position, key)| sorting.take(Arrived::Unanswered { position, key, by_panic: false }));
        self.go_on(id, sorting.finish());
    }

    pub(crate) fn timed_out(&self, id: FlightId) {
        // What is there counts.
        self.take_posts(id);
        let Some(limit) = self.options.timeout else { return };
        let Some(flight) = self.land(id) else { return };
        let requests = flight.left;
        if requests > 0 {
            self.board.observers().emit(|| Event::TimedOut { dispatcher: R::name(), batch: flight.load.batch, len: requests });
        }
        let fault = Fault::TimedOut { dispatcher: R::name(), requests, limit };
        let mut sorting = Sorting::new(self, flight);
        for position in 0..sorting.flight.load.len() {
            match sorting.key_to_send_again(position) {
                Some(Ok(key)) => sorting.again(position, key, None),
                Some(Err(fault)) => sorting.fault(position, &fault),
                None => sorting.fault(position, &fault),
            }
        }
        self.put_back(sorting.finish().load);
    }

    /// The dispatcher of a flight that was on its way has panicked, and its requests are to hear of it.
    pub(crate) fn panicked_later(&self, id: FlightId, panic: Panic) {
        match self.land(id) {
            Some(flight) => self.panicked(flight, panic),
            None => discard(panic),
        }
    }

    pub(crate) fn panicked(&self, flight: FlightOf<R>, panic: Panic) {
        let posts = flight.posts.clone();
        let mut sorting = Sorting::new(self, flight);
        if let Some(posts) = posts {
            posts.take_each(&mut |arrived| match arrived {
                // The slots that went unanswered are those that the panic dropped.
                Arrived::Unanswered { .. } => {}
                arrived => sorting.take(arrived),
            });
        }
        let flight = sorting.finish();
        let fault = self.fault_of(panic);
        self.give_up(flight, |_, _| fault.clone());
    }

    /// A batch fails before it is with its dispatcher.
    #[cold]
    pub(crate) fn fail_all(&self, load: LoadOf<R>, fault: &Fault) {
        let mut sorting = Sorting::new(self, Flight::new(load, Part::default()));
        for position in 0..sorting.flight.load.len() {
            sorting.fault(position, fault);
        }
        let Flight { load, .. } = sorting.finish();
        self.put_back(load);
    }

    /// The dispatcher did nothing with its requests.
    pub(crate) fn ignored(&self, mut load: LoadOf<R>) {
        let keys = mem::take(&mut load.keys);
        self.give_up(Flight::new(load, Part::default()), |position, requests| {
            let key = keys.get(position).and_then(|key| self.show(key));
            Fault::Unanswered { dispatcher: R::name(), position, requests, key }
        });
    }

    /// Nobody will answer what is left of a flight that is over.
    fn give_up(&self, flight: FlightOf<R>, fault: impl Fn(usize, usize) -> Fault) {
        let requests = flight.load.waiters.len();
        let mut sorting = Sorting::new(self, flight);
        for position in 0..sorting.flight.load.len() {
            sorting.fault(position, &fault(position, requests));
        }
        self.put_back(sorting.finish().load);
    }

    /// The answer; or what trouble is as an answer, where it is one.
    pub(crate) fn unless_failed(&self, answer: Result<R::Answer, Fault>) -> R::Answer {
        match (answer, self.options.fault) {
            (Ok(answer), _) => answer,
            (Err(fault), Some(as_answer)) => as_answer(&fault),
            (Err(_), None) => unreachable!("a panic goes on where trouble is no answer"),
        }
    }

    /// The ticket of a request that is tried again. If its key was invalidated on its way it is a new
    /// one; or none, where others have asked for the key since, whom it has joined.
    pub(super) fn ticket_for_another_try(&self, ticket: Ticket, key: &R::Key, waiter: Waiter) -> Option<Ticket> {
        let is_alive = |waiter| self.board.is_alive(waiter);
        match &self.sharing {
            Some(sharing) if is_alive(waiter) && !sharing.borrow_mut().is_valid(ticket) => sharing.borrow_mut().register_or_join(key, waiter, &is_alive),
            _ => Some(ticket),
        }
    }

    pub(super) fn show(&self, key: &R::Key) -> Option<String> {
        shown(key, self.options.show_key)
    }
}
