//! What is forgotten (`std::mem::forget`) half-way: it leaks, and nothing else. A module of its
//! own, as a leak detector reports all of this.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::mem::forget;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use corio::sync::{Lock, Mutex};
use corio::{Batch, Cx, Error, Schedule, Slot, task_fn};
use support::{double, healthy};

thread_local! {
    static WAKERS: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
    static SLOTS: RefCell<Vec<Slot<u64, u64>>> = const { RefCell::new(Vec::new()) };
}

/// Never answers.
#[corio::dispatcher]
async fn never(_keys: &[u64]) -> Vec<u64> {
    poll_fn(|context| {
        WAKERS.with_borrow_mut(|wakers| wakers.push(context.waker().clone()));
        Poll::Pending
    })
    .await
}

#[corio::dispatcher]
fn kept(batch: Batch<u64, u64>) {
    SLOTS.with_borrow_mut(|slots| slots.extend(batch));
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls a future once, inside a task.
async fn once<F: Future>(future: &mut Pin<Box<F>>) -> Option<F::Output> {
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

mod a_run {
    use super::*;

    /// Writes to what the caller of `run` lent it, whenever it is resumed: if it ever is after the
    /// loan is over, AddressSanitizer sees it.
    #[corio::task]
    fn borrows(lent: &Cell<[u64; 64]>) {
        let here = Cell::new([1; 64]);
        join!(writes(lent), writes(&here), kept(1), never(2));
    }

    #[corio::task]
    fn writes(to: &Cell<[u64; 64]>) {
        for key in 0.. {
            io!(double(key));
            to.set([key; 64]);
            io!(kept(key));
        }
    }

    fn forget_a_run_of(schedule: &mut Schedule<()>) {
        let lent = Cell::new([0; 64]);
        let mut run = schedule.run_local(borrows(&lent));
        assert!(poll(&mut run).is_pending());
        forget(run);
    }

    #[test]
    fn before_its_first_poll() {
        let mut schedule = Schedule::new(());
        forget(schedule.run_async(healthy()));
        assert_eq!(schedule.run(healthy()), Ok(10));
    }

    #[test]
    fn half_way_is_never_resumed() {
        let mut schedule = Schedule::new(());
        for _ in 0..3 {
            forget_a_run_of(&mut schedule);
            assert_eq!(schedule.run(healthy()), Ok(10));
            // Its answers come, and its futures are woken, and nobody is there.
            WAKERS.take().into_iter().for_each(Waker::wake);
            for slot in SLOTS.take() {
                slot.answer(99);
            }
            assert_eq!(schedule.run(healthy()), Ok(10));
        }
    }

    #[test]
    fn leaves_the_schedule_whole() {
        let mut schedule = Schedule::new(());
        forget_a_run_of(&mut schedule);
        schedule = schedule.observe(|_: &corio::Event<'_>| {});
        assert_eq!(schedule.run(healthy()), Ok(10));
        forget_a_run_of(&mut schedule);
        schedule = schedule.answer_with(double, |keys| keys.to_vec());
        assert_eq!(schedule.run(healthy()), Ok(4));
    }

    #[test]
    fn outlives_its_schedule() {
        let mut schedule = Schedule::new(());
        forget_a_run_of(&mut schedule);
        drop(schedule);
        WAKERS.take().into_iter().for_each(Waker::wake);
        drop(SLOTS.take());
    }

    #[test]
    fn inside_a_task_of_another() {
        let mut inner = Schedule::new(());
        let task = task_fn(async |cx: Cx<'_, ()>| {
            forget_a_run_of(&mut inner);
            cx.io(double(2)).await
        });
        assert_eq!(Schedule::new(()).run(task), Ok(4));
        assert_eq!(inner.run(healthy()), Ok(10));
    }
}

mod a_handle {
    use super::*;

    #[corio::task]
    fn gives(dropped: Rc<Cell<u32>>) -> Dropped {
        io!(double(1));
        Dropped(dropped)
    }

    struct Dropped(Rc<Cell<u32>>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[corio::task]
    fn program(dropped: Rc<Cell<u32>>) {
        for _ in 0..10 {
            forget(spawn!(gives(dropped.clone())));
        }
        wait!();
        // Memory of the forgotten ones is still theirs.
        for _ in 0..10 {
            drop(call!(spawn!(gives(dropped.clone()))));
        }
    }

    #[test]
    fn is_no_leak_its_result_goes_with_the_run() {
        let dropped = Rc::new(Cell::new(0));
        let mut schedule = Schedule::new(());
        for runs in 1..=3 {
            assert_eq!(schedule.run(program(dropped.clone())), Ok(()));
            assert_eq!((dropped.get(), Rc::strong_count(&dropped)), (20 * runs, 1));
        }
        assert_eq!(schedule.run(healthy()), Ok(10));
    }
}

mod the_future_of_a_cx {
    use super::*;

    #[test]
    fn half_way_does_not_hold_its_task() {
        let task = task_fn(async |cx: Cx<'_, ()>| {
            let mut asks = Box::pin(cx.io(double(1)));
            assert!(once(&mut asks).await.is_none());
            forget(asks);
        });
        assert_eq!(Schedule::new(()).run(task), Ok(()));
    }

    #[test]
    fn before_its_first_poll() {
        let task = task_fn(async |cx: Cx<'_, ()>| {
            forget(cx.io(double(1)));
            forget(cx.io_all((0..10).map(double)));
            forget(cx.call(healthy()));
            forget(cx.all((0..10).map(|_| healthy())));
            cx.io(double(2)).await
        });
        assert_eq!(Schedule::new(()).run(task), Ok(4));
    }

    #[test]
    fn half_way_leaves_its_children_running_and_they_own_what_they_use() {
        #[corio::task]
        fn child(ended: Arc<AtomicUsize>, text: String) {
            for key in 0..3 {
                io!(double(key));
            }
            ended.fetch_add(text.len(), Ordering::Relaxed);
        }

        let ended = Arc::new(AtomicUsize::new(0));
        let mut schedule = Schedule::new(());
        let task = task_fn(async |cx: Cx<'_, ()>| {
            let mut all =
                Box::pin(cx.all((0..10).map(|_| child(ended.clone(), String::from("1")))));
            assert!(once(&mut all).await.is_none());
            forget(all);
            for key in 0..5 {
                cx.io(double(key)).await;
            }
        });
        let result = schedule.run(task);
        assert!(result == Ok(()) || matches!(result, Err(Error::Deadlock(_))), "{result:?}");
        assert_eq!((ended.load(Ordering::Relaxed), Arc::strong_count(&ended)), (10, 1));
        assert_eq!(schedule.run(healthy()), Ok(10));
    }
}

