//! What becomes of a flight: its answers go to those who wait, or back into the queue, or it is given up.
//!
//! What must hold: each position is settled once, by whatever comes first (an answer, a time-out, a panic); what comes afterwards finds no flight and is dropped. No borrow is held
//! while code of the user's runs: clones and destructors of keys and answers, predicates.

use std::any::Any;
use std::mem;
use std::time::Duration;

use super::Waiter;
use super::delivery::Answered;
use super::fault::Fault;
use super::flights::{Flight, FlightId, GONE};
use super::load::Entry;
use super::post::Arrived;
use super::queue::{FlightOf, LoadOf, Queue};
use super::request::Request;
use super::requests::Cargo;
use super::shown::shown;
use crate::observe::Event;

impl<R: Request> Queue<R> {
    /// Takes the answers of a whole flight that comes back late, if it was not given up.
    pub(super) fn answered_later(&self, id: FlightId, cargo: Cargo<R>, shown: &[String]) {
        if let Some(Flight { mut load, .. }) = self.land(id) {
            (load.keys, load.answers) = (cargo.keys, cargo.answers);
            self.answered(load, shown);
        }
    }

    /// Takes the answers of a whole batch. `shown` are its keys, as far as they may be shown and the dispatcher has taken them.
    #[inline]
    pub(super) fn answered(&self, load: LoadOf<R>, shown: &[String]) {
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
            return self.give_up(Flight::new(load, None), |_, _| Fault::WrongCount { dispatcher: R::name(), requests, answers, key: key.clone() });
        }
        let (mut keys, mut answers) = (mem::take(&mut load.keys), mem::take(&mut load.answers));
        let mut sorting = Sorting::new(self, Flight::new(load, None));
        {
            let mut keys = keys.drain(..);
            for (position, answer) in answers.drain(..).enumerate() {
                sorting.answer(position, answer, keys.next());
            }
        }
        let Flight { mut load, .. } = sorting.finish();
        (load.keys, load.answers) = (keys, answers);
        self.put_back(load);
    }

    /// Queues answers, which are in the order of their waiters, for delivery.
    #[inline]
    pub(super) fn come_back(&self, mut load: LoadOf<R>) {
        load.answers.reverse();
        self.board.answered.borrow_mut().push_back(Answered::new(self.number, load));
    }

    /// A flight that was on its way is over, and its place free.
    pub(super) fn land(&self, id: FlightId) -> Option<FlightOf<R>> {
        let mut flight = self.flights.take(id)?;
        let board = &self.board;
        board.in_flight.set(board.in_flight.get() - 1);
        if let Some(extras) = &mut flight.extras {
            if let Some(alarm) = extras.alarm.take() {
                board.due.borrow_mut().unset(alarm);
            }
            if let Some(future) = extras.future.take() {
                board.cancelled.borrow_mut().push(future);
            }
        }
        if self.options.lone {
            flight.load.waiters.first().map(|waiter| self.lone.borrow_mut().remove(waiter));
        }
        let was_last = flight.whole.is_none_or(|whole| self.flights.part_is_back(whole));
        if was_last && !self.options.lone {
            self.places.set(self.places.get() - 1);
            board.places.set(board.places.get() - 1);
        }
        Some(flight)
    }

    /// The future that was to answer a flight has ended. Its slots may still be with others.
    pub(super) fn future_has_ended(&self, id: FlightId) {
        self.flights.with(id, |flight| flight.extras().future = None);
        self.land_if_over(id);
    }

    /// Whoever has answered everything may still have something to do, and is in flight until then.
    fn land_if_over(&self, id: FlightId) {
        let is_over = |flight: &mut Flight<_, _>| flight.left == 0 && flight.extras.as_ref().is_none_or(|extras| extras.future.is_none());
        if self.flights.with(id, is_over) == Some(true) {
            drop(self.land(id));
        }
    }

    /// Takes the answers that slots have put into the post.
    pub(super) fn take_posts(&self, id: FlightId) {
        let Some(Some(posts)) = self.flights.with(id, |flight| flight.extras.as_ref()?.posts.clone()) else { return };
        let arrived = posts.take();
        let Some(flight) = self.flights.lift(id) else { return };
        let flight = Sorting::new(self, flight).take_all(arrived);
        self.flights.put_back(id, flight);
        self.land_if_over(id);
    }

    /// The function on a thread pool that had the slots of a flight has returned: whatever dropped some of them, it was not its panic.
    #[cfg(feature = "blocking")]
    pub(super) fn job_has_ended(&self, id: FlightId) {
        self.take_posts(id);
        let Some(mut flight) = self.flights.lift(id) else { return };
        let dropped = mem::take(&mut flight.extras().dropped);
        flight.extras().is_with_a_job = false;
        let arrived = dropped.into_iter().map(|(position, key)| Arrived::Unanswered { position, key, by_panic: false });
        let flight = Sorting::new(self, flight).take_all(arrived.collect());
        self.flights.put_back(id, flight);
        self.land_if_over(id);
    }

    pub(super) fn timed_out(&self, id: FlightId) {
        // What is there counts.
        self.take_posts(id);
        let Some(limit) = self.options.timeout else { return };
        let Some(flight) = self.land(id) else { return };
        let requests = flight.left;
        if requests > 0 {
            self.board.watch().emit(|| Event::TimedOut { dispatcher: R::name(), batch: flight.load.batch, len: requests });
        }
        self.give_up(flight, |_, _| Fault::TimedOut { dispatcher: R::name(), requests, limit });
    }

    /// The dispatcher of a flight that was on its way has panicked, and its requests are to hear of it.
    pub(super) fn panicked_later(&self, id: FlightId, panic: &(dyn Any + Send)) {
        if let Some(flight) = self.land(id) {
            self.panicked(flight, panic);
        }
    }

    pub(super) fn panicked(&self, flight: FlightOf<R>, panic: &(dyn Any + Send)) {
        let message = panic_message(panic);
        let arrived = flight.extras.as_ref().and_then(|extras| extras.posts.as_ref()).map(|posts| posts.take()).unwrap_or_default();
        // The slots that went unanswered are those that the panic dropped.
        let said = arrived.into_iter().filter(|arrived| !matches!(arrived, Arrived::Unanswered { .. })).collect();
        let flight = Sorting::new(self, flight).take_all(said);
        self.give_up(flight, |_, _| Fault::Panicked { dispatcher: R::name(), message: message.clone() });
    }

    /// The dispatcher did nothing with its requests.
    pub(super) fn ignored(&self, mut load: LoadOf<R>) {
        let keys = mem::take(&mut load.keys);
        self.give_up(Flight::new(load, None), |position, requests| {
            let key = keys.get(position).and_then(|key| self.show(key));
            Fault::Unanswered { dispatcher: R::name(), position, requests, key }
        });
    }

    /// Nobody will answer what is left of a flight that is over.
    fn give_up(&self, flight: FlightOf<R>, fault: impl Fn(usize, usize) -> Fault) {
        let requests = flight.load.waiters.len();
        let mut sorting = Sorting::new(self, flight);
        for position in 0..requests {
            if sorting.flight.load.waiters[position] != GONE {
                sorting.fault(position, &fault(position, requests));
            }
        }
        sorting.finish();
    }

    fn show(&self, key: &R::Key) -> Option<String> {
        shown(key, self.options.show_key)
    }
}

