//! The crate `dataloader`, on tokio.
//!
//! Tuned: no cache, as keys do not come again, but in W13; no largest batch (200 unless told
//! otherwise); tasks yield twice instead of ten times before their batch leaves, which is the
//! fewest with which every batch here is whole. It keeps every key that was answered among those
//! that failed, which shows as memory in W2.
//!
//! It answers a batch as a whole, and hands out its keys in any order: not for W10 and W12.

use std::collections::HashMap;

use dataloader::{BatchFn, cached, non_cached};

use super::{Job, executor, on_tokio};
use crate::work::{Size, Workload, answer_by_key};

struct Next(Size);

impl BatchFn<u64, u64> for Next {
    async fn load(&mut self, keys: &[u64]) -> HashMap<u64, u64> {
        executor::round_trip(self.0).await;
        answer_by_key(keys)
    }
}

impl on_tokio::Batcher for non_cached::Loader<u64, u64, Next> {
    const DEDUPS: bool = true;

    async fn ask(&self, key: u64) -> u64 {
        self.load(key).await
    }
}

impl on_tokio::Batcher for cached::Loader<u64, u64, Next> {
    const DEDUPS: bool = true;

    async fn ask(&self, key: u64) -> u64 {
        self.load(key).await
    }

    async fn clear(&self) {
        self.clear_all().await;
    }
}

pub fn job(size: Size) -> Option<Job> {
    let runtime = on_tokio::runtime();
    match size.workload {
        Workload::W10 | Workload::W12 => None,
        Workload::W13 => {
            let loader = cached::Loader::new(Next(size)).with_max_batch_size(usize::MAX);
            on_tokio::job(size, runtime, loader.with_yield_count(2))
        }
        _ => {
            let loader = non_cached::Loader::new(Next(size)).with_max_batch_size(usize::MAX);
            on_tokio::job(size, runtime, loader.with_yield_count(2))
        }
    }
}
