//! What corio allocates. Once a schedule is warm: nothing per request, per spawned task, per call
//! and per lock; at most twice per set of children, which are the children and the results. What
//! takes more is in these tables as well, with the reason.
//!
//! Each table has a test (`count` says how it is made). The number in front is of each, whatever
//! came before it: what a run as such takes is in `runs`.

mod count;
mod dispatchers;
mod memory;
mod runs;
mod sets;
mod sync;
mod tasks;
mod without_macros;

/// Fills the vector that it is given: no allocation of its own.
#[corio::dispatcher]
fn double(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend(keys.iter().map(|key| key * 2));
}

#[corio::dispatcher]
fn triple(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend(keys.iter().map(|key| key * 3));
}

#[corio::task]
fn ask(key: u64) -> u64 {
    io!(double(key))
}

/// Fails if it is told to.
#[corio::task]
fn fallible(key: u64, fails: bool) -> Result<u64, u64> {
    let twice = io!(double(key));
    if fails { Err(twice) } else { Ok(twice) }
}
