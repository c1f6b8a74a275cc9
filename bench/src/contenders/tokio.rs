//! tokio with a task that makes batches: it gets requests through a channel and answers each
//! through a oneshot.
//!
//! Tuned: an unbounded channel, as nobody has to be held back; `recv_many`, which takes all that
//! has gathered at once. On one thread tasks run in the order woken, so the batcher runs after all
//! who can ask, and no delay is needed. It is a task itself: what is given to `block_on` is polled
//! after every 61 tasks, which would split the batches.
//!
//! Where keys come again, the batcher has a table of those that it has got since its last batch
//! (W11), or those that ask look into a table of answers first (W13).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{mpsc, oneshot};

use super::worker::Worker;
use super::{Job, executor, on_tokio};
use crate::work::{Size, Workload, answer, answer_one, count};

struct Asked {
    key: u64,
    reply: oneshot::Sender<u64>,
}

#[derive(Clone)]
struct Batcher {
    requests: mpsc::UnboundedSender<Asked>,
    /// The answers of W13, which are kept for a run.
    kept: Option<Arc<Mutex<HashMap<u64, u64>>>>,
}

impl on_tokio::Batcher for Batcher {
    /// `tokio::sync::OnceCell` does.
    const DEDUPS: bool = false;

    async fn ask(&self, key: u64) -> u64 {
        if let Some(kept) = &self.kept
            && let Some(answer) = kept.lock().expect("nobody panics with it").get(&key)
        {
            return *answer;
        }
        let (reply, answer) = oneshot::channel();
        // Without a batcher the reply is dropped, and the next line says so.
        let _ = self.requests.send(Asked { key, reply });
        let answer = answer
            .await
            .expect("the batcher lives as long as the runtime, and answers every request");
        if let Some(kept) = &self.kept {
            kept.lock().expect("nobody panics with it").insert(key, answer);
        }
        answer
    }

    async fn clear(&self) {
        if let Some(kept) = &self.kept {
            kept.lock().expect("nobody panics with it").clear();
        }
    }
}

async fn make_batches(size: Size, mut requests: mpsc::UnboundedReceiver<Asked>) {
    let (mut asked, mut keys, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    while requests.recv_many(&mut asked, usize::MAX).await > 0 {
        keys.clear();
        keys.extend(asked.iter().map(|asked: &Asked| asked.key));
        answers.clear();
        executor::round_trip(size).await;
        answer(&keys, &mut answers);
        for (asked, answer) in asked.drain(..).zip(&answers) {
            // Who does not wait any more needs no answer.
            let _ = asked.reply.send(*answer);
        }
    }
}

/// W11: a key that is asked for twice leaves once.
async fn make_batches_once(mut requests: mpsc::UnboundedReceiver<Asked>) {
    let (mut asked, mut keys, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    let (mut table, mut places) = (HashMap::new(), Vec::new());
    while requests.recv_many(&mut asked, usize::MAX).await > 0 {
        for asked in &asked {
            let place = table.entry(asked.key).or_insert_with(|| {
                keys.push(asked.key);
                keys.len() - 1
            });
            places.push(*place);
        }
        answers.clear();
        answer(&keys, &mut answers);
        for (asked, place) in asked.drain(..).zip(places.drain(..)) {
            let _ = asked.reply.send(answers[place]);
        }
        keys.clear();
        table.clear();
    }
}

/// W10: another thread answers one by one. The next batch leaves when it has answered all.
async fn pass_batches_on(worker: Worker, mut requests: mpsc::UnboundedReceiver<Asked>) {
    let mut asked = Vec::new();
    while requests.recv_many(&mut asked, usize::MAX).await > 0 {
        count(asked.len());
        let (done, all_answered) = oneshot::channel();
        let batch = std::mem::take(&mut asked);
        worker.run(move || {
            for Asked { key, reply } in batch {
                let _ = reply.send(answer_one(key));
            }
            let _ = done.send(());
        });
        all_answered.await.expect("the thread answers everything");
    }
}

pub fn job(size: Size) -> Option<Job> {
    let runtime = on_tokio::runtime();
    let (sender, requests) = mpsc::unbounded_channel();
    match size.workload {
        Workload::W10 => runtime.spawn(pass_batches_on(Worker::new(size), requests)),
        Workload::W11 => runtime.spawn(make_batches_once(requests)),
        _ => runtime.spawn(make_batches(size, requests)),
    };
    // It waits before anybody asks: else its turn would come in the middle of the first batch.
    runtime.block_on(tokio::task::yield_now());
    let kept = (size.workload == Workload::W13).then(Arc::default);
    on_tokio::job(size, runtime, Batcher { requests: sender, kept })
}
