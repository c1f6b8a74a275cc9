//! Whoever held the future of a task could forget it half-way, with children that borrow from it.

#[corio::task]
fn number() -> u64 {
    1
}

fn main() {
    let corio::AnyTask { future: _ } = number();
}
