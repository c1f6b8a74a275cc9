//! Handles stay on their thread.

#[corio::task]
fn number() -> u32 {
    1
}

#[corio::task]
fn program() {
    let handle = spawn!(number());
    std::thread::spawn(move || drop(handle));
}

fn main() {}
