//! A nested function is no part of the task.

#[corio::dispatcher]
fn fetch_book(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::task]
fn shelf() -> String {
    struct Shelf;

    impl Shelf {
        fn second() -> String {
            io!(fetch_book(2))
        }
    }

    fn first() -> String {
        io!(fetch_book(1))
    }

    first() + &Shelf::second()
}

fn main() {}
