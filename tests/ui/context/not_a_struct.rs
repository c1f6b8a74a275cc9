//! A context is a struct.

#[derive(corio::Context)]
enum Library {
    Open,
    Closed,
}

#[derive(corio::Context)]
union Shop {
    open: u8,
    closed: u16,
}

fn main() {
    let _ = corio::Schedule::new(Library::Open);
    let _ = Library::Closed;
}
