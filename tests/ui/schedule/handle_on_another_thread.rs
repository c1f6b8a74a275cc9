//! Handles stay on their thread.

#[corio::task]
fn number() -> u32 {
    1
}

fn send(_: impl Send) {}

#[corio::task]
fn program() {
    send(spawn!(number()));
}

fn main() {}
