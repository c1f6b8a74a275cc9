//! What need not go out: answers that were kept, and keys that somebody has asked for already.

use super::Waiter;
use super::dedup::Joined;
use super::load::Entry;
use super::queue::Queue;
use super::request::Request;
use super::{CacheChange, ContextRef};

impl<R: Request> Queue<R> {
    /// Goes through what has gathered since the last time: gives what was kept, has equal keys join, and puts the rest in front, to be sent.
    pub(super) fn settle_fresh(&self, context: ContextRef<'_>) {
        let Some((sharing, dedup)) = self.sharing.as_ref().zip(self.options.dedup) else { return };
        let mut fresh = self.waiting.borrow_mut().take_gathered(self.spare());
        if fresh.is_empty() {
            return self.put_back(fresh);
        }
        self.enter_partition(context);
        let mut kept = self.spare();
        for Entry { waiter, key, .. } in fresh.drain() {
            let known = self.cache.as_ref().and_then(|cache| cache.borrow().get(&key, &|| self.board.now()).map(dedup.copy_answer));
            if let Some(answer) = known {
                kept.waiters.push(waiter);
                kept.answers.push(answer);
                continue;
            }
            let ticket = sharing.borrow_mut().register_or_join(&key, waiter);
            if let Some(ticket) = ticket {
                self.waiting.borrow_mut().put_in_front(Entry { waiter, key, attempts: 0, ticket });
            }
        }
        self.put_back(fresh);
        if kept.is_empty() {
            self.put_back(kept);
        } else {
            self.come_back(kept);
        }
    }

    /// Whose answers the run may see is asked once.
    fn enter_partition(&self, context: ContextRef<'_>) {
        if let Some(cache) = &self.cache {
            // SAFETY: queues are opened with the functions of the run's context (or of one for every context), and this is that context.
            cache.borrow_mut().enter(|| unsafe { (self.answering.partition)(context) }, &|| self.board.now());
        }
    }

    pub(super) fn change_cache(&self, context: ContextRef<'_>, change: CacheChange<R>) {
        let (Some(cache), Some(sharing), Some(dedup)) = (&self.cache, &self.sharing, self.options.dedup) else {
            panic!("corio: dispatcher `{name}` keeps no answers: say `#[corio::dispatcher(cache)]`", name = R::name());
        };
        self.mark_used();
        self.enter_partition(context);
        // Whoever has joined a request that is out of date asks anew.
        let ask_anew = |key: &R::Key, joined: Vec<Joined>| joined.into_iter().for_each(|(_, waiter)| self.ask(waiter, (dedup.copy_key)(key)));
        match change {
            CacheChange::Prime(key, answer) => {
                // What is on its way may be older than what is primed, and is not to take its place.
                let joined = sharing.borrow_mut().invalidate(&key);
                let waiters = joined.into_iter().map(|(_, waiter)| waiter);
                self.give_now(waiters.map(|waiter| (waiter, (dedup.copy_answer)(&answer))).collect());
                cache.borrow_mut().put(key, answer, &|| self.board.now());
            }
            CacheChange::Invalidate(key) => {
                cache.borrow_mut().remove(&key);
                let joined = sharing.borrow_mut().invalidate(&key);
                ask_anew(&key, joined);
            }
            CacheChange::Clear => {
                cache.borrow_mut().clear();
                let invalid = sharing.borrow_mut().invalidate_all();
                invalid.into_iter().for_each(|(key, joined)| ask_anew(&key, joined));
            }
        }
    }

    /// Answers that are of no batch.
    fn give_now(&self, answers: Vec<(Waiter, R::Answer)>) {
        if !answers.is_empty() {
            let mut load = self.spare();
            (load.waiters, load.answers) = answers.into_iter().unzip();
            self.come_back(load);
        }
    }
}
