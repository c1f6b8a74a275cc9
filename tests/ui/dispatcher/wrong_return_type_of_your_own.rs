//! What an alias or a type of your own is, only the compiler knows.

struct Page;

#[corio::dispatcher]
fn fetch_page(_ids: &[u64]) -> Page {
    Page
}

#[corio::task]
fn program() {
    let _page = io!(fetch_page(1));
}

fn main() {}
