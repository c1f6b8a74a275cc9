//! TODO

/// How many batches of all dispatchers may be on the way.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) in_flight: usize,
    /// None leaves before all have come back.
    pub(crate) rounds: bool,
    /// For jitter; random unless given.
    pub(crate) seed: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { in_flight: 128, rounds: false, seed: None }
    }
}

/// More than so many are given back to the allocator.
pub(crate) const MOST_SPARES: usize = 1024;
