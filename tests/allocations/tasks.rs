//! Requests, and tasks one by one.

use std::time::Duration;

use corio::sync::WaitGroup;
use corio::{JoinHandle, boxed};
use expect_test::expect;

use crate::count::table;
use crate::{ask, double, triple};

#[corio::task]
fn asks_four_times(key: u64) {
    for _ in 0..4 {
        io!(double(key));
    }
}

#[corio::task]
fn spawns_and_waits(key: u64) -> u64 {
    spawn!(ask(key));
    wait!();
    call!(ask(key))
}

#[corio::task]
fn recursive(depth: u32) -> u64 {
    if depth == 0 { io!(double(1)) } else { call!(recursive(depth - 1)) }
}

#[corio::task]
fn awaits(handle: JoinHandle<u64>) -> u64 {
    call!(handle)
}

#[corio::task]
fn waits(group: &WaitGroup) {
    call!(group.wait());
}

/// Nobody will ever say that it is done.
fn busy() -> WaitGroup {
    let group = WaitGroup::new();
    group.add(1);
    group
}

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn the_counter_counts() {
    let table = table! {
        "a box" => { drop(std::hint::black_box(Box::new(io!(double(1))))); }
        "a list of two boxes" => { drop(std::hint::black_box(vec![Box::new(1), Box::new(io!(double(1)))])); }
    };
    expect![[r#"

        takes
            1  a box
            3  a list of two boxes
    "#]]
    .assert_eq(&table);
}

#[test]
fn requests() {
    let table = table! {
        "io!(r)" => { io!(double(1)); }
        "io!(r); io!(r of another dispatcher)" => { io!(double(1)); io!(triple(1)); }
        "io!(a, b)" => { io!(double(1), triple(2)); }
        "io!(a, b, c, d, e, f, g, h)" => { io!(double(1), double(2), double(3), double(4), double(5), triple(6), triple(7), triple(8)); }
        "io_all! of none" => { io_all!((0..0).map(double)); }
        "io_all! of one: the answers" => { io_all!((0..1).map(double)); }
        "io_all! of 100: the answers" => { io_all!((0..100).map(double)); }
        "io_all! of an iterator that does not say how many come: the answers" => { io_all!((0..100).filter(|key| key % 2 == 0).map(double)); }
        "io!(corio::future(f)): a batch of an async dispatcher for each" => { io!(corio::future(std::future::ready(1))); }
    };
    expect![[r#"

        takes
            0  io!(r)
            0  io!(r); io!(r of another dispatcher)
            0  io!(a, b)
            0  io!(a, b, c, d, e, f, g, h)
            0  io_all! of none
            1  io_all! of one: the answers
            1  io_all! of 100: the answers
            1  io_all! of an iterator that does not say how many come: the answers
            3  io!(corio::future(f)): a batch of an async dispatcher for each
    "#]]
    .assert_eq(&table);
}

#[test]
fn tasks() {
    let table = table! {
        "call!(task)" => { call!(ask(1)); }
        "call!(request)" => { call!(double(1)); }
        "call!(task that spawns)" => { call!(spawns_and_waits(1)); }
        "call!(boxed(task)): the box" => { call!(boxed(ask(1))); }
        "call!(itself), ten times: the box of each" => { call!(recursive(10)); }
        "task! { … }" => { call!(task! { io!(double(1)) }); }
        "spawn!(task)" => { spawn!(asks_four_times(1)); }
        "spawn!(request)" => { spawn!(double(1)); }
        "spawn!(task); wait!()" => { spawn!(ask(1)); wait!(); }
        "call!(spawn!(task))" => { call!(spawn!(ask(1))); }
        "call!(handle) of a task that has ended" => { let handle = spawn!(ask(1)); wait!(); call!(handle); }
        "call!(handle) by another task" => { let handle = spawn!(ask(1)); spawn!(awaits(handle)); wait!(); }
        "context!()" => { let () = context!(); }
        "timeout!(d, task)" => { timeout!(LONG, ask(1)).unwrap(); }
        "timeout!(d, request)" => { timeout!(LONG, double(1)).unwrap(); }
        "timeout!(d, task) that takes longer", group: WaitGroup = busy() => { timeout!(Duration::ZERO, waits(&group)).unwrap_err(); }
    };
    expect![[r#"

        takes
            0  call!(task)
            0  call!(request)
            0  call!(task that spawns)
            1  call!(boxed(task)): the box
           10  call!(itself), ten times: the box of each
            0  task! { … }
            0  spawn!(task)
            0  spawn!(request)
            0  spawn!(task); wait!()
            0  call!(spawn!(task))
            0  call!(handle) of a task that has ended
            0  call!(handle) by another task
            0  context!()
            0  timeout!(d, task)
            0  timeout!(d, request)
            0  timeout!(d, task) that takes longer
    "#]]
    .assert_eq(&table);
}
