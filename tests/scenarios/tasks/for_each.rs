//! `for_each!(limit = n, source, task)`: a task for each item of an iterator or a stream, of which
//! nothing is kept.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::task::{Context, Poll};

use corio::sync::{Mutex, Notify};
use corio::testing::VirtualClock;
use corio::{Error, Log, Schedule};
use expect_test::expect;
use futures_util::Stream;
use futures_util::stream::{self, StreamExt};
use support::timeline::Timeline;
use support::{double, ends, healthy, run};
use tokio::sync::mpsc;

#[corio::task]
fn asks(n: u64) {
    io!(double(n));
    if n % 2 == 1 {
        io!(double(n * 10));
    }
}

#[test]
fn so_many_children_are_there_at_a_time_and_the_next_item_is_taken_when_its_child_can_start() {
    #[corio::task]
    fn program(taken: &RefCell<Vec<u64>>) {
        let items = (0..6).inspect(|n| taken.borrow_mut().push(*n));
        for_each!(limit = 3, items, asks);
    }

    let (log, taken) = (Log::new(), RefCell::default());
    let told = RefCell::new(Vec::new());
    Schedule::new(()).observe(log.observer()).run(program(&taken)).unwrap();
    told.borrow_mut().push(log.take());
    expect![[r#"
        round 1: double[0, 1, 2]
        round 2: double[10, 3, 4]
        round 3: double[30, 5]
        round 4: double[50]
    "#]]
    .assert_eq(&told.borrow()[0]);
    assert_eq!(taken.take(), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn whatever_becomes_an_iterator_is_a_source_and_may_be_borrowed() {
    #[corio::task]
    fn program(rows: Vec<String>) -> usize {
        let (length, rows) = (&Cell::new(0), &rows);
        for_each!(limit = 2, rows, |row| task!(move {
            io!(double(1));
            length.set(length.get() + row.len());
        }));
        for_each!(limit = 2, [1, 2], asks);
        for_each!(limit = 2, Some(1), asks);
        for_each!(limit = 1, std::iter::empty(), asks);
        length.get()
    }

    assert_eq!(run(program(vec!["one".to_owned(), "two".to_owned(), "three".to_owned()])), 11);
}

#[test]
fn a_stream_is_waited_for_while_children_run() {
    #[corio::dispatcher(show_keys)]
    async fn slow(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
        timeline.sleep(10).await;
        keys.to_vec()
    }

    #[corio::task(Timeline)]
    fn child(n: u64) {
        let timeline = context!();
        io!(slow(n));
        timeline.note(format_args!("{n} ended"));
    }

    #[corio::task(Timeline)]
    fn program() {
        let timeline = context!();
        let ticks = stream::iter(1..=5).then(|n| async move {
            timeline.sleep(4).await;
            timeline.note(format_args!("{n} came"));
            n
        });
        for_each!(limit = 2, ticks, child);
        timeline.note("over");
    }

    let timeline = Timeline::default();
    timeline.schedule().run(program()).unwrap();
    expect![[r#"
        4ms: 1 came
        4ms: slow[1]
        8ms: 2 came
        14ms: 1 ended
        14ms: slow[2]
        18ms: 3 came
        24ms: 2 ended
        24ms: slow[3]
        28ms: 4 came
        34ms: 3 ended
        34ms: slow[4]
        38ms: 5 came
        44ms: 4 ended
        44ms: slow[5]
        54ms: 5 ended
        54ms: over
    "#]]
    .assert_eq(&timeline.take());
}

#[test]
fn a_channel_that_another_thread_fills_is_a_stream_with_back_pressure() {
    /// A stream of what a channel receives.
    struct Received(mpsc::Receiver<u64>);

    impl Stream for Received {
        type Item = u64;

        fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<u64>> {
            self.0.poll_recv(context)
        }
    }

    #[corio::task]
    fn program(received: Received) -> u64 {
        let sum = &Cell::new(0);
        for_each!(limit = 8, received, |n| task!(move {
            let twice = io!(double(n));
            sum.set(sum.get() + twice);
        }));
        sum.get()
    }

    let sum = ends(|| {
        let (sender, receiver) = mpsc::channel(4);
        let sends = std::thread::spawn(move || {
            for n in 0..1000 {
                sender.blocking_send(n).unwrap();
            }
        });
        let sum = Schedule::new(()).run(program(Received(receiver)));
        sends.join().unwrap();
        sum
    });
    assert_eq!(sum, Ok(999 * 1000));
}

#[corio::task]
fn fails_at(n: u64, bad: u64) -> Result<(), String> {
    if io!(double(n)) == 2 * bad { Err(format!("no {n}")) } else { Ok(()) }
}

#[test]
fn the_first_error_ends_it_and_no_further_item_is_taken() {
    #[corio::task]
    fn program(taken: &Cell<u64>) -> Result<(), String> {
        let items = (0..1000).inspect(|n| taken.set(*n));
        try_for_each!(limit = 10, items, |n| fails_at(n, 25))
    }

    let taken = Cell::new(0);
    assert_eq!(Schedule::new(()).run(program(&taken)), Ok(Err("no 25".to_owned())));
    assert_eq!(taken.get(), 29);
    #[corio::task]
    fn no_error() -> Result<(), String> {
        try_for_each!(limit = 10, 0..100, |n| fails_at(n, 200))
    }
    assert_eq!(run(no_error()), Ok(()));
}

#[test]
fn an_error_ends_it_although_the_stream_gives_nothing_more() {
    #[corio::task(VirtualClock)]
    fn program() -> Result<(), String> {
        let two_and_silence = stream::iter([1, 2]).chain(stream::pending());
        try_for_each!(limit = 10, two_and_silence, |n| fails_at(n, 2))
    }

    let result = ends(|| {
        let clock = VirtualClock::new();
        Schedule::new(&clock).clock(clock.clone()).run(program())
    });
    assert_eq!(result, Ok(Err("no 2".to_owned())));
}

#[test]
fn children_that_run_are_dropped_with_it_before_what_they_borrow() {
    #[corio::task(Timeline)]
    fn program() {
        let timeline = context!();
        let _local = timeline.note_of_drop("local");
        let local = &_local;
        for_each!(limit = 2, stream::repeat(1), |n| task!(move {
            let _held = (context!().note_of_drop("child"), local);
            io!(context!().pause(n));
            wait!(std::future::pending::<()>());
        }));
    }

    #[corio::task(Timeline)]
    fn cut() {
        let _ = timeout!(std::time::Duration::from_millis(5), program());
    }

    let timeline = Timeline::default();
    timeline.schedule().run(cut()).unwrap();
    expect![[r#"
        5ms: child
        5ms: child
        5ms: local
    "#]]
    .assert_eq(&timeline.take());
}

#[test]
fn a_source_that_panics_ends_the_run_with_its_children() {
    #[corio::task]
    fn program() {
        let items = (0..10).inspect(|n| assert!(*n < 4, "no more"));
        for_each!(limit = 3, items, asks);
    }

    let mut schedule = Schedule::new(());
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = schedule.run(program());
    }));
    assert!(caught.is_err());
    assert_eq!(schedule.run(healthy()), Ok(10));
}

#[test]
fn a_stream_that_waits_for_a_lock_of_corio_is_a_deadlock_if_nobody_unlocks_it() {
    #[corio::task]
    fn program() {
        let mutex = Mutex::new(());
        let _held = call!(mutex.lock());
        let locked = stream::once(async {
            drop(mutex.lock().await);
            1
        });
        let locked = std::pin::pin!(locked);
        for_each!(limit = 3, locked, asks);
    }

    let error = Schedule::new(()).run(program()).unwrap_err();
    assert!(matches!(error, Error::Deadlock(_)), "{error}");

    #[corio::task]
    fn children_wait_for_ever() {
        let never = &Notify::new();
        for_each!(limit = 3, 0..2, |_| task!(move {
            call!(never.notified());
        }));
    }

    let error = Schedule::new(()).run(children_wait_for_ever()).unwrap_err();
    assert!(error.to_string().contains("for_each.rs"), "{error}");
}

#[test]
fn a_source_that_has_ended_is_dropped_before_the_last_children_end() {
    #[corio::task(Timeline)]
    fn child(n: u64) {
        io!(context!().pause(n));
        context!().note(format_args!("{n} ended"));
    }

    #[corio::task(Timeline)]
    fn program() {
        let held = context!().note_of_drop("source dropped");
        let source = [5, 9].into_iter().inspect(move |_| {
            let _ = &held;
        });
        for_each!(limit = 9, source, child);
    }

    let timeline = Timeline::default();
    timeline.schedule().run(program()).unwrap();
    expect![[r#"
        0ns: source dropped
        5ms: 5 ended
        9ms: 9 ended
    "#]]
    .assert_eq(&timeline.take());
}

#[test]
fn it_can_be_cut_by_a_time_limit_while_it_waits_for_its_stream() {
    #[corio::task(VirtualClock)]
    fn program() -> bool {
        let silence = stream::iter([1]).chain(stream::pending());
        let waits = task!(move {
            for_each!(limit = 3, silence, asks);
        });
        timeout!(std::time::Duration::from_secs(1), waits).is_err()
    }

    let clock = VirtualClock::new();
    let cut = Schedule::new(&clock).clock(clock.clone()).run(program());
    assert_eq!((cut, clock.now().as_secs()), (Ok(true), 1));
}
