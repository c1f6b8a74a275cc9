//! A spawned task may outlive what is borrowed here; children of `join!` and `all!` do not.

#[corio::task]
fn length(text: &str) -> usize {
    text.len()
}

#[corio::task]
fn program() {
    let text = String::from("Emma");
    spawn!(length(&text));
}

fn main() {}
