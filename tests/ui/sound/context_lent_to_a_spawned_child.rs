//! A spawned child may outlive the frame of its parent, and so borrows nothing from it, the context included.

#[derive(corio::Context)]
struct App {
    name: String,
}

#[corio::task(App)]
fn program() {
    let name = &context!().name;
    spawn!(task!(move { name.len() }));
}

fn main() {}
