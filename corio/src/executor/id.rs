//! The name of an entry in the tree: its index and the generation of that index, in one word.
//!
//! Two `u32` stores followed by one `u64` load miss the store forwarding of current processors, so
//! the word is kept whole.

use std::fmt;

/// Names one entry for as long as it lives. An index is used again, with the next generation: an id
/// that outlives its entry matches nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id(u64);

impl Id {
    /// No entry ever has this id.
    pub(crate) const NONE: Id = Id(u64::MAX);
    /// Nor this.
    pub(crate) const NOBODY: Id = Id(u64::MAX - 1);

    pub(super) fn new(index: u32, generation: u32) -> Self {
        Id(u64::from(generation) << 32 | u64::from(index))
    }

    pub(crate) fn index(self) -> u32 {
        self.0 as u32
    }

    pub(super) fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The id as the opaque word by which the desk knows who asked.
    pub(crate) fn to_word(self) -> u64 {
        self.0
    }

    pub(crate) fn from_word(word: u64) -> Self {
        Id(word)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index(), self.generation())
    }
}
