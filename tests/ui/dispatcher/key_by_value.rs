//! Keys come as a slice.

#[corio::dispatcher]
fn fetch_book(id: u64) -> String {
    id.to_string()
}

#[corio::task]
fn title() -> String {
    io!(fetch_book(1))
}

fn main() {}
