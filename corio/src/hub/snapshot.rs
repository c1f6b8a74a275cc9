//! What is going on in a hub, at a moment.

use std::fmt;

use super::counts::Counts;

/// What is going on in a [`Hub`](crate::Hub); made by [`Hub::snapshot`](crate::Hub::snapshot). The
/// numbers are read one after the other while the hub goes on. It is shown as a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubSnapshot {
    dispatchers: Vec<DispatcherSnapshot>,
}

/// What is going on with one dispatcher of a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DispatcherSnapshot {
    /// The dispatcher.
    pub name: &'static str,
    /// Lanes: parts and groups of keys that are asked for, whose cache is kept,
    /// or whose batches count for a rate.
    pub lanes: usize,
    /// Requests that wait for a batch.
    pub queued: usize,
    /// Requests that have left with a batch and have no outcome yet, or pause before another try.
    pub aboard: usize,
    /// Batches in flight.
    pub in_flight: usize,
    /// Batches that have left so far.
    pub batches: u64,
    /// Requests that have left so far, equal keys counted one by one.
    pub requests: u64,
}

impl DispatcherSnapshot {
    pub(super) fn new(name: &'static str, counts: &Counts) -> Self {
        DispatcherSnapshot {
            name,
            lanes: counts.lanes(),
            queued: counts.queued(),
            aboard: counts.aboard(),
            in_flight: counts.in_flight(),
            batches: counts.batches(),
            requests: counts.requests(),
        }
    }
}

impl HubSnapshot {
    pub(super) fn new(dispatchers: Vec<DispatcherSnapshot>) -> Self {
        HubSnapshot { dispatchers }
    }

    /// The dispatchers that were asked so far, the one asked first first.
    pub fn dispatchers(&self) -> &[DispatcherSnapshot] {
        &self.dispatchers
    }

    /// What is going on with the dispatcher of this name.
    pub fn dispatcher(&self, name: &str) -> Option<&DispatcherSnapshot> {
        self.dispatchers.iter().find(|dispatcher| dispatcher.name == name)
    }

    /// Batches of all dispatchers that have left so far.
    pub fn batches(&self) -> u64 {
        self.dispatchers.iter().map(|dispatcher| dispatcher.batches).sum()
    }
}

impl fmt::Display for HubSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.dispatchers.iter().map(|of| of.name.len()).max().unwrap_or(0).max(10);
        let columns = ["queued", "aboard", "in flight", "batches", "requests", "a batch"];
        write!(f, "{:width$}", "dispatcher")?;
        columns.iter().try_for_each(|column| write!(f, " {column:>10}"))?;
        for of in &self.dispatchers {
            write!(
                f,
                "\n{:width$} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10.1}",
                of.name,
                of.queued,
                of.aboard,
                of.in_flight,
                of.batches,
                of.requests,
                of.requests as f64 / of.batches.max(1) as f64,
            )?;
        }
        Ok(())
    }
}
