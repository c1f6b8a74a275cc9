//! W8 to W10: answers that come later.

use std::sync::Arc;

use super::{Task, World, deliver, run_ready, spawn_all};
use crate::contenders::Job;
use crate::contenders::executor::{Executor, yield_now};
use crate::contenders::worker::{Arrivals, Worker};
use crate::work::{Size, answer, count};

pub fn pending(size: Size, mut world: World, mut spare: World) -> Job {
    let executor = Executor::new();
    let mut answers = Vec::new();
    Box::new(move || {
        spawn_all(size, &mut world);
        executor.block_on(await_batches(&mut world, &mut spare, &mut answers));
    })
}

/// With nothing else on its way there is nothing to do but to wait for the batch.
async fn await_batches(world: &mut World, spare: &mut World, answers: &mut Vec<u64>) {
    loop {
        run_ready(world, spare);
        if world.keys.is_empty() {
            return;
        }
        answers.clear();
        yield_now().await;
        answer(&world.keys, answers);
        deliver(world, spare, answers);
    }
}

pub fn one_by_one(size: Size, mut world: World, mut spare: World) -> Job {
    let worker = Worker::new(size);
    let arrivals = Arc::new(Arrivals::default());
    let (mut waiting, mut arrived) = (Vec::new(), Vec::new());
    Box::new(move || {
        spawn_all(size, &mut world);
        loop {
            run_ready(&mut world, &mut spare);
            if world.keys.is_empty() {
                return;
            }
            let keys = std::mem::take(&mut world.keys);
            waiting.extend(world.askers.drain(..).map(Some));
            count(keys.len());
            let post = arrivals.clone();
            worker.run(move || post.answer_all(&keys));
            receive(&arrivals, &mut waiting, &mut arrived, &mut world);
        }
    })
}

/// A task goes on when its own answer is there; what it then asks for waits for the whole batch.
fn receive(
    arrivals: &Arrivals,
    waiting: &mut Vec<Option<Task>>,
    arrived: &mut Vec<(usize, u64)>,
    world: &mut World,
) {
    let mut left = waiting.len();
    while left > 0 {
        arrivals.take(arrived);
        left -= arrived.len();
        for (place, answer) in arrived.drain(..) {
            let task = waiting[place].take().expect("a request is answered once");
            world.step(task, Some(answer));
        }
    }
    waiting.clear();
}
