//! Threads that take turns at polling a future, and stay for the next one.
//!
//! [`everywhere`](crate::threads::everywhere) starts threads for each future, so that the future
//! may borrow. But a thread that was just started is slow, as its stack and its part of the heap
//! are new. Where thousands of runs go from thread to thread, they go to these instead, and what
//! they would borrow is lent to them.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};

use crate::threads::Woken;

/// How many threads take turns.
const THREADS: usize = 3;

type Job = Box<dyn FnOnce() + Send>;

/// A future that has ended, with what came of it.
type Ended<F> = (Pin<Box<F>>, thread::Result<<F as Future>::Output>);

/// The threads. They end when this is dropped.
pub struct Workers {
    shared: Arc<Shared>,
    // Dropped after what keeps them.
    _threads: Joined,
}

struct Shared {
    jobs: [Sender<Job>; THREADS],
    polls: AtomicU64,
}

/// Waits until they have ended.
struct Joined(Vec<JoinHandle<()>>);

impl Drop for Joined {
    fn drop(&mut self) {
        self.0.drain(..).for_each(|thread| drop(thread.join()));
    }
}

impl Default for Workers {
    fn default() -> Self {
        let mut threads = Vec::new();
        let jobs = std::array::from_fn(|_| {
            let (sender, jobs) = mpsc::channel::<Job>();
            threads.push(thread::spawn(move || jobs.into_iter().for_each(|job| job())));
            sender
        });
        let shared = Arc::new(Shared { jobs, polls: AtomicU64::new(0) });
        Workers { shared, _threads: Joined(threads) }
    }
}

impl Workers {
    /// Polls a future to its end, each time on another thread than the time before, and drops it on
    /// the calling thread. Gives what comes of it, or its panic; and what was lent to it.
    pub fn lend<T, F>(&self, it: T, to: impl FnOnce(Lent<T>) -> F) -> (T, thread::Result<F::Output>)
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (back, given_back) = mpsc::channel();
        let (ends, ended) = mpsc::channel();
        let future = Box::pin(to(Lent { it: Some(it), back }));
        let woken = Arc::new(Woken::default());
        // The first poll needs nobody to ask for it.
        Waker::from(woken.clone()).wake();
        Turn { future, woken, ends, shared: self.shared.clone() }.goes_to(0);
        let (future, result) = ended.recv().expect("one of the threads ends it");
        drop(future);
        (given_back.recv().expect("the future is gone"), result)
    }

    /// How many polls there were.
    pub fn polls(&self) -> u64 {
        self.shared.polls.load(Ordering::Relaxed)
    }
}

/// Is given back when it is dropped.
pub struct Lent<T> {
    it: Option<T>,
    back: Sender<T>,
}

impl<T> Deref for Lent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.it.as_ref().expect("there until it is given back")
    }
}

impl<T> DerefMut for Lent<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.it.as_mut().expect("there until it is given back")
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        if let Some(it) = self.it.take() {
            // Who lent it may have panicked meanwhile.
            let _ = self.back.send(it);
        }
    }
}

/// A future on its way from thread to thread.
struct Turn<F: Future> {
    future: Pin<Box<F>>,
    woken: Arc<Woken>,
    ends: Sender<Ended<F>>,
    shared: Arc<Shared>,
}

impl<F: Future<Output: Send> + Send + 'static> Turn<F> {
    fn goes_to(self, at: usize) {
        let thread = self.shared.jobs[at].clone();
        let sent = thread.send(Box::new(move || self.arrives((at + 1) % THREADS)));
        assert!(sent.is_ok(), "the thread is there as long as somebody may send to it");
    }

    fn arrives(mut self, next: usize) {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            self.woken.wait();
            self.shared.polls.fetch_add(1, Ordering::Relaxed);
            self.future.as_mut().poll(&mut Context::from_waker(&Waker::from(self.woken.clone())))
        }));
        let result = match polled {
            Ok(Poll::Pending) => return self.goes_to(next),
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panic) => Err(panic),
        };
        let Turn { future, ends, .. } = self;
        // Nobody waits for it if the test has failed.
        let _ = ends.send((future, result));
    }
}
