//! Each macro says what it takes.

#[corio::dispatcher]
fn fetch_book(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::task]
fn title(id: u64) -> String {
    io!(fetch_book(id))
}

#[corio::task(())]
fn shelf() {
    io!();
    io_all!(fetch_book(1), fetch_book(2));
    call!();
    call!(title(1), title(2));
    spawn!();
    spawn!(title(1), title(2));
    wait!(title(1), title(2));
    join!();
    try_join!();
    race!();
    timeout!();
    timeout!(std::time::Duration::from_secs(1));
    timeout!(std::time::Duration::from_secs(1), title(1), title(2));
    all!();
    all!(title(1), title(2));
    try_all!(title(1), title(2));
    context!(1);
}

#[corio::task]
fn too_many(f: fn(u64) -> fetch_book) {
    io!(f(1), f(2), f(3), f(4), f(5), f(6), f(7), f(8), f(9));
    join!(f(1), f(2), f(3), f(4), f(5), f(6), f(7), f(8), f(9));
    race!(f(1), f(2), f(3), f(4), f(5), f(6), f(7), f(8), f(9));
}

fn main() {}
