//! `FuturesUnordered` and a batcher in an `Rc`: the best that one can make by hand of async tasks
//! on one thread.
//!
//! Tuned: one type of future a run, so that none is boxed; no channel, an answer is found by its
//! place in the batch; a batch leaves when nothing was woken any more, which is quiescence.
//! Children of the tree stand in a `join_all` inside their parent: faster here than a
//! `FuturesUnordered` in each node.

mod again;
mod later;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::Job;
use super::executor::Woken;
use crate::work::{FAN_OUT, KEY, ROUNDS, Size, Workload, answer, child, finish, round_trip, start};

#[derive(Default)]
struct Batcher {
    keys: RefCell<Vec<u64>>,
    wakers: RefCell<Vec<Waker>>,
    /// Of the last batch. All are taken before the next one leaves.
    answers: RefCell<Vec<u64>>,
    round: Cell<u64>,
}

impl Batcher {
    async fn ask(&self, key: u64) -> u64 {
        let mut asked = None;
        poll_fn(|cx| match asked {
            Some((place, round)) if self.round.get() > round => {
                Poll::Ready(self.answers.borrow()[place])
            }
            Some(_) => Poll::Pending,
            None => {
                let mut keys = self.keys.borrow_mut();
                asked = Some((keys.len(), self.round.get()));
                keys.push(key);
                self.wakers.borrow_mut().push(cx.waker().clone());
                Poll::Pending
            }
        })
        .await
    }

    fn dispatch(&self) {
        let (mut keys, mut answers) = (self.keys.borrow_mut(), self.answers.borrow_mut());
        assert!(!keys.is_empty(), "nobody can go on");
        answers.clear();
        answer(&keys, &mut answers);
        keys.clear();
        self.round.set(self.round.get() + 1);
        self.wakers.borrow_mut().drain(..).for_each(Waker::wake);
    }
}

/// The tasks of a run.
struct Tasks<F> {
    tasks: FuturesUnordered<F>,
    woken: Arc<Woken>,
    waker: Waker,
}

impl<F: Future<Output = ()>> Tasks<F> {
    fn new(tasks: impl IntoIterator<Item = F>) -> Self {
        let woken = Arc::new(Woken::default());
        Tasks { tasks: tasks.into_iter().collect(), waker: Waker::from(woken.clone()), woken }
    }

    /// Goes on until all wait, and says whether any are left.
    fn advance(&mut self) -> bool {
        let mut context = Context::from_waker(&self.waker);
        loop {
            match self.tasks.poll_next_unpin(&mut context) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) => return false,
                // It also pauses to let others run; then it wakes itself.
                Poll::Pending if self.woken.take() => {}
                Poll::Pending => return true,
            }
        }
    }
}

fn run(size: Size, batcher: &Batcher, tasks: impl IntoIterator<Item = impl Future<Output = ()>>) {
    let mut tasks = Tasks::new(tasks);
    while tasks.advance() {
        round_trip(size);
        batcher.dispatch();
    }
}

async fn four(batcher: Rc<Batcher>, key: u64) {
    let key = batcher.ask(key).await;
    let key = batcher.ask(key).await;
    let key = batcher.ask(key).await;
    finish(batcher.ask(key).await);
}

async fn one(batcher: Rc<Batcher>, key: u64) {
    finish(batcher.ask(key).await);
}

async fn many(batcher: Rc<Batcher>, key: u64, requests: u64) {
    let mut key = key;
    for _ in 0..requests {
        key = batcher.ask(key).await;
    }
    finish(key);
}

async fn node(batcher: &Batcher, key: u64, depth: u64) -> u64 {
    let own = batcher.ask(key).await;
    if depth == 0 {
        return own;
    }
    let nodes = (0..FAN_OUT).map(|number| {
        Box::pin(node(batcher, child(key, number), depth - 1)) as Pin<Box<dyn Future<Output = u64>>>
    });
    own + join_all(nodes).await.iter().sum::<u64>()
}

/// Who wants a key that is on its way waits here.
type Flights = RefCell<HashMap<u64, Rc<Flight>>>;

#[derive(Default)]
struct Flight {
    value: Cell<Option<u64>>,
    followers: RefCell<Vec<Waker>>,
}

async fn shared(batcher: Rc<Batcher>, flights: Rc<Flights>) {
    let flight = flights.borrow().get(&KEY).cloned();
    let value = match flight {
        Some(flight) => {
            poll_fn(|cx| match flight.value.get() {
                Some(value) => Poll::Ready(value),
                None => {
                    flight.followers.borrow_mut().push(cx.waker().clone());
                    Poll::Pending
                }
            })
            .await
        }
        None => {
            let flight = Rc::new(Flight::default());
            flights.borrow_mut().insert(KEY, flight.clone());
            let value = batcher.ask(KEY).await;
            flights.borrow_mut().remove(&KEY);
            flight.value.set(Some(value));
            flight.followers.take().into_iter().for_each(Waker::wake);
            value
        }
    };
    finish(value);
}

#[derive(Default)]
struct Mutex {
    locked: Cell<bool>,
    line: RefCell<std::collections::VecDeque<Waker>>,
    counter: Cell<u64>,
}

impl Mutex {
    async fn lock(&self) {
        poll_fn(|cx| {
            if self.locked.replace(true) {
                self.line.borrow_mut().push_back(cx.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
    }

    fn unlock(&self) {
        self.locked.set(false);
        if let Some(next) = self.line.borrow_mut().pop_front() {
            next.wake();
        }
    }
}

async fn locked(batcher: Rc<Batcher>, mutex: Rc<Mutex>) {
    mutex.lock().await;
    let counter = batcher.ask(mutex.counter.get()).await;
    mutex.counter.set(counter);
    finish(counter);
    mutex.unlock();
}

pub fn job(size: Size) -> Option<Job> {
    Some(match size.workload {
        Workload::W8 | Workload::W9 => later::pending(size),
        Workload::W10 => later::one_by_one(size),
        Workload::W11 | Workload::W13 => again::job(size),
        _ => in_place(size),
    })
}

fn in_place(size: Size) -> Job {
    let batcher = Rc::new(Batcher::default());
    Box::new(move || {
        let b = &batcher;
        match size.workload {
            Workload::W1 | Workload::W12 => {
                run(size, b, (0..size.n).map(|task| four(b.clone(), start(task))))
            }
            Workload::W2 => run(size, b, [many(b.clone(), 0, size.n)]),
            Workload::W3 => run(size, b, (0..size.n).map(|task| one(b.clone(), start(task)))),
            Workload::W4 => run(size, b, [async { finish(node(b, 0, size.n).await) }]),
            Workload::W5 => {
                run(size, b, (0..size.n).map(|task| many(b.clone(), start(task), ROUNDS)))
            }
            Workload::W6 => {
                let flights = Rc::new(Flights::default());
                run(size, b, (0..size.n).map(|_| shared(b.clone(), flights.clone())));
            }
            Workload::W7 => {
                let mutex = Rc::new(Mutex::default());
                run(size, b, (0..size.n).map(|_| locked(b.clone(), mutex.clone())));
            }
            other => unreachable!("{other:?} is not answered in place"),
        }
    })
}
