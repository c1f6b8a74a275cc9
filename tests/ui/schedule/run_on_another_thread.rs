//! A run stays on its thread.

use std::thread;

#[corio::task]
fn program() {}

fn spawn_on_a_pool<F: Future + Send + 'static>(_: F) {}

fn main() {
    thread::spawn(|| corio::Schedule::new(()).run(program()));

    let mut schedule = corio::Schedule::new(());
    let run = schedule.run_async(program());
    thread::scope(|scope| {
        scope.spawn(move || drop(run));
    });

    spawn_on_a_pool(async {
        let mut schedule = corio::Schedule::new(());
        schedule.run_async(program()).await
    });
}
