//! A task is made by calling its function.

#[corio::task]
fn title() -> u32 {
    1
}

#[corio::task]
fn program() {
    call!(title);
}

fn main() {
    let _ = corio::Schedule::new(()).run(program);
}
