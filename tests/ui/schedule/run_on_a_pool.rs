//! A future with a run in it stays on its thread.

#[corio::task]
fn program() {}

fn spawn_on_a_pool<F: Future + Send + 'static>(_: F) {}

fn main() {
    spawn_on_a_pool(async {
        let mut schedule = corio::Schedule::new(());
        schedule.run_async(program()).await
    });
}
