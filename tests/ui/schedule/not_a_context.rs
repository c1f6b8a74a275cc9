//! A schedule is made from a context.

struct Library;

fn main() {
    let _ = corio::Schedule::new(Library);
    let _ = corio::Schedule::new(1);
}
