//! The context is shared by what runs on several threads, and so has to be `Sync`.

use std::cell::Cell;

#[derive(corio::Context)]
struct Library {
    count: Cell<u64>,
}

#[corio::dispatcher]
fn fetch(count: &Cell<u64>, ids: &[u64]) -> Vec<u64> {
    count.set(count.get() + 1);
    ids.to_vec()
}

#[corio::task(Library)]
fn page(id: u64) -> u64 {
    io!(fetch(id))
}

fn main() {
    let mut schedule = corio::Schedule::new(Library { count: Cell::new(0) });
    drop(schedule.run_async(page(1)));
}
