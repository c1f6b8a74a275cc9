//! The first to end gives the result, and so all are of one type.

#[corio::task]
fn number() -> u32 {
    1
}

#[corio::task]
fn text() -> String {
    String::new()
}

#[corio::task]
fn program() {
    let _ = race!(number(), text());
}

fn main() {}