/// An answer, for whom, and with dedup his number in the order of asking.
type Addressed<A> = (u64, Waiter, A);

/// Answers of one flight that came together, being sorted: to those who wait, or back into the queue.
struct Sorting<'q, R: Request> {
    queue: &'q Queue<R>,
    /// Out of its place.
    flight: FlightOf<R>,
    given: Vec<Addressed<R::Answer>>,
    again: Vec<(Duration, Entry<R::Key>)>,
    /// One for all: those who failed together pause together.
    random: Option<f64>,
}

impl<'q, R: Request> Sorting<'q, R> {
    fn new(queue: &'q Queue<R>, flight: FlightOf<R>) -> Self {
        Sorting { queue, flight, given: Vec::new(), again: Vec::new(), random: None }
    }

    /// What came by post.
    fn take_all(mut self, arrived: Vec<Arrived<R::Key, R::Answer>>) -> FlightOf<R> {
        let is_with_a_job = self.flight.extras.as_ref().is_some_and(|extras| extras.is_with_a_job);
        for arrived in arrived {
            match arrived {
                Arrived::Answer { position, answer, key } => self.answer(position, answer, key),
                Arrived::Retry { position, key, after } => self.retry(position, key, after),
                // Whether it was the job's panic shows when that ends.
                Arrived::Unanswered { position, key, by_panic: true } if is_with_a_job => self.flight.extras().dropped.push((position, key)),
                Arrived::Unanswered { position, key, .. } => {
                    let requests = self.flight.load.waiters.len();
                    self.fault(position, &Fault::Unanswered { dispatcher: R::name(), position, requests, key });
                }
            }
        }
        self.finish()
    }

