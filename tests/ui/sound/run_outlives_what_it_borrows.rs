//! A run borrows the schedule, and what its task borrows.

#[corio::task]
fn length(text: &str) -> usize {
    text.len()
}

fn main() {
    let mut schedule = corio::Schedule::new(());
    let _run = {
        let text = String::from("Emma");
        schedule.run_async(length(&text))
    };
}
