//! An executor that polls a future on another thread each time.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

/// How many threads take turns.
const THREADS: usize = 3;

/// Set by a waker; fails a test whose future nobody wakes.
#[derive(Default)]
pub struct Woken {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl Woken {
    /// Waits until the waker was used since the last call.
    pub fn wait(&self) {
        let is_set = self.is_set.lock().unwrap_or_else(PoisonError::into_inner);
        let timeout = Duration::from_secs(20);
        let (mut is_set, waited) = self
            .changed
            .wait_timeout_while(is_set, timeout, |is_set| !*is_set)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "a future is pending, and nobody wakes it");
        *is_set = false;
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.is_set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }
}

/// Polls a future to its end, each time on another thread than the time before, and drops it on the
/// calling thread. A panic of the future is passed on.
pub fn everywhere<F: Future + Send>(future: F) -> F::Output
where
    F::Output: Send,
{
    let woken = Arc::new(Woken::default());
    woken.wake_by_ref();
    let waker = Waker::from(woken.clone());
    let (ends, ended) = mpsc::channel();
    let (turns, takers): (Vec<_>, Vec<_>) =
        (0..THREADS).map(|_| mpsc::channel::<Option<Pin<Box<F>>>>()).unzip();
    turns[0].send(Some(Box::pin(future))).unwrap_or_else(|_| unreachable!("its taker is there"));
    thread::scope(|scope| {
        for (at, taker) in takers.into_iter().enumerate() {
            let (next, ends) = (turns[(at + 1) % THREADS].clone(), ends.clone());
            let (woken, waker) = (&woken, &waker);
            scope.spawn(move || {
                while let Ok(Some(mut future)) = taker.recv() {
                    let polled = catch_unwind(AssertUnwindSafe(|| {
                        woken.wait();
                        future.as_mut().poll(&mut Context::from_waker(waker))
                    }));
                    match polled {
                        Ok(Poll::Pending) => drop(next.send(Some(future))),
                        Ok(Poll::Ready(output)) => drop(ends.send((Ok(output), future))),
                        Err(panic) => drop(ends.send((Err(panic), future))),
                    }
                }
            });
        }
        drop(ends);
        let (result, future) = ended.recv().expect("one of the threads ends it");
        turns.iter().for_each(|turn| drop(turn.send(None)));
        drop(future);
        result.unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Does something with a value on a thread of its own, and gives it back.
pub fn elsewhere<T: Send, R: Send>(value: T, act: impl FnOnce(T) -> R + Send) -> R {
    thread::scope(|scope| {
        scope.spawn(move || act(value)).join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}
