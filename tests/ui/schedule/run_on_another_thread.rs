//! A run stays on its thread, and a schedule with it.

#[corio::task]
fn program() {}

fn send(_: impl Send) {}

fn main() {
    let mut schedule = corio::Schedule::new(());
    send(schedule.run_async(program()));
    send(schedule);
}
