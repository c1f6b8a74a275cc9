//! The attribute names a context.

struct Library;
struct Shop;

#[corio::task("Library")]
fn text() {}

#[corio::task(Library, Shop)]
fn two() {}

#[corio::task(context = Library)]
fn named() {}

fn main() {}