    /// The one who asked. From here on he has been dealt with.
    fn settle(&mut self, position: usize) -> Waiter {
        self.flight.left -= 1;
        mem::replace(&mut self.flight.load.waiters[position], GONE)
    }

    fn answer(&mut self, position: usize, answer: R::Answer, key: Option<R::Key>) {
        let retry = &self.queue.options.retry;
        match key {
            Some(key) if retry.looks_at_answers() && retry.wants(&answer, self.flight.load.attempts(position)) => self.again(position, key, None),
            _ => self.give(position, answer, true),
        }
    }

    /// A slot asked for one more try.
    fn retry(&mut self, position: usize, key: R::Key, after: Option<Duration>) {
        let before = self.flight.load.attempts(position);
        if self.queue.options.retry.is_last(before) {
            self.fault(position, &Fault::RetriesSpent { dispatcher: R::name(), attempts: before + 1, key: self.queue.show(&key) });
        } else {
            self.again(position, key, after);
        }
    }

    fn again(&mut self, position: usize, key: R::Key, after: Option<Duration>) {
        let before = self.flight.load.attempts(position);
        let (board, random) = (&self.queue.board, &mut self.random);
        let pause = after.unwrap_or_else(|| self.queue.options.retry.pause(before, || *random.get_or_insert_with(|| board.random())));
        let entry = Entry { ticket: self.flight.load.ticket(position), waiter: self.settle(position), key, attempts: before + 1 };
        self.again.push((pause, entry));
    }

    fn fault(&mut self, position: usize, fault: &Fault) {
        match self.queue.options.fault {
            Some(as_answer) => self.give(position, as_answer(fault), false),
            None => {
                let ticket = self.flight.load.ticket(position);
                let waiter = self.settle(position);
                // What concerns nobody any more is thrown away, as late answers are.
                let is_alive = |waiter| self.queue.board.is_alive(waiter);
                let name = self.flight.load.names().get(position);
                let joined = self.queue.sharing.as_ref().zip(name).is_some_and(|(sharing, name)| sharing.borrow_mut().is_wanted(name, ticket, &is_alive));
                if is_alive(waiter) || joined {
                    self.queue.board.fail(fault.clone());
                }
            }
        }
    }

    /// To the one who asked, and to those who joined.
    fn give(&mut self, position: usize, answer: R::Answer, may_be_kept: bool) {
        let ticket = self.flight.load.ticket(position);
        let waiter = self.settle(position);
        let Queue { sharing, cache, options, board, .. } = self.queue;
        let name = self.flight.load.names().get(position);
        let mut joined = Vec::new();
        if let Some(((sharing, dedup), name)) = sharing.as_ref().zip(options.dedup).zip(name) {
            // Without a valid ticket it was invalidated on its way, and is old news.
            let others = sharing.borrow_mut().take(name, ticket);
            if let Some(others) = others {
                if let Some(cache) = cache.as_ref().filter(|cache| may_be_kept && cache.borrow().is_worth_keeping(&answer)) {
                    let (key, copy) = ((dedup.copy_key)(name), (dedup.copy_answer)(&answer));
                    cache.borrow_mut().put(key, copy, &|| board.now());
                }
                joined.extend(others.into_iter().map(|(number, waiter)| (number, waiter, (dedup.copy_answer)(&answer))));
            }
        }
        self.given.push((ticket, waiter, answer));
        self.given.extend(joined);
    }

    /// Sends everything on its way; gives the flight back.
    fn finish(self) -> FlightOf<R> {
        let Sorting { queue, flight, mut given, again, .. } = self;
        if !again.is_empty() {
            queue.board.watch().emit(|| Event::Retried { dispatcher: R::name(), batch: flight.load.batch, len: again.len() });
            queue.try_again(again);
        }
        if !given.is_empty() {
            // Those who joined go on in the order of asking, not after the first who asked for their key.
            given.sort_by_key(|(number, ..)| *number);
            let mut load = queue.spare();
            for (_, waiter, answer) in given {
                load.waiters.push(waiter);
                load.answers.push(answer);
            }
            load.batch = flight.load.batch;
            queue.come_back(load);
        }
        flight
    }
}

/// What a panic said, as the panic hook shows it.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("(no message)").to_owned()
}
