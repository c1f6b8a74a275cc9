//! The workloads as tokio tasks on one thread (no work is stolen and no core waits for another),
//! over anything that batches what they ask for.

use std::pin::Pin;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, OnceCell};
use tokio::task::JoinHandle;

use super::Job;
use crate::work::{FAN_OUT, KEY, ROUNDS, SAME, Size, Workload, child, finish, start};

pub trait Batcher: Clone + Send + Sync + 'static {
    /// Whether it asks for equal keys once.
    const DEDUPS: bool;

    fn ask(&self, key: u64) -> impl Future<Output = u64> + Send;

    /// Forgets the answers that it keeps, as a run is over.
    fn clear(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

async fn four(batcher: impl Batcher, key: u64) {
    let key = batcher.ask(key).await;
    let key = batcher.ask(key).await;
    let key = batcher.ask(key).await;
    finish(batcher.ask(key).await);
}

async fn one(batcher: impl Batcher, key: u64) {
    finish(batcher.ask(key).await);
}

async fn many(batcher: impl Batcher, key: u64, requests: u64) {
    let mut key = key;
    for _ in 0..requests {
        key = batcher.ask(key).await;
    }
    finish(key);
}

async fn root(batcher: impl Batcher, depth: u64) {
    finish(node(batcher, 0, depth).await);
}

/// Each child is a task: in one task, a child that was answered would have all of its siblings
/// polled.
fn node(batcher: impl Batcher, key: u64, depth: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        let mut sum = batcher.ask(key).await;
        if depth > 0 {
            let children: Vec<_> = (0..FAN_OUT)
                .map(|number| tokio::spawn(node(batcher.clone(), child(key, number), depth - 1)))
                .collect();
            for child in children {
                sum += child.await.expect("no task panics");
            }
        }
        sum
    })
}

async fn shared<B: Batcher>(batcher: B, cell: Arc<OnceCell<u64>>) {
    finish(if B::DEDUPS {
        batcher.ask(KEY).await
    } else {
        *cell.get_or_init(|| batcher.ask(KEY)).await
    });
}

async fn locked(batcher: impl Batcher, counter: Arc<Mutex<u64>>) {
    let mut counter = counter.lock().await;
    *counter = batcher.ask(*counter).await;
    finish(*counter);
}

async fn same(batcher: impl Batcher, key: u64) {
    let mut sum = 0;
    for _ in 0..SAME {
        sum += batcher.ask(key).await;
    }
    finish(sum);
}

/// Without drivers, as nothing here waits for a socket or a timer; and without the pause after
/// every 61 tasks to look for what they have, in which tasks that have yielded are made ready
/// again, so that they overtake others and batches break up.
pub fn runtime() -> Runtime {
    Builder::new_current_thread()
        .event_interval(u32::MAX)
        .build()
        .expect("a runtime without drivers")
}

pub fn job(size: Size, runtime: Runtime, batcher: impl Batcher) -> Option<Job> {
    Some(Box::new(move || {
        runtime.block_on(async {
            for task in spawn_all(size, &batcher) {
                task.await.expect("no task panics");
            }
            batcher.clear().await;
        });
    }))
}

fn spawn_all(size: Size, batcher: &impl Batcher) -> Vec<JoinHandle<()>> {
    let batcher = || batcher.clone();
    match size.workload {
        Workload::W1 | Workload::W8 | Workload::W10 | Workload::W12 => {
            (0..size.n).map(|task| tokio::spawn(four(batcher(), start(task)))).collect()
        }
        Workload::W2 | Workload::W9 => vec![tokio::spawn(many(batcher(), 0, size.n))],
        Workload::W3 => (0..size.n).map(|task| tokio::spawn(one(batcher(), start(task)))).collect(),
        Workload::W4 => vec![tokio::spawn(root(batcher(), size.n))],
        Workload::W5 => {
            (0..size.n).map(|task| tokio::spawn(many(batcher(), start(task), ROUNDS))).collect()
        }
        Workload::W6 => {
            let cell = Arc::new(OnceCell::new());
            (0..size.n).map(|_| tokio::spawn(shared(batcher(), cell.clone()))).collect()
        }
        Workload::W7 => {
            let counter = Arc::new(Mutex::new(0));
            (0..size.n).map(|_| tokio::spawn(locked(batcher(), counter.clone()))).collect()
        }
        Workload::W11 => {
            let keys = (0..size.n).map(|task| start(task % size.distinct()));
            keys.map(|key| tokio::spawn(four(batcher(), key))).collect()
        }
        Workload::W13 => {
            (0..size.n).map(|task| tokio::spawn(same(batcher(), start(task)))).collect()
        }
    }
}
