//! Answering on a thread pool.

use std::convert::identity;

use super::payload::Payload;
use super::requests::{Requests, TakenKeys};
use super::slots::Batch;
use crate::dispatch::answers::Answers;
use crate::dispatch::keys::BlockingData;
use crate::dispatch::request::Request;

/// With the feature `blocking`: functions run on the thread pool of the crate `blocking`. A
/// function whose run is over may finish its work; its answers are discarded.
impl<R: Request> Requests<'_, '_, R> {
    /// Answers on a thread pool, from the keys by slice.
    ///
    /// ```
    /// # use corio::{Dispatch, Options, Request, Requests};
    /// # struct Size(String);
    /// # impl Request for Size {
    /// #     type Key = String;
    /// #     type Answer = Option<u64>;
    /// #     const OPTIONS: Options<String, Option<u64>> = Options::new().concurrent();
    /// #     fn into_key(self) -> String { self.0 }
    /// # }
    /// impl<S> Dispatch<S> for Size {
    ///     fn dispatch<'r>(_: &'r S, requests: Requests<'_, 'r, Self>) {
    ///         requests.answer_blocking(|paths| {
    ///             let len = |path: &String| Some(std::fs::metadata(path).ok()?.len());
    ///             paths.iter().map(len).collect::<Vec<_>>()
    ///         });
    ///     }
    /// }
    /// # assert!(corio::Schedule::new(()).run(Size("Cargo.toml".into())).unwrap().is_some());
    /// ```
    pub fn answer_blocking<A>(mut self, batch: impl FnOnce(&[R::Key]) -> A + Send + 'static)
    where
        R::Key: BlockingData,
        A: Answers<R::Key, Answer = R::Answer> + BlockingData + 'static,
    {
        let mut buf = self.take();
        let Payload { keys, mut answers } = Payload::<R>::of(&mut buf);
        let job = blocking::unblock(move || {
            let returned = batch(&keys);
            (keys, returned)
        });
        let answered = async move {
            let (keys, returned) = job.await;
            returned.put(&keys, keys.len(), &mut answers);
            Payload { keys, answers }
        };
        self.start(self.queue.begin(buf, self.part), answered, |queue, id, payload| {
            queue.complete_later(id, payload, &[])
        });
    }

    /// Answers on a thread pool, from the keys by value.
    pub fn answer_owned_blocking<A>(mut self, batch: impl FnOnce(Vec<R::Key>) -> A + Send + 'static)
    where
        R::Key: BlockingData,
        A: Answers<R::Key, Answer = R::Answer> + BlockingData + 'static,
    {
        let Some((mut buf, TakenKeys { keys, len, shown })) = self.take_owned::<A>() else {
            return;
        };
        let mut payload = Payload::<R>::of(&mut buf);
        let job = blocking::unblock(move || batch(keys));
        let answered = async move {
            job.await.put(&payload.keys, len, &mut payload.answers);
            (payload, shown)
        };
        self.start(self.queue.begin(buf, self.part), answered, |queue, id, (payload, shown)| {
            queue.complete_later(id, payload, &shown)
        });
    }

    /// Gives slots that own their keys to a function on a thread pool.
    pub fn batch_blocking(self, batch: impl FnOnce(Batch<R::Key, R::Answer>) + Send + 'static)
    where
        R::Key: BlockingData,
        R::Answer: BlockingData,
    {
        self.batch_blocking_with(identity, batch);
    }

    #[doc(hidden)]
    pub fn batch_blocking_with<A: BlockingData + 'static>(
        mut self,
        wrap: fn(A) -> R::Answer,
        batch: impl FnOnce(Batch<R::Key, A>) + Send + 'static,
    ) where
        R::Key: BlockingData,
    {
        let (id, slots) = self.begin_slots(wrap);
        self.queue.job_has_started(id);
        self.start(id, blocking::unblock(move || batch(slots)), |queue, id, ()| {
            queue.job_has_ended(id)
        });
    }
}
