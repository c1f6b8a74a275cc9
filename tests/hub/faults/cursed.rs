//! A key, or an answer, of the user's whose functions panic.

use std::hash::{Hash, Hasher};

use crate::faults::asking::PICKED;
use crate::faults::words::Told;

/// A key or an answer of which one function panics, if it has the picked number.
pub(crate) struct Cursed {
    pub(crate) number: u64,
    pub(crate) curse: Curse,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Curse {
    Hash,
    Eq,
    Clone,
    Drop,
}

impl Cursed {
    fn strikes(&self, curse: Curse) {
        let strikes = self.number == PICKED && self.curse == curse;
        assert!(!strikes || std::thread::panicking(), "cursed");
    }
}

impl Hash for Cursed {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.strikes(Curse::Hash);
        self.number.hash(hasher);
    }
}

impl PartialEq for Cursed {
    fn eq(&self, other: &Self) -> bool {
        // Others that it is compared with it meets by chance, in the same place of a table.
        let is_equal = self.number == other.number;
        if is_equal {
            self.strikes(Curse::Eq);
        }
        is_equal
    }
}

impl Eq for Cursed {}

impl Clone for Cursed {
    fn clone(&self) -> Self {
        self.strikes(Curse::Clone);
        Cursed { ..*self }
    }
}

impl Drop for Cursed {
    fn drop(&mut self) {
        self.strikes(Curse::Drop);
    }
}

impl Told for Cursed {
    fn told(self, asked: u64) -> String {
        self.number.told(asked)
    }
}
