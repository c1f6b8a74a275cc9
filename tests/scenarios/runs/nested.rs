//! A run inside a task of another: what belongs to the outer one is refused in the inner one, with
//! words that say so, or does there what it does outside. Never is one run's memory, context or
//! task taken for the other's.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use corio::{Cx, Schedule, Task, task_fn};
use support::Number;

#[corio::dispatcher]
fn double(keys: &[u64]) -> Vec<u64> {
    keys.iter().map(|key| key * 2).collect()
}

/// Answers with a number of the context.
#[corio::dispatcher]
fn whose(owner: &Owner, keys: &[u64]) -> Vec<u64> {
    keys.iter().map(|_| owner.0).collect()
}

#[derive(corio::Context)]
struct Outer {
    owner: Owner,
}

#[derive(corio::Context)]
struct Inner {
    _before: [u64; 7],
    owner: Owner,
}

struct Owner(u64);

fn outer() -> Outer {
    Outer { owner: Owner(1) }
}

fn inner() -> Inner {
    Inner { _before: [99; 7], owner: Owner(2) }
}

#[corio::task]
fn healthy() -> u64 {
    let twice = io!(double(1));
    let more: Vec<u64> = io_all!((0..3).map(double));
    let handle = spawn!(double(twice));
    call!(handle) + more.iter().sum::<u64>()
}

/// Polls a future once, inside a task.
async fn once<F: Future>(future: &mut Pin<Box<F>>) -> Option<F::Output> {
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// The message with which an inner run refuses what is not its own. It goes on with its next task.
#[track_caller]
fn refused<T>(schedule: &mut Schedule<Inner>, task: impl Task<Inner, Output = T>) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(|| schedule.run(task).is_ok())) else {
        panic!("an inner run took what belongs to the outer one")
    };
    assert_eq!(schedule.run(healthy()), Ok(10));
    payload
        .downcast_ref::<String>()
        .cloned()
        .or(payload.downcast_ref::<&str>().map(|message| message.to_string()))
        .expect("a panic with a message")
}

#[track_caller]
fn check_says_so(message: &str) {
    assert!(message.starts_with("corio: ") && message.contains("in the run"), "{message}");
}

#[test]
fn each_sees_its_own_context() {
    let program = task_fn(async |cx: Cx<'_, Outer>| {
        let inside = Schedule::new(inner()).run(task_fn(async |inside: Cx<'_, Inner>| {
            assert_eq!(inside.io(whose(1)).await, 2);
            (cx.context().owner.0, inside.context().owner.0, inside.io(whose(1)).await)
        }));
        assert_eq!(inside, Ok((1, 2, 2)));
        (cx.context().owner.0, cx.io(whose(1)).await)
    });
    assert_eq!(Schedule::new(outer()).run(program), Ok((1, 1)));
}

mod the_cx_of_the_outer_one {
    use super::*;

