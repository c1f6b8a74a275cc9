//! Limits that all dispatchers of a schedule share.

/// What limits the batches of all dispatchers together.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Maximum number of batches in flight; the parts of a split batch count as one.
    pub(crate) in_flight: usize,
    /// Whether a barrier holds each round back until every batch of the previous round is back.
    pub(crate) barrier: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { in_flight: 128, barrier: false }
    }
}

/// Maximum number of spare buffers that a pool retains; further buffers are freed.
pub(super) const MAX_SPARES: usize = 1024;
