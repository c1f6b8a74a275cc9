//! Children borrow from their parent, and what they give can't leave it.

#[corio::task]
fn trimmed(text: &str) -> &str {
    text.trim()
}

#[corio::task]
fn program() -> &'static str {
    let text = String::from(" Emma ");
    let both = all!([trimmed(&text), trimmed(&text)]);
    both[0]
}

fn main() {}
