//! TODO

/// Who asked; chosen by the asker.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Waiter(pub(crate) u64);

/// Names a flight that is on its way. Its place is used again; its number is not, in no later run
/// either, so that late news find nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct InFlightId {
    pub(super) index: u32,
    pub(super) number: u64,
}

/// Tells the run, from any thread, that there is post for a flight of a queue.
pub(crate) trait WakeRun: Send + Sync {
    fn ring(&self, queue: u32, flight: InFlightId);
}
