//! The context is borrowed for no longer than the task.

#[derive(corio::Context)]
struct Library {
    shelves: u32,
}

#[corio::task(Library)]
fn program() -> &'static Library {
    context!()
}

fn main() {}
