//! W11 and W13: keys that come again.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::Tasks;
use crate::contenders::Job;
use crate::work::{SAME, Size, Workload, answer, finish, start};

/// A table says of each key where its answer is, or will be.
#[derive(Clone, Copy)]
enum Known {
    /// Its place in the batch that gathers.
    Asked(usize),
    Answered(u64),
}

#[derive(Default)]
struct Batcher {
    known: RefCell<HashMap<u64, Known>>,
    keys: RefCell<Vec<u64>>,
    wakers: RefCell<Vec<Waker>>,
    /// Of the last batch. All are taken before the next one leaves.
    answers: RefCell<Vec<u64>>,
    round: Cell<u64>,
}

impl Batcher {
    async fn ask(&self, key: u64) -> u64 {
        let known = *self.known.borrow_mut().entry(key).or_insert_with(|| {
            let mut keys = self.keys.borrow_mut();
            keys.push(key);
            Known::Asked(keys.len() - 1)
        });
        let place = match known {
            Known::Answered(answer) => return answer,
            Known::Asked(place) => place,
        };
        let round = self.round.get();
        let mut is_asked = false;
        poll_fn(|context| {
            if self.round.get() > round {
                return Poll::Ready(self.answers.borrow()[place]);
            }
            if !std::mem::replace(&mut is_asked, true) {
                self.wakers.borrow_mut().push(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    fn dispatch(&self, keeps: bool) {
        let (mut keys, mut answers) = (self.keys.borrow_mut(), self.answers.borrow_mut());
        assert!(!keys.is_empty(), "nobody can go on");
        answers.clear();
        answer(&keys, &mut answers);
        if keeps {
            let kept = keys.iter().zip(answers.iter());
            self.known
                .borrow_mut()
                .extend(kept.map(|(key, answer)| (*key, Known::Answered(*answer))));
        } else {
            self.known.borrow_mut().clear();
        }
        keys.clear();
        self.round.set(self.round.get() + 1);
        self.wakers.borrow_mut().drain(..).for_each(Waker::wake);
    }
}

async fn four_once(batcher: Rc<Batcher>, key: u64) {
    let key = batcher.ask(key).await;
    let key = batcher.ask(key).await;
    let key = batcher.ask(key).await;
    finish(batcher.ask(key).await);
}

async fn same(batcher: Rc<Batcher>, key: u64) {
    let mut sum = 0;
    for _ in 0..SAME {
        sum += batcher.ask(key).await;
    }
    finish(sum);
}

fn run(batcher: &Batcher, keeps: bool, tasks: impl IntoIterator<Item = impl Future<Output = ()>>) {
    let mut tasks = Tasks::new(tasks);
    while tasks.advance() {
        batcher.dispatch(keeps);
    }
    // What is kept is kept for a run.
    batcher.known.borrow_mut().clear();
}

pub fn job(size: Size) -> Job {
    let batcher = Rc::new(Batcher::default());
    Box::new(move || {
        let b = &batcher;
        if let Workload::W13 = size.workload {
            run(b, true, (0..size.n).map(|task| same(b.clone(), start(task))));
        } else {
            run(
                b,
                false,
                (0..size.n).map(|task| four_once(b.clone(), start(task % size.distinct()))),
            );
        }
    })
}
