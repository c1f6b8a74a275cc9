//! `task!` is also the name of the attribute.

fn main() {
    let _task = corio::task!({ 1 });
}
