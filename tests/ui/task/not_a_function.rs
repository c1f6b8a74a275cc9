//! A task is a function.

#[corio::task]
struct Card;

#[corio::task]
pub mod cards {}

fn main() {
    let _card = Card;
}
