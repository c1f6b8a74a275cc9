//! The handler of a server is `Send` only if the run in it is.

use std::rc::Rc;

#[corio::dispatcher]
fn names(ids: &[u64]) -> Vec<Rc<str>> {
    ids.iter().map(|_| "Emma".into()).collect()
}

#[corio::task]
fn page(id: u64) -> usize {
    io!(names(id)).len()
}

fn spawn_on_a_pool<F: Future + Send + 'static>(_: F) {}

fn main() {
    spawn_on_a_pool(async {
        let mut schedule = corio::Schedule::new(());
        schedule.run_local(page(1)).await
    });
}