mod a_guard {
    use super::*;

    #[test]
    fn keeps_its_mutex_locked_and_that_is_an_error_not_a_hang() {
        #[corio::task]
        fn program(mutex: &Mutex<u64>) {
            forget(call!(mutex.lock()));
            drop(call!(mutex.lock()));
        }

        let mutex = Mutex::new(1);
        let mut schedule = Schedule::new(());
        assert!(matches!(schedule.run(program(&mutex)), Err(Error::Deadlock(_))));
        assert_eq!(schedule.run(healthy()), Ok(10));
    }

    #[test]
    fn of_one_who_waits_is_passed_over_when_its_task_is_gone() {
        let mutex: Arc<Mutex<u64>> = Arc::new(Mutex::new(0));
        let task = task_fn(async |cx: Cx<'_, ()>| {
            let locked = mutex.lock().await;
            let forgetful = mutex.clone();
            let handle = cx.spawn(task_fn(async move |_: Cx<'_, ()>| {
                // Leaks the mutex as well: the future borrows it.
                let mutex: &'static Mutex<u64> = Box::leak(Box::new(forgetful));
                let mut waits = Box::pin(mutex.lock());
                assert!(once(&mut waits).await.is_none());
                forget(waits);
            }));
            cx.call(handle).await;
            drop(locked);
            *mutex.lock().await += 1;
        });
        assert_eq!(Schedule::new(()).run(task), Ok(()));
        assert_eq!(*mutex.try_lock().unwrap(), 1);
    }
}

