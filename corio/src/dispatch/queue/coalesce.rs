//! What need not go out: answers that were kept, and keys that somebody has asked for already.

use super::state::{BufOf, Queue};
use crate::dispatch::buffer::{BatchBuf, NO_SEQ, QueuedRequest};
use crate::dispatch::cache::{CacheChange, Partition};
use crate::dispatch::ids::Waiter;
use crate::dispatch::in_flight::SETTLED;
use crate::dispatch::keys::{Followers, PendingKey, Place, Seq};
use crate::dispatch::request::Request;

/// What becomes of a request that has gathered.
enum Coalesced<A> {
    Cached(A),
    Follows,
    /// It goes out.
    Leads(Seq),
}

impl<R: Request> Queue<R> {
    /// Gives what was kept for later, and has equal keys join those that wait or are on their way.
    pub(crate) fn coalesce(&self, partition: &dyn Fn() -> Option<Partition>) {
        if self.options.dedup.is_some() {
            self.shared.with_current_dispatcher(R::name(), || self.coalesce_gathered(partition));
        }
    }

    /// Goes through what has gathered since the last time: gives what was kept, has equal keys
    /// join, and has the rest wait to be sent.
    fn coalesce_gathered(&self, partition: &dyn Fn() -> Option<Partition>) {
        let Some((pending_keys, dedup)) = self.pending_keys.as_ref().zip(self.options.dedup) else {
            return;
        };
        self.drop_unwanted_gathered();
        let mut fresh = self.waiting.borrow_mut().take_gathered(self.take_buf());
        if fresh.is_empty() {
            return self.recycle(fresh);
        }
        let BatchBuf { waiters, keys, .. } = &mut *fresh;
        let mut lead = None;
        self.enter_partition(partition);
        let is_alive = |waiter| self.shared.is_alive(waiter);
        let mut cached = self.cached.take().unwrap_or_else(|| self.take_buf());
        for (waiter, key) in waiters.drain(..).zip(keys.drain(..)) {
            let coalesced = self.guarded(|| {
                let known = self.cache.as_ref().and_then(|cache| {
                    cache.borrow().get(&key, &|| self.shared.now()).map(dedup.copy_answer)
                });
                match known {
                    Some(answer) => Coalesced::Cached(answer),
                    None => match pending_keys.borrow_mut().lead_or_follow(&key, waiter, &is_alive)
                    {
                        Some(seq) => Coalesced::Leads(seq),
                        None => Coalesced::Follows,
                    },
                }
            });
            match coalesced {
                Ok(Coalesced::Cached(answer)) => {
                    cached.waiters.push(waiter);
                    cached.answers.push(answer);
                }
                Ok(Coalesced::Follows) => {}
                Ok(Coalesced::Leads(seq)) => {
                    lead.get_or_insert_with(|| self.take_buf()).push_with(seq, waiter, key)
                }
                Err(fault) => {
                    self.fail_one(QueuedRequest { waiter, key, attempts: 0, seq: NO_SEQ }, &fault)
                }
            }
        }
        self.recycle(fresh);
        let empty = lead.and_then(|buf| self.waiting.borrow_mut().coalesce(buf));
        empty.into_iter().for_each(|buf| self.recycle(buf));
        self.deliver_cached(cached);
    }

    /// Whoever gets an answer that was kept goes on at once, and may ask for something that leaves
    /// together with what waits. But where others wait for a batch that leaves now and is
    /// answered in place, it is given together with theirs: they go on side by side, and what they
    /// ask next is one batch, and not two.
    fn deliver_cached(&self, cached: BufOf<R>) {
        if cached.is_empty() {
            self.recycle(cached);
        } else if !self.is_concurrent && self.waits() && !self.is_held() {
            self.cached.set(Some(cached));
        } else {
            self.push_ready(cached);
        }
    }

    /// Whose answers the run may see is asked once.
    fn enter_partition(&self, partition: &dyn Fn() -> Option<Partition>) {
        if let Some(cache) = &self.cache {
            cache.borrow_mut().enter(partition, &|| self.shared.now());
        }
    }

    pub(crate) fn change_cache(
        &self,
        partition: &dyn Fn() -> Option<Partition>,
        change: CacheChange<R>,
    ) {
        let (Some(cache), Some(pending_keys)) = (&self.cache, &self.pending_keys) else {
            panic!(
                "corio: dispatcher `{name}` keeps no answers: say `#[corio::dispatcher(cache)]`",
                name = R::name()
            );
        };
        self.mark_used();
        self.enter_partition(partition);
        match change {
            CacheChange::Prime(key, answer) => {
                let known = pending_keys.borrow_mut().answer(&key);
                if let Some(PendingKey { shared, .. }) = known {
                    self.give_primed(shared, &answer);
                }
                cache.borrow_mut().put(key, answer, &|| self.shared.now());
            }
            CacheChange::Invalidate(key) => {
                cache.borrow_mut().remove(&key);
                let invalid = pending_keys.borrow_mut().invalidate(&key);
                invalid.into_iter().for_each(|row| self.ask_anew(row));
            }
            CacheChange::Clear => {
                cache.borrow_mut().clear();
                let invalid = pending_keys.borrow_mut().invalidate_all();
                invalid.into_iter().for_each(|row| self.ask_anew(row));
            }
        }
    }

    /// Whoever has joined a request that is out of date asks anew.
    fn ask_anew(&self, PendingKey { lead, mut shared }: PendingKey<R::Key>) {
        let Some(dedup) = self.options.dedup else { return };
        let joined: Vec<Waiter> = shared
            .drain_followers(|waiter| self.shared.is_alive(waiter))
            .map(|(_, waiter)| waiter)
            .collect();
        self.no_longer_wait(joined.iter().copied());
        joined.into_iter().for_each(|waiter| self.ask(waiter, (dedup.copy_key)(&lead.key)));
    }

    /// Everybody who waits for a key gets what it was primed with, wherever its request is. What is
    /// on its way may be older, and reaches nobody.
    fn give_primed(&self, mut shared: Followers, answer: &R::Answer) {
        let Some(dedup) = self.options.dedup else { return };
        let (asker, place) = (shared.asker, shared.place);
        let joined: Vec<Waiter> = shared
            .drain_followers(|waiter| self.shared.is_alive(waiter))
            .map(|(_, waiter)| waiter)
            .collect();
        let mut buf = self.take_buf();
        for waiter in std::iter::once(asker).chain(joined.iter().copied()) {
            buf.answers.push((dedup.copy_answer)(answer));
            buf.waiters.push(waiter);
        }
        self.push_ready(buf);
        match place {
            // The request that waits to be sent, or pauses, is of nobody any more.
            None => self.count_dropped(1),
            Some(place) => self.mark_answered_elsewhere(place),
        }
        self.no_longer_wait(joined.into_iter());
    }

    /// Who asked first for what is at this place of a flight has the answer.
    fn mark_answered_elsewhere(&self, (id, position): Place) {
        let Some(mut flight) = self.in_flight.detach(id) else { return };
        let asker = std::mem::replace(&mut flight.buf.waiters[position], SETTLED);
        debug_assert!(asker != SETTLED, "who has an answer has no ticket");
        flight.left -= 1;
        flight.answered_elsewhere += 1;
        if flight.watched_by == Some(asker) {
            self.watched.borrow_mut().remove(&asker);
            flight.watched_by = None;
        }
        self.go_on(id, flight);
    }
}
