//! The number of a request in the order of asking.

/// The number of a request in the order of asking. With dedup, a seq is also the generational id of
/// a pending key: the request leads all requests for that key.
// Packed to 12 bytes: together with the number of attempts, a seq takes two words in a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(Rust, packed(4))]
pub(crate) struct Seq {
    /// From 1 on; 0 for no number. Numbers are not reused within a queue.
    pub(crate) number: u64,
    /// With dedup, the row of the key in `PendingKeys`; otherwise 0.
    pub(super) row: u32,
}

impl Seq {
    /// A seq without a pending key.
    pub(crate) const fn numbered(number: u64) -> Self {
        Seq { number, row: 0 }
    }

    /// Whether the request has a number.
    pub(crate) fn is_some(self) -> bool {
        self.number > 0
    }
}
