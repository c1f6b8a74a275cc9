//! Schedules go through a hub.

use std::any::{Any, TypeId};
use std::sync::Arc;

use super::handle::Hub;
use crate::dispatch::Carriers;
use crate::schedule::Config;

impl Config {
    /// Lets a hub answer what runs ask of the dispatchers that it
    /// [shares](crate::Hub::share): what a run has asked when none of its tasks can run goes to
    /// the hub as one packet, gathers there with that of others, and leaves in one batch with it.
    /// Other dispatchers answer as before, over the context of the run.
    ///
    /// What belongs to the batch is then the hub's: `max_batch`, `max_in_flight`, `rate`,
    /// `group_by`, `ordered`, `timeout`, `retry` and a cache that outlives its run. What belongs
    /// to the run stays: dedup, the cache for the run, `faults = "error"`, `show_keys`. A function
    /// that is set by [`answer_with`](Config::answer_with) comes before the hub, so that tests need
    /// none.
    ///
    /// ```
    /// use corio::{Config, Hub};
    ///
    /// #[corio::dispatcher(shared)]
    /// async fn double(numbers: &[u64]) -> Vec<u64> {
    ///     numbers.iter().map(|n| n * 2).collect()
    /// }
    ///
    /// #[corio::task]
    /// fn sum(of: u64) -> u64 {
    ///     io_all!((0..of).map(double)).iter().sum()
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let hub = Hub::new((), |work| drop(tokio::spawn(work))).share(double);
    /// let config = Config::new().through(&hub);
    /// let (mut one, mut other) = (config.schedule(()), config.schedule(()));
    /// let (one, other) = tokio::join!(one.run_async(sum(10)), other.run_async(sum(20)));
    /// assert_eq!((one?, other?), (90, 380));
    /// assert_eq!(hub.snapshot().batches(), 1);
    /// # Ok::<(), corio::Error>(()) }).unwrap();
    /// ```
    pub fn through<H: Send + Sync + 'static>(self, hub: &Hub<H>) -> Self {
        let hub = hub.clone();
        self.dispatch(|dispatch| dispatch.carriers = Some(Arc::new(HubCarriers(hub))))
    }
}

/// The dispatchers that a hub shares.
struct HubCarriers<H: Send + Sync + 'static>(Hub<H>);

impl<H: Send + Sync + 'static> Carriers for HubCarriers<H> {
    fn find(&self, request: TypeId) -> Option<Box<dyn Any>> {
        let make = self.0.inner().settings.shared.get(&request)?;
        Some(make.carrier(self.0.inner()))
    }
}
