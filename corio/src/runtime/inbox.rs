//! Where news from outside a run arrives, from any thread: a future of a dispatcher can go on, a queue has post.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::dispatch::{FlightId, Ring};
use crate::util::Nudge;

#[derive(Default)]
pub(crate) struct Bell {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    news: News,
    /// Memory for news, while none of it is being looked through.
    spare: News,
    /// Who sleeps until there is news.
    sleeper: Option<Waker>,
}

/// What has happened, in the order in which it did.
#[derive(Default)]
pub(crate) struct News {
    pub(crate) futures: Vec<u32>,
    /// Queues with post, and the flights that it is for.
    pub(crate) posts: Vec<(u32, FlightId)>,
    /// A task can run again.
    nudged: bool,
}

impl News {
    fn is_empty(&self) -> bool {
        self.futures.is_empty() && self.posts.is_empty() && !self.nudged
    }
}

impl Bell {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn future_can_go_on(&self, future: u32) {
        self.tell(|news| news.futures.push(future));
    }

    fn tell(&self, tell: impl FnOnce(&mut News)) {
        let sleeper = {
            let mut state = self.state();
            tell(&mut state.news);
            state.sleeper.take()
        };
        // Not under the lock: waking runs code of an executor.
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
    }

    /// Takes the news, if there is any.
    pub(crate) fn take(&self) -> Option<News> {
        let State { news, spare, .. } = &mut *self.state();
        (!news.is_empty()).then(|| mem::replace(news, mem::take(spare)))
    }

    /// Takes back the memory of news that was looked through.
    pub(crate) fn put_back(&self, mut news: News) {
        news.futures.clear();
        news.posts.clear();
        news.nudged = false;
        self.state().spare = news;
    }

    /// Has `sleeper` woken by the next news. False if there is news already.
    pub(crate) fn sleep(&self, sleeper: &Waker) -> bool {
        // Cloned before, and the one before dropped after, the lock is held: both may run code of an executor.
        let sleeper = sleeper.clone();
        let before = {
            let mut state = self.state();
            if !state.news.is_empty() {
                return false;
            }
            state.sleeper.replace(sleeper)
        };
        drop(before);
        true
    }

    pub(crate) fn clear(&self) {
        let sleeper = {
            let mut state = self.state();
            state.news = News::default();
            state.sleeper.take()
        };
        drop(sleeper);
    }
}

impl Nudge for Bell {
    fn nudge(&self) {
        self.tell(|news| news.nudged = true);
    }
}

impl Ring for Bell {
    fn ring(&self, queue: u32, flight: FlightId) {
        self.tell(|news| news.posts.push((queue, flight)));
    }
}
