//! The context is looked up as every type.

struct Library;

#[corio::task(Libary)]
fn card() {}

fn main() {
    let _library = Library;
}
