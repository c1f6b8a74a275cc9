//! How many bytes are in use at the peak of a run that begins with nothing.

use std::mem::size_of_val;

use corio::{Schedule, Task};
use expect_test::expect;
use futures_util::{join, stream};

use crate::double;
use support::executor::{Executor, yield_now};
use support::heap::peak_of;
use tokio::sync::mpsc;

/// Just below a power of two, up to which lists grow: what they have more than they need is nothing
/// here, and up to as much again elsewhere.
const TASKS: u64 = (1 << 19) - 8;

#[corio::task]
fn nothing(_key: u64) {}

#[corio::task]
fn asks(key: u64) {
    io!(double(key));
}

#[corio::task]
fn asks_for_sum(one: u64, other: u64) {
    io!(double(one + other));
}

#[corio::task]
fn asks_for_sums(one: u64, other: u64, third: u64) {
    io!(double(one + other));
    io!(double(third));
}

fn peak_of_run(task: impl Task<()>) -> usize {
    let (result, bytes) = peak_of(|| Schedule::new(()).run(task));
    result.unwrap();
    bytes
}

/// Of tasks that all live at the same time.
macro_rules! spawned {
    ($($what:literal => $task:expr;)*) => {{
        let mut table = String::from("\nbody  all  rest  of a task that\n");
        $({
            #[corio::task]
            fn program() {
                for key in 0..TASKS {
                    let task: fn(u64) -> _ = $task;
                    spawn!(task(key));
                }
            }

            let task: fn(u64) -> _ = $task;
            let body = size_of_val(&task(0));
            let all = peak_of_run(program()) / TASKS as usize;
            table.push_str(&format!("{body:>4}{all:>5}{:>6}  {}\n", all - body, $what));
        })*
        table
    }};
}

/// A task takes 40 bytes in the tree, 8 in the queue of those that are ready, and a block of its
/// body and 24 more. A request takes 8 for who waits, and its key and its answer, here of 8 each;
/// asked by a task that was just answered, the same again, since the answers of a batch are given
/// out while the next one gathers.
#[test]
fn a_task_takes_what_its_body_holds_and_little_more() {
    let table = spawned! {
        "ends at once" => |key| nothing(key);
        "asks" => |key| asks(key);
        "asks, and holds 8 bytes more" => |key| asks_for_sum(key, key);
        "asks twice, and holds 16 bytes more" => |key| asks_for_sums(key, key, key);
    };
    expect![[r#"

        body  all  rest  of a task that
          16   88    72  ends at once
          16  112    96  asks
          24  120    96  asks, and holds 8 bytes more
          32  152   120  asks twice, and holds 16 bytes more
    "#]]
    .assert_eq(&table);
}

#[test]
fn a_million_children_within_ten_take_the_memory_of_a_few() {
    /// Gives nothing, so that a million results take no room.
    #[corio::task]
    fn window(children: u64) {
        assert_eq!(all!(limit = 10, (0..children).map(asks)).len() as u64, children);
    }

    let bytes = peak_of_run(window(1_000_000));
    // A byte for each that tells that it has ended.
    let results = 1_000_000;
    assert!(bytes < results + 20_000, "{bytes} bytes");
}

/// Ten million in a release build: `.ci/full` tests one.
#[test]
fn any_number_of_items_of_an_iterator_or_a_stream_goes_through_the_memory_of_a_few() {
    const ITEMS: u64 = if cfg!(debug_assertions) { 300_000 } else { 10_000_000 };

    #[corio::task]
    fn of_iterator() {
        for_each!(limit = 32, 0..ITEMS, asks);
    }

    #[corio::task]
    fn of_stream() {
        for_each!(limit = 32, stream::iter(0..ITEMS), asks);
    }

    let bytes = (peak_of_run(of_iterator()), peak_of_run(of_stream()));
    assert!(bytes.0.max(bytes.1) < 20_000, "{bytes:?} bytes");
}

/// Results that are passed on one by one, to somebody who takes them more slowly than they come.
#[test]
fn a_stream_of_results_takes_the_memory_of_a_few() {
    const ITEMS: u64 = if cfg!(debug_assertions) { 100_000 } else { 10_000_000 };

    #[corio::task]
    fn sends(results: mpsc::Sender<u64>) {
        let results = &results;
        for_each!(limit = 32, 0..ITEMS, |key| task!(move {
            let double = io!(double(key));
            wait!(results.send(double)).unwrap();
        }));
    }

    let ((sum, ran), bytes) = peak_of(|| {
        let (sender, mut results) = mpsc::channel(16);
        let takes = async {
            let mut sum = 0;
            while let Some(result) = results.recv().await {
                sum += result;
                yield_now().await;
            }
            sum
        };
        let mut schedule = Schedule::new(());
        Executor::new().block_on(async { join!(takes, schedule.run_async(sends(sender))) })
    });
    assert_eq!((sum, ran), (ITEMS * (ITEMS - 1), Ok(())));
    assert!(bytes < 30_000, "{bytes} bytes");
}
