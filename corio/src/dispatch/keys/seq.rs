//! TODO

/// The number of a request in the order of asking. With dedup it says that the request stands for
/// all that ask for its key.
// Packed: beside the number of attempts it takes no more room in an entry than two words.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(Rust, packed(4))]
pub(crate) struct Seq {
    pub(crate) number: u64,
    /// With dedup, where its key is.
    pub(super) row: u32,
}

impl Seq {
    /// Where nobody joins.
    pub(crate) const fn numbered(number: u64) -> Self {
        Seq { number, row: 0 }
    }

    /// Whether the request has a number: they begin behind 0.
    pub(crate) fn is_some(self) -> bool {
        self.number > 0
    }
}