mod a_wait_for_a_lock {
    use super::*;

    /// A wait for a mutex that is locked, begun in a run that is over.
    fn begun_in_a_run(
        mutex: &'static Mutex<u64>,
        forgets_its_guard: bool,
    ) -> Pin<Box<Lock<'static, u64>>> {
        let program = task_fn(async move |_: Cx<'_, ()>| {
            let locked = mutex.try_lock();
            let mut waits = Box::pin(mutex.lock());
            assert!(once(&mut waits).await.is_none());
            if forgets_its_guard {
                forget(locked);
            }
            Some(waits)
        });
        Schedule::new(()).run(program).unwrap().unwrap()
    }

    #[test]
    fn that_outlives_its_run_begins_anew_in_the_next() {
        let mutex: &'static Mutex<u64> = Box::leak(Box::default());
        let waits = begun_in_a_run(mutex, false);
        let program = task_fn(async move |_: Cx<'_, ()>| {
            *waits.await += 1;
            *mutex.lock().await
        });
        assert_eq!(Schedule::new(()).run(program), Ok(1));
    }

    #[test]
    fn that_outlives_its_run_does_not_unlock_what_is_locked() {
        let mutex: &'static Mutex<u64> = Box::leak(Box::default());
        drop(begun_in_a_run(mutex, true));
        assert!(mutex.try_lock().is_none());
        let mut waits = begun_in_a_run(mutex, false);
        let program = task_fn(async move |_: Cx<'_, ()>| once(&mut waits).await.is_none());
        assert_eq!(Schedule::new(()).run(program), Ok(true));
        assert!(mutex.try_lock().is_none());
    }

    #[test]
    fn that_outlives_its_run_and_was_handed_the_lock_passes_it_on() {
        let mutex: &'static Mutex<u64> = Box::leak(Box::default());
        // The guard is dropped at the end of the run, while the task of the waiter lives.
        let waits = begun_in_a_run(mutex, false);
        assert!(mutex.try_lock().is_none(), "it was handed over");
        drop(waits);
        assert!(mutex.try_lock().is_some());
        let waits = begun_in_a_run(mutex, false);
        // Not if it stays away from the next run that locks.
        let program = task_fn(async move |_: Cx<'_, ()>| drop(mutex.lock().await));
        assert_eq!(Schedule::new(()).run(program), Ok(()));
        drop(waits);
        assert!(mutex.try_lock().is_some());
    }
}

#[test]
fn a_slot_keeps_its_run_waiting_and_the_run_can_be_dropped() {
    let mut schedule = Schedule::new(());
    let mut run = schedule.run_async(kept(1));
    assert!(poll(&mut run).is_pending());
    SLOTS.take().into_iter().for_each(forget);
    assert!(poll(&mut run).is_pending());
    drop(run);
    assert_eq!(schedule.run(healthy()), Ok(10));
}

#[test]
fn a_foreign_future_in_a_forgotten_run_stays_where_it_is() {
    let mut schedule = Schedule::new(());
    let task = task_fn(async |cx: Cx<'_, ()>| {
        let mut foreign = Box::pin(pending::<()>());
        let mut asks = Box::pin(cx.io(never(1)));
        poll_fn(|context| {
            let _ = foreign.as_mut().poll(context);
            asks.as_mut().poll(context)
        })
        .await
    });
    let mut run = schedule.run_async(task);
    assert!(poll(&mut run).is_pending());
    forget(run);
    assert_eq!(schedule.run(healthy()), Ok(10));
}
