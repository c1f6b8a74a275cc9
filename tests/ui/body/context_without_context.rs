//! A task that runs over any context does not know it.

#[corio::task]
fn shelf() {
    let _library = context!();
}

fn main() {}
