//! An `impl Task` hides whether it is `Send`; an `impl SendTask` says so.

#[corio::task]
fn page(id: u64) -> u64 {
    id
}

fn hidden() -> impl corio::Task<(), Output = u64> {
    page(1)
}

fn told() -> impl corio::SendTask<(), Output = u64> {
    page(1)
}

fn main() {
    let mut schedule = corio::Schedule::new(());
    drop(schedule.run_async(told()));
    drop(schedule.run_async(hidden()));
}
