//! Tasks by hand, which hold the futures that they wait for and do with them whatever they like.

use std::future::{Future, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use corio::sync::Mutex;
use corio::{Cx, JoinHandle, Schedule, SendTask, boxed, task_fn};

use super::dispatchers::{later, now, slots};
use super::filled::Filled;
use super::random::{random, random_index};
use super::tasks::{Throws, either, waits};

static POLLED: AtomicU64 = AtomicU64::new(0);
static SPAWNED: AtomicU64 = AtomicU64::new(0);

/// How often destructors have tried to poll, and to spawn.
pub(crate) fn used_in_destructors() -> (u64, u64) {
    (POLLED.load(Ordering::Relaxed), SPAWNED.load(Ordering::Relaxed))
}

type Held<'r> = Pin<Box<dyn Future<Output = ()> + Send + 'r>>;

/// The futures of one task. Their destructor goes on using them.
struct Futures<'r> {
    cx: Cx<'r, ()>,
    held: Vec<Held<'r>>,
}

impl Futures<'_> {
    /// Polls most of those that are there; the ones that are over, or have panicked, go.
    fn poll_most(&mut self, context: &mut Context<'_>) {
        self.held.retain_mut(|one| {
            let is_over = || one.as_mut().poll(context).is_ready();
            random(3) == 0 || caught(is_over) == Some(false)
        });
    }

    fn poll_one(&mut self) {
        if !self.held.is_empty() {
            let at = random_index(self.held.len());
            let _ = self.held[at].as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
    }

    fn drop_one(&mut self) {
        if !self.held.is_empty() {
            let at = random_index(self.held.len());
            drop(self.held.swap_remove(at));
        }
    }
}

impl Drop for Futures<'_> {
    fn drop(&mut self) {
        for _ in 0..random(12) {
            caught(|| match random(4) {
                0 => {
                    SPAWNED.fetch_add(1, Ordering::Relaxed);
                    drop(self.cx.spawn(waits::<1>(0)));
                }
                1 => self.held.push(future(self.cx, 0)),
                _ => {
                    POLLED.fetch_add(1, Ordering::Relaxed);
                    self.poll_one();
                }
            });
        }
    }
}

/// What is given, unless it panics.
fn caught<T>(panics: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(panics)).ok()
}

fn checked<'r, const N: usize>(future: impl Future<Output = Filled<N>> + Send + 'r) -> Held<'r> {
    Box::pin(async move { future.await.check() })
}

/// One of all that a `Cx` gives.
fn future<'r>(cx: Cx<'r, ()>, depth: u64) -> Held<'r> {
    let less = depth.saturating_sub(1);
    match random(if depth == 0 { 5 } else { 9 }) {
        0 => checked(cx.io(now(1))),
        1 => checked(cx.io(later(1))),
        2 => checked(cx.io(slots(1))),
        3 => Box::pin(async move {
            cx.io_all((0..random(4)).map(later)).await.iter().for_each(Filled::check)
        }),
        4 => Box::pin(async move { cx.wait().await }),
        5 => checked(cx.call(either::<9>(less))),
        6 => Box::pin(async move {
            cx.all((0..random(4)).map(|_| either::<10>(less))).await.iter().for_each(Filled::check)
        }),
        7 => {
            let handle = cx.spawn(either::<11>(less));
            checked(cx.call(handle))
        }
        _ => Box::pin(in_a_run_within(cx)),
    }
}

/// A future of this task is taken into another run, polled there, which panics, and dropped there.
async fn in_a_run_within(cx: Cx<'_, ()>) {
    let taken = cx.io(now(2));
    let own = Filled::<12>::new();
    let within = task_fn(async move |cx: Cx<'_, ()>| {
        let mut taken = Box::pin(taken);
        if random(2) == 0 {
            poll_fn(|context| Poll::Ready(caught(|| taken.as_mut().poll(context).is_ready())))
                .await;
        }
        cx.io(now(1)).await.check();
    });
    caught(|| drop(Schedule::new(()).run(within)));
    own.check();
}

pub(crate) fn by_hand(depth: u64) -> impl SendTask<(), Output = ()> {
    boxed(task_fn(async move |cx: Cx<'_, ()>| {
        let mut futures = Futures { cx, held: Vec::new() };
        let mut handles: Vec<JoinHandle<Filled<13>>> = Vec::new();
        let mutex = Arc::new(Mutex::new(Filled::<14>::new()));
        let _throws = Throws::now_and_then();
        for _ in 0..random(8) {
            match random(10) {
                0..3 => futures.held.push(future(cx, depth)),
                3 => drop(caught(|| futures.drop_one())),
                4 => mem::forget(futures.held.pop()),
                5 => handles.push(cx.spawn(either::<13>(depth.saturating_sub(1)))),
                6 => futures.held.extend(handles.pop().map(|handle| checked(cx.call(handle)))),
                7 => mutex.try_lock().iter().for_each(|locked| locked.check()),
                8 => drop(handles.pop()),
                _ => mem::forget(handles.pop()),
            }
            poll_fn(|context| {
                futures.poll_most(context);
                Poll::Ready(())
            })
            .await;
            if random(4) == 0 {
                cx.io(now(1)).await.check();
            }
        }
        if let Some(last) = futures.held.pop() {
            last.await;
        }
    }))
}
