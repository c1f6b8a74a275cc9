//! A task holds an `Rc` while it waits: the error is on the line of `run_async`, and names the line
//! in the task.

use std::rc::Rc;

#[corio::dispatcher]
fn fetch(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::task]
fn page(id: u64) -> u64 {
    let held = Rc::new(id);
    let row = io!(fetch(id));
    row + *held
}

async fn handler() -> Result<u64, corio::Error> {
    corio::Schedule::new(()).run_async(page(1)).await
}

fn main() {
    drop(handler());
}
