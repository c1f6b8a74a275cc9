//! The `DataLoader` of async-graphql, on tokio.
//!
//! Tuned: no delay (a millisecond unless told otherwise, which is right for servers and would be all that is measured here) and no largest batch; no cache, which is the
//! default and right where keys do not come again. Without the feature `tokio-timer`: tokio rounds even no delay at all up to its next millisecond.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::dataloader::{DataLoader, Loader};

use super::{Job, on_tokio};
use crate::work::{Size, answer_by_key, round_trip};

struct Next(Size);

impl Loader<u64> for Next {
    type Value = u64;
    type Error = Infallible;

    async fn load(&self, keys: &[u64]) -> Result<HashMap<u64, u64>, Infallible> {
        round_trip(self.0);
        Ok(answer_by_key(keys))
    }
}

impl on_tokio::Batcher for Arc<DataLoader<Next>> {
    const DEDUPS: bool = true;

    async fn ask(&self, key: u64) -> u64 {
        let Ok(answer) = self.load_one(key).await;
        answer.expect("every key has an answer")
    }
}

pub fn job(size: Size) -> Option<Job> {
    let loader = DataLoader::new(Next(size), tokio::spawn).delay(Duration::ZERO).max_batch_size(usize::MAX);
    on_tokio::job(size, on_tokio::runtime(), Arc::new(loader))
}
