//! The `DataLoader` of async-graphql, on tokio.
//!
//! Tuned: no delay (a millisecond unless told otherwise, which is right for servers and would be
//! all that is measured here) and no largest batch; no cache, which is the default and right where
//! keys do not come again, but in W13. Without the feature `tokio-timer`: tokio rounds even no
//! delay at all up to its next millisecond.
//!
//! It answers a batch as a whole, and hands out its keys in any order: not for W10 and W12.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::dataloader::{CacheFactory, DataLoader, HashMapCache, Loader, NoCache};

use super::{Job, executor, on_tokio};
use crate::work::{Size, Workload, answer_by_key};

struct Next(Size);

impl Loader<u64> for Next {
    type Value = u64;
    type Error = Infallible;

    async fn load(&self, keys: &[u64]) -> Result<HashMap<u64, u64>, Infallible> {
        executor::round_trip(self.0).await;
        Ok(answer_by_key(keys))
    }
}

impl<C: CacheFactory> on_tokio::Batcher for Arc<DataLoader<Next, C>> {
    const DEDUPS: bool = true;

    async fn ask(&self, key: u64) -> u64 {
        let Ok(answer) = self.load_one(key).await;
        answer.expect("every key has an answer")
    }

    async fn clear(&self) {
        DataLoader::clear::<u64>(self);
    }
}

pub fn job(size: Size) -> Option<Job> {
    match size.workload {
        Workload::W10 | Workload::W12 => None,
        Workload::W13 => with_cache(size, HashMapCache::default()),
        _ => with_cache(size, NoCache),
    }
}

fn with_cache(size: Size, cache: impl CacheFactory) -> Option<Job> {
    let loader = DataLoader::with_cache(Next(size), tokio::spawn, cache);
    let loader = loader.delay(Duration::ZERO).max_batch_size(usize::MAX);
    on_tokio::job(size, on_tokio::runtime(), Arc::new(loader))
}
