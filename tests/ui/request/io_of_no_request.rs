//! `io!` asks for requests.

#[corio::dispatcher]
fn fetch_book(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::task]
fn title(id: u64) -> String {
    io!(fetch_book(id))
}

#[corio::task]
fn number() {
    io!(7);
}

#[corio::task]
fn task() {
    io!(title(1));
}

#[corio::task]
fn one_of_several() {
    io!(fetch_book(1), title(1));
}

#[corio::task]
fn many_tasks() {
    io_all!([1, 2].map(title));
}

#[corio::task]
fn future() {
    io!(std::future::ready(1));
}

#[corio::task]
fn iterator() {
    io!([1, 2].iter().map(|id| fetch_book(*id)));
}

fn main() {}