    #[test]
    fn asks_and_spawns_nothing_in_the_inner_one() {
        let program = task_fn(async |cx: Cx<'_, Outer>| {
            let mut schedule = Schedule::new(inner());
            check_says_so(&refused(
                &mut schedule,
                task_fn(async |_: Cx<'_, Inner>| cx.io(whose(1)).await),
            ));
            check_says_so(&refused(
                &mut schedule,
                task_fn(async |_: Cx<'_, Inner>| cx.io_all([whose(1)]).await),
            ));
            check_says_so(&refused(
                &mut schedule,
                task_fn(async |_: Cx<'_, Inner>| cx.call(healthy()).await),
            ));
            check_says_so(&refused(
                &mut schedule,
                task_fn(async |_: Cx<'_, Inner>| cx.all([healthy()]).await),
            ));
            check_says_so(&refused(
                &mut schedule,
                task_fn(async |_: Cx<'_, Inner>| drop(cx.spawn(healthy()))),
            ));
            check_says_so(&refused(
                &mut schedule,
                task_fn(async |_: Cx<'_, Inner>| cx.wait().await),
            ));
            cx.io(whose(1)).await
        });
        assert_eq!(Schedule::new(outer()).run(program), Ok(1));
    }

    #[test]
    fn does_not_confuse_a_run_that_asked_first() {
        // The inner run's queue would be opened as over the outer context, had the outer `Cx`
        // opened it.
        let program = task_fn(async |cx: Cx<'_, Outer>| {
            let mut schedule = Schedule::new(inner());
            refused(&mut schedule, task_fn(async |_: Cx<'_, Inner>| cx.io(whose(1)).await));
            schedule.run(task_fn(async |inside: Cx<'_, Inner>| inside.io(whose(1)).await)).unwrap()
        });
        assert_eq!(Schedule::new(outer()).run(program), Ok(2));
    }
}

mod a_future_of_the_outer_one {
    use super::*;

    #[test]
    fn is_not_polled_in_the_inner_one() {
        let program = task_fn(async |cx: Cx<'_, Outer>| {
            let mut schedule = Schedule::new(inner());
            let asks = cx.io(whose(1));
            check_says_so(&refused(&mut schedule, task_fn(async |_: Cx<'_, Inner>| asks.await)));
            let all = cx.all((0..3).map(|_| healthy()));
            check_says_so(&refused(&mut schedule, task_fn(async |_: Cx<'_, Inner>| all.await)));
            let waits = cx.wait();
            check_says_so(&refused(&mut schedule, task_fn(async |_: Cx<'_, Inner>| waits.await)));
            cx.io(whose(1)).await
        });
        assert_eq!(Schedule::new(outer()).run(program), Ok(1));
    }

    #[test]
    fn is_not_polled_in_the_inner_one_half_way() {
        let program = task_fn(async |cx: Cx<'_, Outer>| {
            let mut schedule = Schedule::new(inner());
            let mut asks = Box::pin(cx.io(whose(1)));
            assert!(once(&mut asks).await.is_none());
            check_says_so(&refused(&mut schedule, task_fn(async |_: Cx<'_, Inner>| asks.await)));
            let mut all = Box::pin(cx.all((0..3).map(|_| healthy())));
            assert!(once(&mut all).await.is_none());
            check_says_so(&refused(&mut schedule, task_fn(async |_: Cx<'_, Inner>| all.await)));
            cx.io(whose(1)).await
        });
        assert_eq!(Schedule::new(outer()).run(program), Ok(1));
    }

    #[test]
    fn may_be_dropped_in_the_inner_one_and_each_keeps_its_memory() {
        let mut schedule = Schedule::new(inner());
        let program = task_fn(async |cx: Cx<'_, Outer>| {
            for _ in 0..3 {
                let fresh = cx.io(whose(1));
                let mut asked = Box::pin(cx.io_all((0..3).map(whose)));
                assert!(once(&mut asked).await.is_none());
                let drops = task_fn(async |inside: Cx<'_, Inner>| {
                    drop(fresh);
                    inside.io(double(1)).await;
                    drop(asked);
                    inside.io_all((0..3).map(double)).await;
                });
                schedule.run(drops).unwrap();
                assert_eq!(cx.io_all((0..3).map(whose)).await, [1, 1, 1]);
            }
        });
        assert_eq!(Schedule::new(outer()).run(program), Ok(()));
        // The outer schedule is gone, and its memory with it.
        for _ in 0..3 {
            assert_eq!(schedule.run(healthy()), Ok(10));
        }
    }

    #[test]
    fn dropped_in_the_inner_one_half_way_drops_its_children() {
        struct Counted(Number);

        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.add(1);
            }
        }

        #[corio::task]
        fn child(counted: Counted) {
            for key in 0..5 {
                io!(double(key));
            }
            drop(counted);
        }

        let dropped = Number::default();
        let program = task_fn(async |cx: Cx<'_, Outer>| {
            let mut all = Box::pin(cx.all((0..3).map(|_| child(Counted(dropped.clone())))));
            assert!(once(&mut all).await.is_none());
            cx.io(double(1)).await;
            Schedule::new(inner()).run(task_fn(async |_: Cx<'_, Inner>| drop(all))).unwrap();
            assert_eq!(dropped.get(), 3);
            cx.io(double(1)).await
        });
        assert_eq!(Schedule::new(outer()).run(program), Ok(2));
    }
}

mod a_run {
    use super::*;

    fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[corio::dispatcher]
    async fn never(_keys: &[u64]) -> Vec<u64> {
        std::future::pending().await
    }

    #[corio::task]
    fn stuck(counted: Arc<()>) {
        join!(
            never(1),
            task!({
                io!(double(1));
            })
        );
        drop(counted);
    }

    #[test]
    fn begun_outside_may_be_polled_and_dropped_in_the_task_of_another() {
        let counted = Arc::new(());
        let mut first = Schedule::new(());
        let mut run = first.run_async(stuck(counted.clone()));
        assert!(poll(&mut run).is_pending());
        let mut run = Some(run);
        let program = task_fn(async |cx: Cx<'_, Outer>| {
            assert_eq!(cx.io(whose(1)).await, 1);
            assert!(poll(run.as_mut().unwrap()).is_pending());
            assert_eq!(cx.io(whose(1)).await, 1);
            drop(run.take());
            cx.io(whose(1)).await
        });
        assert_eq!(Schedule::new(outer()).run(program), Ok(1));
        drop(run);
        assert_eq!(Arc::strong_count(&counted), 1);
        assert_eq!(first.run(healthy()), Ok(10));
    }

    #[test]
    fn of_a_task_of_its_own_schedule_cannot_begin_twice() {
        // The borrow checker sees to it; through a `RefCell` it is a panic as for any other.
        let schedule = RefCell::new(Schedule::new(()));
        let program = task_fn(async |_: Cx<'_, ()>| schedule.try_borrow_mut().is_err());
        let refused = schedule.borrow_mut().run(program);
        assert_eq!(refused, Ok(true));
        assert_eq!(schedule.borrow_mut().run(healthy()), Ok(10));
    }
}
