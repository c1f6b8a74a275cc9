//! Identifiers of waiters and batches in flight, and the seam through which other threads wake the
//! run.

/// Opaque token of the asker of a request: chosen by the asker, returned with the answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Waiter(pub(crate) u64);

/// Generational id of a batch in flight.
///
/// `index` is reused; `number`, the generation, is not, in no later run either, so that a late
/// notification never reaches another batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct InFlightId {
    pub(crate) index: u32,
    pub(crate) number: u64,
}

/// Wakes the run, from any thread, because the mailbox of a batch in flight is no longer empty.
pub(crate) trait WakeRun: Send + Sync {
    /// Tells the run to call [`Dispatchers::collect`](super::Dispatchers::collect) with these
    /// arguments.
    fn ring(&self, queue: u32, flight: InFlightId);
}
