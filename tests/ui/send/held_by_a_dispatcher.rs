//! The future of an `async fn` dispatcher holds an `Rc`: who asks it is told the line.

use std::rc::Rc;

#[corio::dispatcher]
async fn fetch(ids: &[u64]) -> Vec<u64> {
    let held = Rc::new(1);
    std::future::ready(()).await;
    ids.iter().map(|id| id + *held).collect()
}

#[corio::task]
fn page(id: u64) -> u64 {
    io!(fetch(id))
}

fn main() {
    drop(corio::Schedule::new(()).run_async(page(1)));
}
