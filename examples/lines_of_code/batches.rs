//! How many batches each dispatcher got, from what the schedule tells its observer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use corio::{Event, Observer};

/// Grows while the schedule runs. Clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batches(Arc<Mutex<BTreeMap<&'static str, Batch>>>);

/// The batches of one dispatcher.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Batch {
    pub(crate) batches: usize,
    pub(crate) requests: usize,
    pub(crate) largest: usize,
    on_their_way: usize,
    pub(crate) most_at_once: usize,
}

impl Batches {
    pub(crate) fn observer(&self) -> impl Observer + Send + use<> {
        let batches = self.clone();
        move |event: &Event<'_>| match event {
            Event::BatchSent { dispatcher, len, .. } => {
                let mut all = batches.all();
                let batch = all.entry(dispatcher).or_default();
                batch.batches += 1;
                batch.requests += len;
                batch.largest = batch.largest.max(*len);
                batch.on_their_way += 1;
                batch.most_at_once = batch.most_at_once.max(batch.on_their_way);
            }
            Event::BatchAnswered { dispatcher, .. } => {
                batches.all().entry(dispatcher).or_default().on_their_way -= 1
            }
            _ => {}
        }
    }

    /// By dispatcher.
    pub(crate) fn counted(&self) -> BTreeMap<&'static str, Batch> {
        self.all().clone()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<&'static str, Batch>> {
        self.0.lock().expect("nothing panics while it is locked")
    }
}
