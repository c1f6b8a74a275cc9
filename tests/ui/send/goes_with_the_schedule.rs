//! What stays with a schedule goes with it to another thread: observers, what is cached from run to
//! run, partitions, groups.

use std::cell::Cell;
use std::rc::Rc;

struct Tenant(Rc<str>);

#[corio::dispatcher(cache = "schedule", by = |tenant: &Tenant| tenant.0.clone())]
fn names(ids: &[u64]) -> Vec<String> {
    ids.iter().map(|_| "Emma".into()).collect()
}

#[corio::dispatcher(cache = "schedule", by = || ())]
fn shared_names(ids: &[u64]) -> Vec<Rc<str>> {
    ids.iter().map(|_| "Emma".into()).collect()
}

fn main() {
    let count = Rc::new(Cell::new(0));
    let observer = move |_: &corio::Event<'_>| count.set(count.get() + 1);
    drop(corio::Schedule::new(()).observe(observer));
}
