//! `call!` runs tasks.

fn plain() -> u32 {
    1
}

async fn future() -> u32 {
    1
}

#[corio::task]
fn value() {
    call!(plain());
}

#[corio::task]
fn foreign_future() {
    call!(future());
}

#[corio::task]
fn async_block() {
    call!(async { 1 });
}

#[corio::task]
fn spawned() {
    spawn!(plain());
}

#[corio::task]
fn joined() {
    join!(plain(), future());
}

#[corio::task]
fn all() {
    all!([1, 2]);
}

#[corio::task]
fn closure() {
    spawn!(|| 1);
}

fn main() {
    let _ = corio::Schedule::new(()).run(plain());
    let _ = corio::Schedule::new(()).run(async { 1 });
}
