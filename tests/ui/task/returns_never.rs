//! A task ends.

#[corio::task]
fn forever() -> ! {
    loop {
        wait!();
    }
}

fn main() {}
