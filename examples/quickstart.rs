//! The program of the README: ten tasks ask four things each, one at a time; the store is called
//! four times.

// One call answers a whole batch. Afterwards `store(x)` is a request: it reads like the scalar
// function it stands for.
#[corio::dispatcher]
fn store(requests: &[String]) -> Vec<usize> {
    println!("{} IO requests batched", requests.len());
    (0..requests.len()).collect()
}

#[corio::task]
fn crud(i: usize) {
    io!(store(format!("create {i}")));
    io!(store(format!("read {i}")));
    io!(store(format!("update {i}")));
    io!(store(format!("delete {i}")));
}

#[corio::task]
fn program() {
    for i in 0..10 {
        spawn!(crud(i));
    }
}

fn main() -> Result<(), corio::Error> {
    corio::Schedule::new(()).run(program())
}
