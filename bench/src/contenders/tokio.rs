//! tokio with a task that makes batches: it gets requests through a channel and answers each through a oneshot.
//!
//! Tuned: an unbounded channel, as nobody has to be held back; `recv_many`, which takes all that has gathered at once. On one thread tasks run in the order woken, so the batcher
//! runs after all who can ask, and no delay is needed. It is a task itself: what is given to `block_on` is polled after every 61 tasks, which would split the batches.

use tokio::sync::{mpsc, oneshot};

use super::{Job, on_tokio};
use crate::work::{Size, answer, round_trip};

struct Asked {
    key: u64,
    reply: oneshot::Sender<u64>,
}

#[derive(Clone)]
struct Batcher(mpsc::UnboundedSender<Asked>);

impl on_tokio::Batcher for Batcher {
    /// `tokio::sync::OnceCell` does.
    const DEDUPS: bool = false;

    async fn ask(&self, key: u64) -> u64 {
        let (reply, answer) = oneshot::channel();
        // Without a batcher the reply is dropped, and the next line says so.
        let _ = self.0.send(Asked { key, reply });
        answer.await.expect("the batcher lives as long as the runtime, and answers every request")
    }
}

async fn make_batches(size: Size, mut requests: mpsc::UnboundedReceiver<Asked>) {
    let (mut asked, mut keys, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    while requests.recv_many(&mut asked, usize::MAX).await > 0 {
        keys.clear();
        keys.extend(asked.iter().map(|asked: &Asked| asked.key));
        answers.clear();
        round_trip(size);
        answer(&keys, &mut answers);
        for (asked, answer) in asked.drain(..).zip(&answers) {
            // Who does not wait any more needs no answer.
            let _ = asked.reply.send(*answer);
        }
    }
}

pub fn job(size: Size) -> Option<Job> {
    let runtime = on_tokio::runtime();
    let (sender, requests) = mpsc::unbounded_channel();
    runtime.spawn(make_batches(size, requests));
    on_tokio::job(size, runtime, Batcher(sender))
}
