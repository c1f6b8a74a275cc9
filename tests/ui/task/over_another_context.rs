//! A task runs over its own context.

#[derive(corio::Context)]
struct Library {
    shelves: u32,
}

#[derive(corio::Context)]
struct Shop {
    prices: u32,
}

#[corio::task(Shop)]
fn buy() -> u32 {
    context!().prices
}

#[corio::task(Library)]
fn called() -> u32 {
    call!(buy())
}

#[corio::task(Library)]
fn spawned() {
    spawn!(buy());
}

#[corio::task(Library)]
fn joined() {
    join!(called(), buy());
}

#[corio::task(Library)]
fn all() {
    all!([buy(), buy()]);
}

#[corio::task]
fn from_any() -> u32 {
    call!(buy())
}

fn main() {
    let mut schedule = corio::Schedule::new(Library { shelves: 1 });
    let _ = schedule.run(buy());
    let _ = schedule.run_async(buy());
}
