//! Of `corio/src/runtime`: the inbox of a run, and what wakes it.

#[path = "../../../corio/src/runtime/inbox.rs"]
mod inbox;
#[path = "../../../corio/src/runtime/run_wake.rs"]
mod run_wake;

pub(crate) fn give_owed_nudges() {}

#[cfg(test)]
mod tests;
