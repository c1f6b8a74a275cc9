//! `Id`: identifies an entry of the tree by its index and the generation of that index.
//!
//! Both are packed into one word. Two `u32` stores followed by one `u64` load miss the store
//! forwarding of current processors, so the word is stored and loaded as a whole.

use std::fmt;

/// Identifies one entry for as long as the entry lives. An index is reused with the next
/// generation, so an id that outlives its entry matches nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id(u64);

impl Id {
    /// Sentinel for "no entry": never identifies an entry.
    pub(crate) const NONE: Id = Id(u64::MAX);
    /// Second sentinel: never identifies an entry. A set of children stores `NOBODY` once the set
    /// has finished.
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

    /// Returns the id as the opaque word by which `dispatch` knows a waiter.
    pub(crate) fn to_word(self) -> u64 {
        self.0
    }

    /// Returns the id that `to_word` has turned into `word`.
    pub(crate) fn from_word(word: u64) -> Self {
        Id(word)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index(), self.generation())
    }
}
