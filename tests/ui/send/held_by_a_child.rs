//! What a child holds counts, however it was started.

use std::cell::Cell;
use std::rc::Rc;

#[corio::dispatcher]
fn fetch(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::task]
fn child(id: u64) -> u64 {
    let held = Rc::new(id);
    io!(fetch(id)) + *held
}

#[corio::task]
fn spawns() {
    spawn!(child(1));
}

#[corio::task]
fn adds(id: u64, total: &Cell<u64>) {
    total.set(total.get() + io!(fetch(id)));
}

#[corio::task]
fn shares_a_cell() -> u64 {
    let total = Cell::new(0);
    all!((1..=3).map(|id| adds(id, &total)));
    total.get()
}

fn main() {
    let mut schedule = corio::Schedule::new(());
    drop(schedule.run_async(spawns()));
    drop(schedule.run_async(shares_a_cell()));
}
