//! Counts the calls of the user's code, and panics at some.

use std::cell::{Cell, RefCell};
use std::panic::resume_unwind;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static TARGETS: Cell<Targets> = const { Cell::new(Targets::NONE) };
    static INJECTED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

/// At which calls to panic, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Targets(u64, u64);

impl Targets {
    pub(crate) const NONE: Targets = Targets(0, 0);

    pub(crate) fn one(first: u64) -> Self {
        Targets(first, 0)
    }

    pub(crate) fn two(first: u64, second: u64) -> Self {
        Targets(first, second)
    }

    pub(crate) fn first(self) -> u64 {
        self.0
    }
}

pub(crate) fn begin(targets: Targets) {
    CALLS.set(0);
    INJECTED.take();
    TARGETS.set(targets);
}

/// How many there were; none panics from here on.
pub(crate) fn end() -> u64 {
    TARGETS.set(Targets::NONE);
    CALLS.get()
}

/// Where it panicked.
pub(crate) fn injected() -> String {
    INJECTED.with_borrow(|injected| {
        if injected.is_empty() {
            "nothing".to_string()
        } else {
            format!("a panic in {}", injected.join(" and "))
        }
    })
}

/// The user's code is called.
pub(crate) fn call(what: &'static str) {
    let calls = CALLS.get() + 1;
    CALLS.set(calls);
    let Targets(first, second) = TARGETS.get();
    if (calls == first || calls == second) && !std::thread::panicking() {
        INJECTED.with_borrow_mut(|injected| injected.push(what));
        resume_unwind(Box::new("injected"));
    }
}
