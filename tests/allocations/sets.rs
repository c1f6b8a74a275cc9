//! Sets of children.

use corio::Schedule;
use expect_test::expect;

use crate::count::table;
use crate::{ask, double, fallible};
use support::heap::allocations_of;

#[corio::task]
fn tree(depth: u32) -> u64 {
    let own = io!(double(1));
    if depth == 0 {
        return own;
    }
    own + all!((0..10).map(|_| tree(depth - 1))).iter().sum::<u64>()
}

#[test]
fn tuples() {
    let table = table! {
        "join!(a, b, c)" => { join!(ask(1), double(2), ask(3)); }
        "try_join!(a, b)" => { try_join!(fallible(1, false), fallible(2, false)).unwrap(); }
        "try_join!(a, b) that fails" => { try_join!(fallible(1, true), fallible(2, false)).unwrap_err(); }
        "race!(a, b)" => { race!(ask(1), double(2)); }
        "race!(a, b) whose loser has asked twice" => { race!(ask(1), task! { io!(double(1)); io!(double(2)) }); }
    };
    expect![[r#"

        takes
            0  join!(a, b, c)
            0  try_join!(a, b)
            0  try_join!(a, b) that fails
            0  race!(a, b)
            0  race!(a, b) whose loser has asked twice
    "#]]
    .assert_eq(&table);
}

#[test]
fn many() {
    let table = table! {
        "all! of none" => { all!((0..0).map(ask)); }
        "all! of one: the results" => { all!((0..1).map(ask)); }
        "all! of 100: the results" => { all!((0..100).map(ask)); }
        "all! of an iterator that does not say how many come: the results" => { all!((0..100).filter(|key| key % 2 == 0).map(ask)); }
        "all! in a tree, 111 times: the results of each" => { call!(tree(3)); }
        "try_all! of 100: the results" => { try_all!((0..100).map(|key| fallible(key, false))).unwrap(); }
        "try_all! of 100 that fails" => { try_all!((0..100).map(|key| fallible(key, key == 50))).unwrap_err(); }
        "all!(limit = 1) of one: the results" => { all!(limit = 1, (0..1).map(ask)); }
        "all!(limit = 10) of 100: the results" => { all!(limit = 10, (0..100).map(ask)); }
        "all!(limit = 1000) of 100: the results" => { all!(limit = 1000, (0..100).map(ask)); }
        "try_all!(limit = 10) of 100: the results" => { try_all!(limit = 10, (0..100).map(|key| fallible(key, false))).unwrap(); }
        "try_all!(limit = 10) of 100 that fails: the results" => {
            try_all!(limit = 10, (0..100).map(|key| fallible(key, key == 50))).unwrap_err();
        }
    };
    expect![[r#"

        takes
            0  all! of none
            1  all! of one: the results
            1  all! of 100: the results
            1  all! of an iterator that does not say how many come: the results
          111  all! in a tree, 111 times: the results of each
            1  try_all! of 100: the results
            0  try_all! of 100 that fails
            1  all!(limit = 1) of one: the results
            1  all!(limit = 10) of 100: the results
            1  all!(limit = 1000) of 100: the results
            1  try_all!(limit = 10) of 100: the results
            1  try_all!(limit = 10) of 100 that fails: the results
    "#]]
    .assert_eq(&table);
}

#[test]
fn two_for_a_set_that_is_larger_than_what_the_pool_keeps() {
    #[corio::task]
    fn program(children: u64) {
        all!((0..children).map(ask));
    }

    let mut schedule = Schedule::new(());
    let mut run = |children| allocations_of(|| schedule.run(program(children)).unwrap()).1;
    run(50_000);
    let none = run(0);
    assert_eq!(run(50_000) - none, 2, "the children, the results");
}
