//! What need not go out: answers that were kept, and keys that somebody has asked for already.

use super::state::{LoadOf, Queue};
use crate::dispatch::buffer::{Entry, Load, NO_TICKET};
use crate::dispatch::cache::{CacheChange, Partition};
use crate::dispatch::ids::Waiter;
use crate::dispatch::in_flight::GONE;
use crate::dispatch::keys::{Place, Row, Shared, Ticket};
use crate::dispatch::request::Request;

/// What becomes of a request that has gathered.
enum Settled<A> {
    Kept(A),
    Joined,
    /// It goes out.
    Registered(Ticket),
}

impl<R: Request> Queue<R> {
    /// Gives what was kept for later, and has equal keys join those that wait or are on their way.
    pub(crate) fn settle(&self, partition: &dyn Fn() -> Option<Partition>) {
        if self.options.dedup.is_some() {
            self.board.blame(R::name(), || self.settle_fresh(partition));
        }
    }

    /// Goes through what has gathered since the last time: gives what was kept, has equal keys join, and has the rest wait to be sent.
    fn settle_fresh(&self, partition: &dyn Fn() -> Option<Partition>) {
        let Some((sharing, dedup)) = self.sharing.as_ref().zip(self.options.dedup) else { return };
        self.drop_unwanted_gathered();
        let mut fresh = self.waiting.borrow_mut().take_gathered(self.spare());
        if fresh.is_empty() {
            return self.put_back(fresh);
        }
        let Load { waiters, keys, .. } = &mut *fresh;
        let mut registered = None;
        self.enter_partition(partition);
        let is_alive = |waiter| self.board.is_alive(waiter);
        let mut kept = self.kept.take().unwrap_or_else(|| self.spare());
        for (waiter, key) in waiters.drain(..).zip(keys.drain(..)) {
            let settled = self.guarded(|| {
                let known = self.cache.as_ref().and_then(|cache| cache.borrow().get(&key, &|| self.board.now()).map(dedup.copy_answer));
                match known {
                    Some(answer) => Settled::Kept(answer),
                    None => match sharing.borrow_mut().register_or_join(&key, waiter, &is_alive) {
                        Some(ticket) => Settled::Registered(ticket),
                        None => Settled::Joined,
                    },
                }
            });
            match settled {
                Ok(Settled::Kept(answer)) => {
                    kept.waiters.push(waiter);
                    kept.answers.push(answer);
                }
                Ok(Settled::Joined) => {}
                Ok(Settled::Registered(ticket)) => registered.get_or_insert_with(|| self.spare()).push_with(ticket, waiter, key),
                Err(fault) => self.fail_one(Entry { waiter, key, attempts: 0, ticket: NO_TICKET }, &fault),
            }
        }
        self.put_back(fresh);
        let empty = registered.and_then(|load| self.waiting.borrow_mut().settle(load));
        empty.into_iter().for_each(|load| self.put_back(load));
        self.give_kept(kept);
    }

    /// Whoever gets an answer that was kept goes on at once, and may ask for something that leaves together with what waits. But where others wait for a batch that leaves now and is
    /// answered in place, it is given together with theirs: they go on side by side, and what they ask next is one batch, and not two.
    fn give_kept(&self, kept: LoadOf<R>) {
        if kept.is_empty() {
            self.put_back(kept);
        } else if !self.is_concurrent && self.waits() && !self.is_held() {
            self.kept.set(Some(kept));
        } else {
            self.come_back(kept);
        }
    }

    /// Whose answers the run may see is asked once.
    fn enter_partition(&self, partition: &dyn Fn() -> Option<Partition>) {
        if let Some(cache) = &self.cache {
            cache.borrow_mut().enter(partition, &|| self.board.now());
        }
    }

    pub(crate) fn change_cache(&self, partition: &dyn Fn() -> Option<Partition>, change: CacheChange<R>) {
        let (Some(cache), Some(sharing)) = (&self.cache, &self.sharing) else {
            panic!("corio: dispatcher `{name}` keeps no answers: say `#[corio::dispatcher(cache)]`", name = R::name());
        };
        self.mark_used();
        self.enter_partition(partition);
        match change {
            CacheChange::Prime(key, answer) => {
                let known = sharing.borrow_mut().answer(&key);
                if let Some(Row { shared, .. }) = known {
                    self.give_primed(shared, &answer);
                }
                cache.borrow_mut().put(key, answer, &|| self.board.now());
            }
            CacheChange::Invalidate(key) => {
                cache.borrow_mut().remove(&key);
                let invalid = sharing.borrow_mut().invalidate(&key);
                invalid.into_iter().for_each(|row| self.ask_anew(row));
            }
            CacheChange::Clear => {
                cache.borrow_mut().clear();
                let invalid = sharing.borrow_mut().invalidate_all();
                invalid.into_iter().for_each(|row| self.ask_anew(row));
            }
        }
    }

    /// Whoever has joined a request that is out of date asks anew.
    fn ask_anew(&self, Row { registered, mut shared }: Row<R::Key>) {
        let Some(dedup) = self.options.dedup else { return };
        let joined: Vec<Waiter> = shared.drain_joined(|waiter| self.board.is_alive(waiter)).map(|(_, waiter)| waiter).collect();
        self.no_longer_wait(joined.iter().copied());
        joined.into_iter().for_each(|waiter| self.ask(waiter, (dedup.copy_key)(&registered.key)));
    }

    /// Everybody who waits for a key gets what it was primed with, wherever its request is. What is on its way may be older, and reaches nobody.
    fn give_primed(&self, mut shared: Shared, answer: &R::Answer) {
        let Some(dedup) = self.options.dedup else { return };
        let (asker, place) = (shared.asker, shared.place);
        let joined: Vec<Waiter> = shared.drain_joined(|waiter| self.board.is_alive(waiter)).map(|(_, waiter)| waiter).collect();
        let mut load = self.spare();
        for waiter in std::iter::once(asker).chain(joined.iter().copied()) {
            load.answers.push((dedup.copy_answer)(answer));
            load.waiters.push(waiter);
        }
        self.come_back(load);
        match place {
            // The request that waits to be sent, or pauses, is of nobody any more.
            None => self.are_gone(1),
            Some(place) => self.is_answered_elsewhere(place),
        }
        self.no_longer_wait(joined.into_iter());
    }

    /// Who asked first for what is at this place of a flight has the answer.
    fn is_answered_elsewhere(&self, (id, position): Place) {
        let Some(mut flight) = self.flights.lift(id) else { return };
        let asker = std::mem::replace(&mut flight.load.waiters[position], GONE);
        debug_assert!(asker != GONE, "who has an answer has no ticket");
        flight.left -= 1;
        flight.elsewhere += 1;
        if flight.watched_by == Some(asker) {
            self.watched.borrow_mut().remove(&asker);
            flight.watched_by = None;
        }
        self.go_on(id, flight);
    }
}
