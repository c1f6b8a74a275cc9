//! Children of `all!` borrow from here, and so does not outlive it what they give.

#[corio::task]
fn longest<'a>() -> &'a str {
    let text = String::from("Emma");
    let both = all!([task!({ text.as_str() })]);
    both[0]
}

fn main() {}
