//! Values whose every use is a call of the user's code: keys, answers, errors and locals.

use std::cell::Cell;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::calls::call;

thread_local! {
    static ALIVE: Cell<i64> = const { Cell::new(0) };
}

/// Some are leaked by rustc (a value that is returned while a local panics) and by std (the rest of
/// a collection, if dropping a key panics), for each panic.
pub(crate) const MOST_LEFT: i64 = 3;

pub(crate) fn begin() {
    ALIVE.set(0);
}

/// How many were made and not dropped.
pub(crate) fn alive() -> i64 {
    ALIVE.get()
}

/// Owns memory, and looks at it when it is dropped.
#[derive(Debug)]
pub(crate) struct Alive(&'static str, Box<u64>);

impl Alive {
    pub(crate) fn new(what: &'static str) -> Self {
        ALIVE.set(ALIVE.get() + 1);
        Alive(what, Box::new(7))
    }

    #[track_caller]
    pub(crate) fn check(&self) {
        assert_eq!(*self.1, 7, "{} is not there any more", self.0);
    }
}

impl Clone for Alive {
    fn clone(&self) -> Self {
        call(self.0);
        Alive::new(self.0)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.check();
        ALIVE.set(ALIVE.get() - 1);
        assert!(ALIVE.get() >= 0, "{} was dropped twice", self.0);
        call(self.0);
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Key(pub(crate) u64, #[expect(dead_code, reason = "dropped with the key")] Alive);

pub(crate) fn key(number: u64) -> Key {
    Key(number, Alive::new("a key"))
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        call("`eq` of a key");
        self.0 == other.0
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        call("`hash` of a key");
        self.0.hash(hasher);
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        call("`cmp` of a key");
        self.0.cmp(&other.0)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Answer(#[expect(dead_code, reason = "dropped with the answer")] Alive);

pub(crate) fn answer() -> Answer {
    Answer(Alive::new("an answer"))
}

#[derive(Clone, Debug)]
pub(crate) struct Failure(#[expect(dead_code, reason = "dropped with the failure")] Alive);

pub(crate) fn failure() -> Failure {
    Failure(Alive::new("a failure"))
}
