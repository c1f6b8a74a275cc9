//! W8 to W10: answers that come later.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::{Batcher, Tasks, four, many};
use crate::contenders::Job;
use crate::contenders::executor::{Executor, yield_now};
use crate::contenders::worker::{Arrivals, Worker};
use crate::work::{Size, Workload, count, finish, start};

pub fn pending(size: Size) -> Job {
    let (executor, batcher) = (Executor::new(), Rc::new(Batcher::default()));
    Box::new(move || {
        let b = &batcher;
        if let Workload::W9 = size.workload {
            executor.block_on(await_batches(b, [many(b.clone(), 0, size.n)]));
        } else {
            executor
                .block_on(await_batches(b, (0..size.n).map(|task| four(b.clone(), start(task)))));
        }
    })
}

/// With nothing else on its way there is nothing to do but to wait for the batch.
async fn await_batches(
    batcher: &Batcher,
    tasks: impl IntoIterator<Item = impl Future<Output = ()>>,
) {
    let mut tasks = Tasks::new(tasks);
    while tasks.advance() {
        yield_now().await;
        batcher.dispatch();
    }
}

/// Requests that gather while others are answered, each with a place of its own for its answer.
#[derive(Default)]
struct Batch {
    keys: RefCell<Vec<u64>>,
    wakers: RefCell<Vec<Option<Waker>>>,
    answers: RefCell<Vec<Option<u64>>>,
}

/// What gathers now.
type Gathering = RefCell<Rc<Batch>>;

async fn ask(gathering: &Gathering, key: u64) -> u64 {
    let batch = gathering.borrow().clone();
    let place = batch.keys.borrow().len();
    batch.keys.borrow_mut().push(key);
    batch.answers.borrow_mut().push(None);
    let mut is_asked = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_asked, true) {
            return batch.answers.borrow()[place].map_or(Poll::Pending, Poll::Ready);
        }
        batch.wakers.borrow_mut().push(Some(context.waker().clone()));
        Poll::Pending
    })
    .await
}

async fn four_by_another(gathering: Rc<Gathering>, key: u64) {
    let key = ask(&gathering, key).await;
    let key = ask(&gathering, key).await;
    let key = ask(&gathering, key).await;
    finish(ask(&gathering, key).await);
}

/// A task goes on when its own answer is there; what it then asks for waits for the whole batch.
pub fn one_by_one(size: Size) -> Job {
    let (worker, arrivals) = (Worker::new(size), Arc::new(Arrivals::default()));
    let mut arrived = Vec::new();
    Box::new(move || {
        let gathering = Rc::new(Gathering::default());
        let mut tasks =
            Tasks::new((0..size.n).map(|task| four_by_another(gathering.clone(), start(task))));
        while tasks.advance() {
            let batch = gathering.take();
            let keys = batch.keys.take();
            let mut left = keys.len();
            assert!(left > 0, "nobody can go on");
            count(left);
            let post = arrivals.clone();
            worker.run(move || post.answer_all(&keys));
            while left > 0 {
                arrivals.take(&mut arrived);
                left -= arrived.len();
                for (place, answer) in arrived.drain(..) {
                    batch.answers.borrow_mut()[place] = Some(answer);
                    let waker = batch.wakers.borrow_mut()[place].take();
                    waker.expect("a request is answered once").wake();
                }
                // The tasks that go on, also where all have ended: nothing is left then.
                tasks.advance();
            }
        }
    })
}
