//! Requests that need not be sent, as their answers are cached or equal keys are pending; and what
//! changes of the cache mean for pending keys.

use super::state::{BufOf, Queue};
use crate::dispatch::buffer::{BatchBuf, NO_SEQ, QueuedRequest};
use crate::dispatch::cache::{CacheChange, Partition};
use crate::dispatch::ids::Waiter;
use crate::dispatch::in_flight::SETTLED;
use crate::dispatch::keys::{Followers, PendingKey, Place, Seq};
use crate::dispatch::request::Request;

/// What becomes of a gathered request.
enum Coalesced<A> {
    /// The answer is cached.
    Cached(A),
    /// The request waits for the answer of a leader with the same key.
    Follows,
    /// The request is sent, under this sequence number.
    Leads(Seq),
}

impl<R: Request> Queue<R> {
    /// Delivers cached answers, and makes requests with equal keys follow those that are queued or
    /// in flight. `partition` names the cache partition of the run. Does nothing without dedup.
    pub(crate) fn coalesce(&self, partition: &dyn Fn() -> Option<Partition>) {
        if self.options.dedup.is_some() {
            self.shared.with_current_dispatcher(R::name(), || self.coalesce_gathered(partition));
        }
    }

    /// Coalesces the requests that have gathered since the last call; leaders are left to be sent.
    fn coalesce_gathered(&self, partition: &dyn Fn() -> Option<Partition>) {
        let Some((pending_keys, dedup)) = self.pending_keys.as_ref().zip(self.options.dedup) else {
            return;
        };
        self.drop_unwanted_gathered();
        let mut gathered = self.waiting.borrow_mut().take_gathered(self.take_buf());
        if gathered.is_empty() {
            return self.recycle(gathered);
        }
        let BatchBuf { waiters, keys, .. } = &mut *gathered;
        let mut leaders = None;
        self.enter_partition(partition);
        let is_alive = |waiter| self.shared.is_alive(waiter);
        let mut cached = self.cached.take().unwrap_or_else(|| self.take_buf());
        for (waiter, key) in waiters.drain(..).zip(keys.drain(..)) {
            let coalesced = self.guarded(|| {
                let hit = self.cache.as_ref().and_then(|cache| {
                    cache.borrow().get(&key, &|| self.shared.now()).map(dedup.copy_answer)
                });
                match hit {
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
                    leaders.get_or_insert_with(|| self.take_buf()).push_with(seq, waiter, key)
                }
                Err(fault) => {
                    self.fail_one(QueuedRequest { waiter, key, attempts: 0, seq: NO_SEQ }, &fault)
                }
            }
        }
        self.recycle(gathered);
        let empty = leaders.and_then(|buf| self.waiting.borrow_mut().add_coalesced(buf));
        empty.into_iter().for_each(|buf| self.recycle(buf));
        self.deliver_cached(cached);
    }

    /// Delivers cache hits, so that their tasks go on at once and may ask for more that leaves
    /// together with the waiting requests. But if a batch leaves now and is answered in place, the
    /// hits are delivered with its answers: then all these tasks go on side by side, and what they
    /// ask next makes one batch instead of two.
    fn deliver_cached(&self, cached: BufOf<R>) {
        if cached.is_empty() {
            self.recycle(cached);
        } else if !self.is_concurrent && self.has_waiting() && !self.is_held() {
            self.cached.set(Some(cached));
        } else {
            self.push_ready(cached);
        }
    }

    /// Resolves the cache partition of this run; later calls are no-ops.
    fn enter_partition(&self, partition: &dyn Fn() -> Option<Partition>) {
        if let Some(cache) = &self.cache {
            cache.borrow_mut().enter(partition, &|| self.shared.now());
        }
    }

    /// Changes the cache, and updates pending keys accordingly: a primed key is answered; an
    /// invalidated key in flight is asked for again.
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
                let pending = pending_keys.borrow_mut().answer(&key);
                if let Some(PendingKey { shared, .. }) = pending {
                    self.deliver_primed(shared, &answer);
                }
                cache.borrow_mut().put(key, answer, &|| self.shared.now());
            }
            CacheChange::Invalidate(key) => {
                cache.borrow_mut().remove(&key);
                let invalid = pending_keys.borrow_mut().invalidate(&key);
                invalid.into_iter().for_each(|pending| self.ask_again(pending));
            }
            CacheChange::Clear => {
                cache.borrow_mut().clear();
                let invalid = pending_keys.borrow_mut().invalidate_all();
                invalid.into_iter().for_each(|pending| self.ask_again(pending));
            }
        }
    }

    /// Asks again for the followers of a request in flight whose answer is out of date.
    fn ask_again(&self, PendingKey { lead, mut shared }: PendingKey<R::Key>) {
        let Some(dedup) = self.options.dedup else { return };
        let followers: Vec<Waiter> = shared
            .drain_followers(|waiter| self.shared.is_alive(waiter))
            .map(|(_, waiter)| waiter)
            .collect();
        self.withdraw_waiters(followers.iter().copied());
        followers.into_iter().for_each(|waiter| self.ask(waiter, (dedup.copy_key)(&lead.key)));
    }

    /// Delivers a primed answer to all waiters of its key, wherever their request is. An answer in
    /// flight may be older, and reaches no waiter.
    fn deliver_primed(&self, mut shared: Followers, answer: &R::Answer) {
        let Some(dedup) = self.options.dedup else { return };
        let (asker, place) = (shared.asker, shared.place);
        let followers: Vec<Waiter> = shared
            .drain_followers(|waiter| self.shared.is_alive(waiter))
            .map(|(_, waiter)| waiter)
            .collect();
        let mut buf = self.take_buf();
        for waiter in std::iter::once(asker).chain(followers.iter().copied()) {
            buf.answers.push((dedup.copy_answer)(answer));
            buf.waiters.push(waiter);
        }
        self.push_ready(buf);
        match place {
            // The request waits to be sent or is paused, and is unwanted now.
            None => self.count_dropped(1),
            Some(place) => self.mark_answered_elsewhere(place),
        }
        self.withdraw_waiters(followers.into_iter());
    }

    /// Settles a position of a batch in flight whose waiter was answered from elsewhere.
    fn mark_answered_elsewhere(&self, (id, position): Place) {
        let Some(mut flight) = self.in_flight.detach(id) else { return };
        let asker = std::mem::replace(&mut flight.buf.waiters[position], SETTLED);
        debug_assert!(asker != SETTLED, "a settled request has no pending key");
        flight.left -= 1;
        flight.answered_elsewhere += 1;
        if flight.watched_by == Some(asker) {
            self.watchers.borrow_mut().remove(&asker);
            flight.watched_by = None;
        }
        self.reattach(id, flight);
    }
}
