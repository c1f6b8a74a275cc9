//! The crate `dataloader`, on tokio.
//!
//! Tuned: no cache, as keys do not come again; no largest batch (200 unless told otherwise); tasks yield twice instead of ten times before their batch leaves, which is the
//! fewest with which every batch here is whole. It keeps every key that was answered among those that failed, which shows as memory in W2.

use std::collections::HashMap;

use dataloader::BatchFn;
use dataloader::non_cached::Loader;

use super::{Job, on_tokio};
use crate::work::{Size, answer_by_key, round_trip};

struct Next(Size);

impl BatchFn<u64, u64> for Next {
    async fn load(&mut self, keys: &[u64]) -> HashMap<u64, u64> {
        round_trip(self.0);
        answer_by_key(keys)
    }
}

impl on_tokio::Batcher for Loader<u64, u64, Next> {
    const DEDUPS: bool = true;

    async fn ask(&self, key: u64) -> u64 {
        self.load(key).await
    }
}

pub fn job(size: Size) -> Option<Job> {
    let loader = Loader::new(Next(size)).with_max_batch_size(usize::MAX).with_yield_count(2);
    on_tokio::job(size, on_tokio::runtime(), loader)
}
