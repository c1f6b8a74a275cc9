//! `spawn!`: waits for a permit under the task limit of the schedule, then spawns a child task.
//!
//! The task is made after the permit was acquired. The frame of the spawning task would otherwise
//! hold the new task while it waits, and a task that spawns its own kind would have no known size.
//! The permit knows the type of the task, though: see [`AcquireSpawnPermit`].

use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::handle::JoinHandle;
use crate::runtime::{TaskOf, current};

/// The future of the wait for a permit in a `spawn!` of a task with the future `F` and the output
/// `O`. Both will be in the run while the parent lives, and so are in the type that the parent
/// awaits: the parent is `Send` only if they are.
#[must_use]
pub struct AcquireSpawnPermit<F, O>(PhantomData<(F, O)>);

/// Leave to spawn one more task.
pub struct SpawnPermit<F, O>(PhantomData<(F, O)>);

impl<F, O> SpawnPermit<F, O> {
    /// A permit beyond the task limit, for [`Cx::spawn`](super::Cx::spawn), which cannot wait.
    pub(super) fn unlimited() -> Self {
        SpawnPermit(PhantomData)
    }
}

impl<F, O> AcquireSpawnPermit<F, O> {
    #[inline]
    pub(super) fn new() -> Self {
        AcquireSpawnPermit(PhantomData)
    }
}

impl<F, O> Unpin for AcquireSpawnPermit<F, O> {}

impl<F, O> Future for AcquireSpawnPermit<F, O> {
    type Output = SpawnPermit<F, O>;

    #[inline]
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<SpawnPermit<F, O>> {
        if current::with(|run| run.executor.may_spawn()) {
            Poll::Ready(SpawnPermit(PhantomData))
        } else {
            Poll::Pending
        }
    }
}

/// A spawned task whose handle has not been taken. `__corio_handle()` gives the handle; for a task
/// that can fail, the result is `#[must_use]`. There are two methods of this name, on
/// `Spawned<Result<T, E>>` and on the target of `Deref`: rustc takes the first that fits.
pub struct Spawned<O>(Started<O>);

/// The part of [`Spawned`] for tasks with any output.
pub struct Started<O> {
    task: TaskOf<O>,
    output: PhantomData<O>,
}

impl<O> Spawned<O> {
    /// The spawned task, which has no handle yet.
    #[inline]
    pub(super) fn new(task: TaskOf<O>) -> Self {
        Spawned(Started { task, output: PhantomData })
    }
}

impl<T, E> Spawned<Result<T, E>> {
    /// The handle of the task; called once, by the expansion of `spawn!`.
    #[inline]
    #[must_use = "this child can fail, and nobody would know: `call!` its handle, or drop it by \
                  `let _ = spawn!(..)`"]
    pub fn __corio_handle(self) -> JoinHandle<Result<T, E>> {
        self.0.__corio_handle()
    }
}

impl<O> Deref for Spawned<O> {
    type Target = Started<O>;

    #[inline]
    fn deref(&self) -> &Started<O> {
        &self.0
    }
}

impl<O> Started<O> {
    /// The handle of the task; called once, by the expansion of `spawn!`.
    #[inline]
    pub fn __corio_handle(&self) -> JoinHandle<O> {
        JoinHandle::new(self.task)
    }
}
